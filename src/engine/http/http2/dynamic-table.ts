/**
 * The dynamic table of an HPACK decoder (RFC 7541 §2.3.2): fields that came before, the newest first.
 *
 * ```text
 *   bytes   … name value │ name value │ name value │ room
 *                        ▲ oldest                  ▲ tail
 *   ranges  ring of (name from, value from, value to), oldest to newest
 * ```
 *
 * Bytes are only ever appended; when the room ends, what is alive moves to a new buffer, so that a range
 * that somebody still reads stays what it was. A table that holds nothing has no memory.
 */
import { entryOverheadBytes, tableBytesMax } from './limits.ts'
import { copySlice, type Slice } from './slice.ts'

const nothing = Buffer.alloc(0)
const roomInitial = 512
const entriesInitial = 16
const numbersPerEntry = 3

export class DynamicTable {
  #bytes: Buffer = nothing
  #tail = 0
  #ranges: Int32Array = new Int32Array(0)
  #oldest = 0
  #count = 0
  #size = 0
  #maxBytes = tableBytesMax

  /** How many entries there are. */
  get count(): number {
    return this.#count
  }

  /** Bytes as RFC 7541 §4.1 counts them. */
  get size(): number {
    return this.#size
  }

  /** RFC 7541 §4.3. */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes
    this.#evictTo(maxBytes)
  }

  /** Sets the slices to an entry, 0 the newest; false where there is none. */
  read(index: number, name: Slice, value: Slice): boolean {
    if (index >= this.#count) return false
    const at = this.#place(this.#count - 1 - index)
    const ranges = this.#ranges
    const bytes = this.#bytes
    name.bytes = bytes
    name.start = ranges[at]!
    name.end = ranges[at + 1]!
    value.bytes = bytes
    value.start = name.end
    value.end = ranges[at + 2]!
    return true
  }

  /** RFC 7541 §4.4: an entry that is larger than the table empties it. */
  insert(name: Slice, value: Slice): void {
    const nameBytes = name.end - name.start
    const bytes = nameBytes + value.end - value.start
    const size = bytes + entryOverheadBytes
    this.#evictTo(this.#maxBytes - size)
    if (size > this.#maxBytes) return
    if (this.#tail + bytes > this.#bytes.length) this.#move(bytes)
    if (this.#count * numbersPerEntry === this.#ranges.length) this.#growRing()
    const from = this.#tail
    copySlice(name, this.#bytes, from)
    copySlice(value, this.#bytes, from + nameBytes)
    this.#tail = from + bytes
    const at = this.#place(this.#count)
    this.#ranges[at] = from
    this.#ranges[at + 1] = from + nameBytes
    this.#ranges[at + 2] = this.#tail
    this.#count += 1
    this.#size += size
  }

  #place(position: number): number {
    const at = (this.#oldest + position) * numbersPerEntry
    return at < this.#ranges.length ? at : at - this.#ranges.length
  }

  #evictTo(maxBytes: number): void {
    while (this.#size > maxBytes && this.#count > 0) {
      const at = this.#place(0)
      this.#size -= this.#ranges[at + 2]! - this.#ranges[at]! + entryOverheadBytes
      this.#oldest += 1
      if (this.#oldest * numbersPerEntry === this.#ranges.length) this.#oldest = 0
      this.#count -= 1
    }
  }

  /** Makes room for an entry: twice what is alive, so that moving costs each byte but a few copies. */
  #move(bytes: number): void {
    const from = this.#count === 0 ? this.#tail : this.#ranges[this.#place(0)]!
    const alive = this.#tail - from
    const room = Math.max(roomInitial, (alive + bytes) * 2)
    const moved = Buffer.allocUnsafeSlow(room)
    this.#bytes.copy(moved, 0, from, this.#tail)
    for (let i = 0; i < this.#count; i++) {
      const at = this.#place(i)
      for (let number = 0; number < numbersPerEntry; number++) this.#ranges[at + number]! -= from
    }
    this.#bytes = moved
    this.#tail = alive
  }

  #growRing(): void {
    const larger = new Int32Array(
      Math.max(entriesInitial * numbersPerEntry, this.#ranges.length * 2),
    )
    for (let i = 0; i < this.#count; i++) {
      const at = this.#place(i)
      larger.set(this.#ranges.subarray(at, at + numbersPerEntry), i * numbersPerEntry)
    }
    this.#ranges = larger
    this.#oldest = 0
  }
}
