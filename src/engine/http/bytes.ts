/**
 * Classes of bytes that the parser tells apart, as tables: one look per byte.
 */

export const tab = 0x09
export const lf = 0x0a
export const cr = 0x0d
export const space = 0x20
export const colon = 0x3a
export const slash = 0x2f

function table(set: (byte: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => set(byte))
}

const tokenSigns = "!#$%&'*+-.^_`|~"

function isAlphaNumeric(byte: number): boolean {
  return /[A-Za-z0-9]/.test(String.fromCharCode(byte))
}

/** Lower case of each byte that may stand in a token (RFC 9110 §5.6.2), 0 for the others. */
export const tokenLower: Uint8Array = table((byte) => {
  const sign = tokenSigns.includes(String.fromCharCode(byte))
  if (!isAlphaNumeric(byte) && !sign) return 0
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
})

/** 1 for what nginx takes in a header name without directives: letters, digits, "-". */
export const plainName: Uint8Array = table((byte) =>
  isAlphaNumeric(byte) || byte === 0x2d ? 1 : 0,
)

/**
 * 1 for bytes of a field value (RFC 9110 §5.5): visible characters, space, tab, and bytes above ASCII.
 * Control characters are refused: not all peers read them alike.
 */
export const fieldValue: Uint8Array = table((byte) =>
  (byte >= space && byte !== 0x7f) || byte === tab ? 1 : 0,
)

/** What a byte of a request target means for the path before the query. */
export const targetPlain = 1
/** The path has to be looked at again: `%`, or `/` and `.`, which may make `//`, `/./` or `/../`. */
export const targetSpecial = 2
export const targetQuery = 3

/** 0 for what no target holds: control characters, space, and `#` (RFC 9112 §3.2 knows no fragment). */
export const target: Uint8Array = table((byte) => {
  if (byte <= space || byte === 0x7f || byte === 0x23) return 0
  if (byte === 0x3f) return targetQuery
  return byte === 0x25 ? targetSpecial : targetPlain
})

/** Value of a hexadecimal digit, 255 for other bytes. */
export const hexValue: Uint8Array = table((byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase())
  return digit < 0 ? 255 : digit
})

/** 1 for bytes of a registered name in `Host` (RFC 3986 §3.2.2), without "%"-escapes checked. */
export const hostByte: Uint8Array = table((byte) =>
  isAlphaNumeric(byte) || "-._~%!$&'()*+,;=".includes(String.fromCharCode(byte)) ? 1 : 0,
)
