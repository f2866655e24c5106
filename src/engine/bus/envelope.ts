/**
 * The payload of a request and of its reply. MQTT 3.1.1 has no properties for this, so they travel in the
 * payload, as JSON:
 *
 * ```text
 *   request  {"reply": TOPIC, "id": NUMBER, "body": …}
 *   reply    {"id": NUMBER, "body": …}   or   {"id": NUMBER, "error": TEXT}
 * ```
 */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

export interface RequestEnvelope {
  readonly reply: string
  readonly id: number
  readonly body: Json
}

export type ReplyEnvelope =
  | { readonly id: number; readonly body: Json }
  | { readonly id: number; readonly error: string }

export function encodeEnvelope(envelope: RequestEnvelope | ReplyEnvelope): string {
  return JSON.stringify(envelope)
}

/** Undefined when the payload is no request. */
export function decodeRequest(payload: Uint8Array): RequestEnvelope | undefined {
  const found = parseObject(payload)
  if (typeof found?.['reply'] !== 'string' || !Number.isSafeInteger(found['id'])) return undefined
  return { reply: found['reply'], id: Number(found['id']), body: found['body'] ?? null }
}

/** Undefined when the payload is no reply. */
export function decodeReply(payload: Uint8Array): ReplyEnvelope | undefined {
  const found = parseObject(payload)
  if (!Number.isSafeInteger(found?.['id'])) return undefined
  const id = Number(found?.['id'])
  const error = found?.['error']
  return typeof error === 'string' ? { id, error } : { id, body: found?.['body'] ?? null }
}

function parseObject(payload: Uint8Array): Record<string, Json> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString())
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, Json>)
      : undefined
  } catch {
    return undefined
  }
}
