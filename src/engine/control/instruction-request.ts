/**
 * What the endpoints of instructions have in common: one JSON object of known fields, `add` by POST and `del`
 * by PUT, checked in the documented order (reference §2.2).
 *
 * What is wrong with a request itself is an HTTP 400 in plain text; what the engine refuses is an HTTP 200
 * with a code.
 */
import { type ApiRequest, changeResponse, json, plain } from './api.ts'
import type { DynamicState } from './dynamic-state.ts'
import type { Edit } from './instruction.ts'
import { instructionBytesMin } from './limits.ts'
import { parseAddrPort } from './listen-address.ts'
import { loadsModule } from './loaded-modules.ts'
import type { ControlPlane } from './plane.ts'
import { formatReply, Refusal, replyCodes } from './refusal.ts'

export type Fields = Readonly<Record<string, unknown>>

export interface InstructionForm {
  readonly parameters: ReadonlySet<string>
  /** What is added and deleted, as messages call it. */
  readonly noun: string
  /** False where no address says what is meant. */
  readonly addressed?: boolean
}

/** The fields of a request, or the message of the first check it fails. */
export function parseInstruction(request: ApiRequest, form: InstructionForm): Fields | string {
  const { body } = request
  if (body === undefined || Buffer.byteLength(body) < instructionBytesMin) {
    return 'json parser error!'
  }
  const value = parseJson(body)
  if (value === undefined) return 'json parser error!'
  if (!isObject(value)) return 'json error!!!'
  return (
    checkNames(value, form.parameters) ??
    (form.addressed === false ? undefined : checkAddress(value)) ??
    checkType(value, request.method, form.noun) ??
    value
  )
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The fields of a request that has no order of checks; anything but such an object is refused. */
export function parseObject(text: string, parameters: ReadonlySet<string>): Fields {
  const value = parseJson(text)
  if (!isObject(value)) throw new Refusal(replyCodes.invalidJson, 'invalid json format.')
  refuseUnknown(value, parameters)
  return value
}

export function refuseUnknown(fields: Fields, parameters: ReadonlySet<string>): void {
  const fault = checkNames(fields, parameters)
  if (fault !== undefined) throw new Refusal(replyCodes.invalidJson, fault)
}

/** A field of that name which the form does not have; the last one, where there are several. */
export function checkNames(fields: Fields, parameters: ReadonlySet<string>): string | undefined {
  const unknown = Object.keys(fields).findLast((name) => !parameters.has(name))
  return unknown === undefined ? undefined : `invalid parameter:${unknown}!`
}

export function typeOf({ type }: Fields): 'add' | 'del' {
  return String(type).trim() === 'add' ? 'add' : 'del'
}

/** The answer to a request that fails a check. */
export function badRequest(msg: string): Response {
  return plain(400, formatReply({ code: 4, msg }))
}

/** Makes a change of what the data plane has `module` for. */
export async function changeByInstruction(
  request: ApiRequest,
  plane: ControlPlane,
  { module, edits }: { readonly module: string; readonly edits: ToEdits },
): Promise<Response> {
  if (!loadsModule(plane.state().tree, module)) {
    return new Response('{"code":-1, "msg":"no rpc handler registered"}', {
      headers: { 'content-type': 'application/json' },
    })
  }
  return change(request, plane, () => edits)
}

/** Makes a change; what the request or the state has against it is the answer. */
export async function change(
  request: ApiRequest,
  plane: ControlPlane,
  toEdits: () => ToEdits,
): Promise<Response> {
  try {
    const { action, actor, dryRun, timeoutMs } = request
    return changeResponse(
      await plane.change({ edits: toEdits(), action, actor, dryRun, timeoutMs }),
    )
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return json(200, error.reply)
  }
}

type ToEdits = (state: DynamicState) => readonly Edit[]

/**
 * The topic that ends in a checksum of the texts, over the bytes as they were given. Others may have the same
 * checksum; the second one then gets a number behind it, so that neither is lost.
 */
export function freeKey(isTaken: (key: string) => boolean, topic: string): string {
  let key = topic
  for (let n = 2; isTaken(key); n++) key = `${topic}_${n}`
  return key
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function checkAddress({ addr_port }: Fields): string | undefined {
  if (typeof addr_port !== 'string') return 'addr_port error!!!'
  if (addr_port.trim() === '') return 'addr_port null!!!'
  return parseAddrPort(addr_port) === undefined ? 'addr_port error!!!' : undefined
}

function checkType(fields: Fields, method: string, noun: string): string | undefined {
  if (typeof fields['type'] !== 'string') return 'type error!!!'
  const type = fields['type'].trim()
  if (type !== 'add' && type !== 'del') return 'type error!!!'
  if (type === 'add' && method !== 'POST') return `no support method when add ${noun}!`
  return type === 'del' && method !== 'PUT' ? `no support method when del ${noun}!` : undefined
}
