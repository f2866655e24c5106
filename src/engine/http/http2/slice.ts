/** Ranges of bytes that header fields are read from: nothing is copied before somebody keeps it. */

/** A range of bytes that a field's name or value is read from. */
export interface Slice {
  bytes: Uint8Array
  start: number
  end: number
}

const scratchBytesInitial = 1024

/** Most are short: a loop costs less than a call into the runtime. */
export function copySlice({ bytes, start, end }: Slice, into: Uint8Array, at: number): void {
  for (let i = start, to = at; i < end; i++, to++) into[to] = bytes[i]!
}

export function equalsSlice({ bytes, start, end }: Slice, other: Uint8Array): boolean {
  if (end - start !== other.length) return false
  for (let i = 0; i < other.length; i++) if (bytes[start + i] !== other[i]) return false
  return true
}

/** As Latin-1: what a peer has sent, byte by byte. */
export function sliceText({ bytes, start, end }: Slice): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}

/** Bytes that are kept for the length of one block. */
export class Scratch {
  bytes: Buffer = Buffer.allocUnsafeSlow(scratchBytesInitial)
  length: number = 0

  append(slice: Slice): void {
    const needed = this.length + slice.end - slice.start
    if (needed > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(needed * 2)
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    copySlice(slice, this.bytes, this.length)
    this.length = needed
  }

  appendText(text: string): void {
    const bytes = Buffer.from(text, 'latin1')
    this.append({ bytes, start: 0, end: bytes.length })
  }
}
