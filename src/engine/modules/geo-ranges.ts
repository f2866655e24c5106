/**
 * Disjoint ranges of IPv4 addresses with values, kept in order and found by bisection.
 *
 * ```text
 *   10.0.0.0 ─────────────────────── 10.0.0.9  a          a range within one that stands there already
 *                10.0.0.5 ── 10.0.0.6          b          cuts it; any other overlap is refused, as in nginx
 *   ────────────┬──────────────────┬─────────
 *        a      │        b         │    a
 * ```
 */
import { ConfError } from '../conf/diagnostics.ts'

export interface AddressRange {
  /** First and last address, as unsigned words. */
  readonly from: number
  readonly to: number
  readonly value: string
}

export class GeoRanges {
  readonly #pieces: AddressRange[] = []

  /** Adds one; the value that the same range had before, if it had. */
  add(range: AddressRange): string | undefined {
    const index = this.#firstThatEnds(range.from)
    const piece = this.#pieces[index]
    if (piece === undefined || piece.from > range.to) {
      this.#pieces.splice(index, 0, range)
      return undefined
    }
    if (piece.from > range.from || piece.to < range.to) {
      throw new ConfError(`range "${format(range)}" overlaps "${format(piece)}"`)
    }
    this.#pieces.splice(index, 1, ...cut(piece, range))
    return piece.from === range.from && piece.to === range.to ? piece.value : undefined
  }

  /** Takes away the very same range; false where there is none. */
  delete(from: number, to: number): boolean {
    const index = this.#firstThatEnds(from)
    const piece = this.#pieces[index]
    if (piece === undefined || piece.from !== from || piece.to !== to) return false
    this.#pieces.splice(index, 1)
    return true
  }

  find(word: number): string | undefined {
    const piece = this.#pieces[this.#firstThatEnds(word)]
    return piece !== undefined && piece.from <= word ? piece.value : undefined
  }

  /** Index of the first piece that ends at or behind an address. */
  #firstThatEnds(word: number): number {
    let low = 0
    let high = this.#pieces.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#pieces[middle]!.to < word) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** What is left of a piece around a range within it, and the range. */
function cut(piece: AddressRange, range: AddressRange): readonly AddressRange[] {
  const parts: AddressRange[] = []
  if (piece.from < range.from) parts.push({ ...piece, to: range.from - 1 })
  parts.push(range)
  if (piece.to > range.to) parts.push({ ...piece, from: range.to + 1 })
  return parts
}

function format({ from, to }: AddressRange): string {
  return `${dotted(from)}-${dotted(to)}`
}

function dotted(word: number): string {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.')
}
