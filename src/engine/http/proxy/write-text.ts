/** Writes texts of variables into a head: as UTF-8, and without anything that could end the line. */

/** Longer texts are written by native code; the call costs as much as so many characters. */
const shortTextMax = 48
const del = 0x7f
const blank = 0x20
const tab = 0x09

/** Bytes a text may need at most. */
export function roomFor(text: string): number {
  return text.length * 3
}

/** Returns where the text ends. Control characters become blanks. */
export function writeText(into: Buffer, start: number, text: string): number {
  const { length } = text
  if (length > shortTextMax) return writeLong(into, start, text)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > del) return writeLong(into, start, text)
    into[start + i] = (code >= blank && code !== del) || code === tab ? code : blank
  }
  return start + length
}

function writeLong(into: Buffer, start: number, text: string): number {
  const end = start + into.write(text, start)
  for (let at = start; at < end; at++) {
    const byte = into[at]!
    if ((byte < blank && byte !== tab) || byte === del) into[at] = blank
  }
  return end
}
