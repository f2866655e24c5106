/** What a client speaks, told from its first bytes: `$preread_proto`. */

export type SniffedProtocol = 'http' | 'https' | 'tcp'

/** Longest method that is waited for: `PROPPATCH`, and room for what is to come. */
const methodBytesMax = 24
const upperA = 0x41
const upperZ = 0x5a
const hyphen = 0x2d
const space = 0x20
const tlsHandshake = 22

/**
 * `https` for a TLS record that carries a handshake, `http` for a method followed by a target, `tcp` for
 * all else. `incomplete` while both are still possible.
 */
export function sniffProtocol(bytes: Uint8Array): SniffedProtocol | 'incomplete' {
  if (bytes.length === 0) return 'incomplete'
  return bytes[0] === tlsHandshake ? sniffTls(bytes) : sniffHttp(bytes)
}

/** Record of SSL 3.0 to TLS 1.3, whose first message is a ClientHello. */
function sniffTls(bytes: Uint8Array): SniffedProtocol | 'incomplete' {
  if (bytes.length > 1 && bytes[1] !== 3) return 'tcp'
  if (bytes.length > 5) return bytes[5] === 1 ? 'https' : 'tcp'
  return 'incomplete'
}

/** `METHOD SP` and then `/`, `*` or a letter (RFC 9112 §3). */
function sniffHttp(bytes: Uint8Array): SniffedProtocol | 'incomplete' {
  let length = 0
  while (length < bytes.length && isMethodByte(bytes[length]!)) length += 1
  if (length > methodBytesMax) return 'tcp'
  if (length === bytes.length) return 'incomplete'
  if (length === 0 || bytes[length] !== space) return 'tcp'
  const target = bytes[length + 1]
  if (target === undefined) return 'incomplete'
  return isTargetStart(String.fromCharCode(target)) ? 'http' : 'tcp'
}

function isMethodByte(byte: number): boolean {
  return (byte >= upperA && byte <= upperZ) || byte === hyphen
}

function isTargetStart(character: string): boolean {
  return /[/*[A-Za-z0-9]/.test(character)
}
