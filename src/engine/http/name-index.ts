/**
 * Finds header names in bytes without making strings.
 *
 * While a name is scanned, a hash of its lower-case bytes is computed along (`hashByte`); one look into a
 * table of slots then gives the only candidate, and its bytes are compared.
 *
 * ```text
 *   "Content-Length"  ──hash──▶ slots[hash & mask] = 7 ──▶ compare with names[7] ──▶ 7
 * ```
 */
import { equalsLower, hashByte, unknownName } from './header-names.ts'

/** Slots for each name: few names then stand in the slot of another. */
const slotsPerName = 8
const slotsMin = 64

export class NameIndex {
  readonly #lowered: readonly Uint8Array[]
  /** Open addressing by the next slot: a name whose slot is taken stands in the one after it. */
  readonly #slots: Int16Array
  readonly #mask: number

  /** Names in lower case; their order gives the ids. */
  constructor(names: readonly string[]) {
    this.#lowered = names.map((name) => Buffer.from(name, 'latin1'))
    const wanted = Math.max(names.length * slotsPerName, slotsMin)
    this.#mask = 2 ** Math.ceil(Math.log2(wanted)) - 1
    this.#slots = new Int16Array(this.#mask + 1).fill(unknownName)
    for (const [id, bytes] of this.#lowered.entries()) {
      let slot = bytes.reduce(hashByte, 0) & this.#mask
      while (this.#slots[slot] !== unknownName) slot = (slot + 1) & this.#mask
      this.#slots[slot] = id
    }
  }

  /** Id of the name in `bytes[start, end)` whose hash was computed along; `unknownName` where there is none. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const id = this.#slots[slot]!
      if (id === unknownName || equalsLower(bytes, start, end, this.#lowered[id]!)) return id
    }
  }
}
