import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../test/support/random.ts'
import { unifiedDiff } from './text-diff.ts'

const names = { before: 'a', after: 'b' }

test('what differs is told with the lines around it', () => {
  const before = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n'
  const after = before.replace('five\n', 'FIVE\nmore\n')
  assert.equal(
    unifiedDiff(before, after, names),
    `--- a
+++ b
@@ -2,7 +2,8 @@
 two
 three
 four
-five
+FIVE
+more
 six
 seven
 eight
`,
  )
  assert.equal(unifiedDiff(before, before, names), '')
  assert.equal(unifiedDiff('', 'x\n', names), '--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n')
})

/** What `patch` does with a diff that fits exactly. */
function patched(text: string, diff: string): string {
  const lines = text.split('\n').slice(0, -1)
  const out: string[] = []
  let at = 0
  for (const line of diff.split('\n').slice(2, -1)) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@$/.exec(line)
    if (hunk !== null) {
      const start = hunk[2] === '0' ? Number(hunk[1]) : Number(hunk[1]) - 1
      while (at < start) out.push(lines[at++]!)
      assert.equal(out.length, hunk[4] === '0' ? Number(hunk[3]) : Number(hunk[3]) - 1, diff)
      continue
    }
    const content = line.slice(1)
    if (line[0] !== '+') assert.equal(lines[at++], content, diff)
    if (line[0] !== '-') out.push(content)
  }
  return [...out, ...lines.slice(at)].map((line) => `${line}\n`).join('')
}

test('a diff makes one text of the other', (t) => {
  const random = seededRandom(t)
  for (let i = 0; i < 300; i++) {
    const lines = Array.from({ length: random.integer(0, 60) }, () => random.text(1, 'abcde'))
    const others = lines.flatMap((line) => {
      if (random.chance(0.1)) return []
      return random.chance(0.15) ? [random.text(1, 'fgh'), line] : [line]
    })
    const toText = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('')
    const diff = unifiedDiff(toText(lines), toText(others), names)
    if (diff !== '') assert.equal(patched(toText(lines), diff), toText(others))
  }
})

test('texts that have nothing in common are one exchange', () => {
  const list = (word: string): string =>
    Array.from({ length: 3000 }, (_, i) => `${word}${i}\n`).join('')
  const diff = unifiedDiff(list('a'), list('b'), names)
  assert.ok(diff.startsWith('--- a\n+++ b\n@@ -1,3000 +1,3000 @@\n-a0\n'))
})
