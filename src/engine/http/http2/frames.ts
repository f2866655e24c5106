/**
 * Frames of HTTP/2 (RFC 9113 §4.1, §6).
 *
 * ```text
 *   ┌────────────┬──────┬───────┬───┬───────────┬─────────────┐
 *   │ length (24)│ type │ flags │ R │ stream(31)│ payload …   │
 *   └────────────┴──────┴───────┴───┴───────────┴─────────────┘
 * ```
 */

export const frameHeadBytes = 9

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const flags = {
  endStream: 0x01,
  ack: 0x01,
  endHeaders: 0x04,
  padded: 0x08,
  priority: 0x20,
} as const

export const settingIds = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const

/** Bytes of one setting, of a PING, and of the fields of a PRIORITY. */
export const settingBytes = 6
export const pingBytes = 8
export const priorityBytes = 5

/** What a client says first (RFC 9113 §3.4). */
export const clientPreface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

/** A number of 31 bits; the top bit is reserved. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & 0x7fff_ffff
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}
