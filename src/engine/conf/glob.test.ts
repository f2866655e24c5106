import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isGlob, segmentMatcher } from './glob.ts'

const cases: readonly (readonly [
  pattern: string,
  yes: readonly string[],
  no: readonly string[],
])[] = [
  ['*', ['a', 'a.conf', '[x]'], ['.a', '.']],
  ['.*', ['.a', '.a.conf'], ['a']],
  ['*.conf', ['a.conf', '.conf.conf'.slice(1)], ['a.conf~', 'aconf', '.conf', 'x.conf.bak']],
  ['a*b*c', ['abc', 'axxbxxc', 'abbcc'], ['ab', 'acb']],
  ['?', ['a', 'é', '\u{1F600}'], ['', 'ab', '.']],
  ['[a-c]x', ['ax', 'cx'], ['dx', '-x', 'x']],
  ['[!a-c]', ['d', '-'], ['a', 'b']],
  ['[^a]', ['b'], ['a']],
  ['[]a]', [']', 'a'], ['[']],
  ['[a-]', ['a', '-'], ['b']],
  ['[a', ['[a'], ['a']],
  ['\\*', ['*'], ['a', '\\*']],
  ['a**b', ['ab', 'axb'], ['a']],
  ['(a|b)+{c,d}', ['(a|b)+{c,d}'], ['a', 'ac']],
]

test('patterns match as glob(3) does', () => {
  for (const [pattern, yes, no] of cases) {
    const matches = segmentMatcher(pattern)
    for (const name of yes) assert.ok(matches(name), `${pattern} should match ${name}`)
    for (const name of no) assert.ok(!matches(name), `${pattern} should not match ${name}`)
  }
})

test('a pattern of many stars takes no time', () => {
  assert.ok(!segmentMatcher(`${'*a'.repeat(100)}b`)('a'.repeat(250)))
})

test('only "*", "?" and "[" make a pattern', () => {
  for (const path of ['a*', 'a?', '[a]']) assert.ok(isGlob(path))
  for (const path of ['a', 'a]', '{a,b}', 'a\\b']) assert.ok(!isGlob(path))
})
