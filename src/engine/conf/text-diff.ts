/**
 * What differs between two texts, line by line, in the unified form that `diff -u` and `patch` know.
 *
 * The shortest script of insertions and deletions (Myers, "An O(ND) Difference Algorithm", 1986) over what is
 * left between the common beginning and the common end. Texts that have next to nothing in common are told as
 * one exchange instead: nobody would read their script.
 */

const contextLines = 3

/** Insertions and deletions up to which the shortest script is looked for. */
const stepsMax = 500

interface Line {
  readonly mark: ' ' | '-' | '+'
  readonly text: string
}

/** Empty when the texts are the same. */
export function unifiedDiff(
  before: string,
  after: string,
  names: { readonly before: string; readonly after: string },
): string {
  if (before === after) return ''
  const hunks = toHunks(diffLines(linesOf(before), linesOf(after)))
  return [`--- ${names.before}`, `+++ ${names.after}`, ...hunks, ''].join('\n')
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}

function diffLines(a: readonly string[], b: readonly string[]): readonly Line[] {
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  const room = Math.min(a.length, b.length) - start
  while (end < room && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const middle = shortest(a.slice(start, a.length - end), b.slice(start, b.length - end))
  const same = (text: string): Line => ({ mark: ' ', text })
  return [...a.slice(0, start).map(same), ...middle, ...a.slice(a.length - end).map(same)]
}

/** The furthest points that each number of steps reaches, then the way back from the end. */
function shortest(a: readonly string[], b: readonly string[]): readonly Line[] {
  const reached: Map<number, number>[] = []
  let furthest = new Map<number, number>([[1, 0]])
  for (let steps = 0; steps <= stepsMax; steps++) {
    reached.push(furthest)
    const next = new Map(furthest)
    for (let diagonal = -steps; diagonal <= steps; diagonal += 2) {
      let x = startOn(next, diagonal, steps)
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x++
      next.set(diagonal, x)
      if (x >= a.length && x - diagonal >= b.length) return wayBack(a, b, reached)
    }
    furthest = next
  }
  const gone = a.map((text): Line => ({ mark: '-', text }))
  return [...gone, ...b.map((text): Line => ({ mark: '+', text }))]
}

function startOn(furthest: ReadonlyMap<number, number>, diagonal: number, steps: number): number {
  return isDown(furthest, diagonal, steps)
    ? (furthest.get(diagonal + 1) ?? 0)
    : (furthest.get(diagonal - 1) ?? 0) + 1
}

function isDown(furthest: ReadonlyMap<number, number>, diagonal: number, steps: number): boolean {
  if (diagonal === -steps) return true
  return diagonal !== steps && (furthest.get(diagonal - 1) ?? 0) < (furthest.get(diagonal + 1) ?? 0)
}

function wayBack(
  a: readonly string[],
  b: readonly string[],
  reached: readonly ReadonlyMap<number, number>[],
): readonly Line[] {
  const lines: Line[] = []
  let x = a.length
  let y = b.length
  for (let steps = reached.length - 1; steps >= 0; steps--) {
    const furthest = reached[steps]!
    const diagonal = x - y
    const down = isDown(furthest, diagonal, steps)
    const before = down ? diagonal + 1 : diagonal - 1
    const startX = furthest.get(before) ?? 0
    const startY = startX - before
    while (x > startX && y > startY && x > 0 && y > 0 && a[x - 1] === b[y - 1]) {
      lines.push({ mark: ' ', text: a[--x]! })
      y--
    }
    if (steps === 0) break
    if (down) lines.push({ mark: '+', text: b[--y]! })
    else lines.push({ mark: '-', text: a[--x]! })
  }
  return lines.toReversed()
}

function toHunks(lines: readonly Line[]): readonly string[] {
  const out: string[] = []
  let [before, after] = [1, 1]
  let i = 0
  while (i < lines.length) {
    const first = lines.findIndex(({ mark }, at) => at >= i && mark !== ' ')
    if (first < 0) break
    const from = Math.max(i, first - contextLines)
    const to = endOfHunk(lines, first)
    before += from - i
    after += from - i
    const hunk = lines.slice(from, to)
    const old = hunk.filter(({ mark }) => mark !== '+').length
    const fresh = hunk.filter(({ mark }) => mark !== '-').length
    out.push(`@@ -${range(before, old)} +${range(after, fresh)} @@`)
    for (const { mark, text } of hunk) out.push(`${mark}${text}`)
    before += old
    after += fresh
    i = to
  }
  return out
}

/** Behind the context of the last change that is not further away than two contexts. */
function endOfHunk(lines: readonly Line[], first: number): number {
  let last = first
  for (let i = first; i < lines.length && i <= last + 2 * contextLines; i++) {
    if (lines[i]!.mark !== ' ') last = i
  }
  return Math.min(lines.length, last + contextLines + 1)
}

/** A range without lines is named by the line before it. */
function range(start: number, count: number): string {
  return count === 1 ? `${start}` : `${count === 0 ? start - 1 : start},${count}`
}
