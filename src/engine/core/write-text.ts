/** Writes texts as UTF-8. */

/** Longer texts are written by native code; the call costs as much as so many characters. */
const shortTextMax = 48
const asciiMax = 0x7f

/** UTF-8 takes at most this many bytes for one unit of a string. */
export const bytesPerUnitMax = 3

/** Returns where the text ends. There must be room for `bytesPerUnitMax` bytes a unit. */
export function writeText(into: Buffer, start: number, text: string): number {
  const { length } = text
  if (length > shortTextMax) return start + into.write(text, start)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > asciiMax) return start + into.write(text, start)
    into[start + i] = code
  }
  return start + length
}
