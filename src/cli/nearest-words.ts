/** Words that somebody may have meant who mistyped one. */

/** Changes of letters that still look like a slip, for each so many letters of the word. */
const lettersPerSlip = 4
const wordsMax = 3

/** The nearest ones first; those that begin with what was typed count as near. */
export function nearestWords(typed: string, words: readonly string[]): readonly string[] {
  const slipsMax = Math.max(1, Math.floor(typed.length / lettersPerSlip))
  return words
    .map((word) => ({ word, slips: word.startsWith(typed) ? 0 : distance(typed, word, slipsMax) }))
    .filter(({ slips }) => slips <= slipsMax)
    .toSorted((a, b) => a.slips - b.slips || a.word.localeCompare(b.word))
    .slice(0, wordsMax)
    .map(({ word }) => word)
}

/** Letters to insert, to take away, to exchange, or to swap with the next (Damerau, restricted). */
function distance(a: string, b: string, max: number): number {
  if (Math.abs(a.length - b.length) > max) return Infinity
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1)
    }
    before = above
    above = row
  }
  return above[b.length]!
}
