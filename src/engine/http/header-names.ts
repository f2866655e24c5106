/**
 * Header names the engine itself looks at, recognised without making strings.
 *
 * While a name is scanned, a hash of its lower-case bytes is computed along; one look into a table of
 * slots then gives the only candidate, and its bytes are compared.
 *
 * ```text
 *   "Content-Length"  ──hash──▶ slots[hash & 255] = 7 ──▶ compare with names[7] ──▶ id 7
 * ```
 */

/** Order gives the ids. */
export const knownNames = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'content-type',
  'expect',
  'upgrade',
  'te',
  'trailer',
  'user-agent',
  'referer',
  'cookie',
  'authorization',
  'accept',
  'accept-encoding',
  'accept-language',
  'if-modified-since',
  'if-unmodified-since',
  'if-none-match',
  'if-match',
  'if-range',
  'range',
  'keep-alive',
  'x-forwarded-for',
  'x-real-ip',
  'origin',
  'via',
] as const

export type KnownName = (typeof knownNames)[number]

export const unknownName = -1

/** Factor of the rolling hash; any odd number does that spreads the names below. */
const hashFactor = 31
const slotMask = 255

/** Adds one lower-case byte to a name's hash. */
export function hashByte(hash: number, byte: number): number {
  return (Math.imul(hash, hashFactor) + byte) | 0
}

const lowered: readonly Uint8Array[] = knownNames.map((name) => Buffer.from(name, 'latin1'))

/** Open addressing by the next slot: a name whose slot is taken stands in the one after it. */
const slots: Int8Array = fillSlots()

function fillSlots(): Int8Array {
  const table = new Int8Array(slotMask + 1).fill(unknownName)
  for (const [id, bytes] of lowered.entries()) {
    let slot = bytes.reduce(hashByte, 0) & slotMask
    while (table[slot] !== unknownName) slot = (slot + 1) & slotMask
    table[slot] = id
  }
  return table
}

const ids = Object.fromEntries(knownNames.map((name, id) => [name, id])) as Record<
  KnownName,
  number
>

/** Id of a known name; for use when modules are loaded, not per request. */
export function nameId(name: KnownName): number {
  return ids[name]
}

/** Id of a name that may be known, in lower case; `unknownName` otherwise. */
export function findNameId(name: string): number {
  return (ids as Record<string, number | undefined>)[name] ?? unknownName
}

/** Id of the name in `bytes[start, end)`, whose hash was computed while it was scanned. */
export function matchName(bytes: Uint8Array, start: number, end: number, hash: number): number {
  for (let slot = hash & slotMask; ; slot = (slot + 1) & slotMask) {
    const id = slots[slot]!
    if (id === unknownName || equalsLower(bytes, start, end, lowered[id]!)) return id
  }
}

/** Compares without regard to case; `lower` holds lower-case letters, digits and signs. */
export function equalsLower(
  bytes: Uint8Array,
  start: number,
  end: number,
  lower: Uint8Array,
): boolean {
  if (end - start !== lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    const byte = bytes[start + i]!
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    if (folded !== lower[i]) return false
  }
  return true
}
