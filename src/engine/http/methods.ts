/** Request methods as small numbers, so that the hot path compares no strings. */

export const methods = {
  other: 0,
  get: 1,
  head: 2,
  post: 3,
  put: 4,
  delete: 5,
  options: 6,
  patch: 7,
  connect: 8,
  trace: 9,
} as const

const texts: readonly string[] = Object.keys(methods).map((name) => name.toUpperCase())
const lengthMax = 7

/** The method in `bytes[start, end)`; `methods.other` for one that has no number. */
export function matchMethod(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length === 3 && bytes[start] === 0x47) return equals(bytes, start, 'GET') ? methods.get : 0
  if (length > lengthMax) return methods.other
  for (let id: number = methods.get; id < texts.length; id++) {
    const text = texts[id]!
    if (text.length === length && equals(bytes, start, text)) return id
  }
  return methods.other
}

/** The text of a numbered method. */
export function methodText(id: number): string {
  return texts[id]!
}

function equals(bytes: Uint8Array, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false
  return true
}
