/**
 * Counters of 64 bits in memory that processes share, as two words: an atomic addition to the lower one,
 * and to the upper one when that runs over. Exact whoever adds, and one addition nearly always.
 */

/** Words of one counter. */
export const wideWords = 2

const wordRange = 0x1_0000_0000
/** A reader that meets a carry looks again; carries are four thousand million steps apart. */
const readsMax = 3

/** Adds a whole number from 0 to 2³¹ − 1. */
export function addWide(words: Int32Array, at: number, delta: number): void {
  const before = Atomics.add(words, at, delta) >>> 0
  if (before + delta >= wordRange) Atomics.add(words, at + 1, 1)
}

export function readWide(words: Int32Array, at: number): number {
  let high = Atomics.load(words, at + 1)
  let low = 0
  for (let reads = 0; reads < readsMax; reads += 1) {
    low = Atomics.load(words, at) >>> 0
    const again = Atomics.load(words, at + 1)
    if (again === high) break
    high = again
  }
  return (high >>> 0) * wordRange + low
}

/** What is added at the same moment may be lost or kept. */
export function clearWide(words: Int32Array, at: number): void {
  Atomics.store(words, at, 0)
  Atomics.store(words, at + 1, 0)
}
