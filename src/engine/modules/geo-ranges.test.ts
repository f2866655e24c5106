import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfError } from '../conf/diagnostics.ts'
import { GeoRanges } from './geo-ranges.ts'

function rangesOf(...list: readonly (readonly [number, number, string])[]): GeoRanges {
  const ranges = new GeoRanges()
  for (const [from, to, value] of list) ranges.add({ from, to, value })
  return ranges
}

/** Values of the addresses from 0 to 9; "." for none. */
function shown(ranges: GeoRanges): string {
  return Array.from({ length: 10 }, (_, word) => ranges.find(word) ?? '.').join('')
}

test('ranges in any order', () => {
  assert.equal(shown(rangesOf([6, 7, 'c'], [0, 1, 'a'], [3, 3, 'b'])), 'aa.b..cc..')
})

test('a range within another one cuts it', () => {
  assert.equal(shown(rangesOf([1, 8, 'a'], [3, 5, 'b'])), '.aabbbaaa.')
  assert.equal(shown(rangesOf([1, 8, 'a'], [1, 2, 'b'], [8, 8, 'c'])), '.bbaaaaac.')
  assert.equal(shown(rangesOf([1, 8, 'a'], [3, 5, 'b'], [4, 4, 'c'])), '.aabcbaaa.')
})

test('the same range again takes the place of the first', () => {
  const ranges = rangesOf([2, 4, 'a'])
  assert.equal(ranges.add({ from: 2, to: 4, value: 'b' }), 'a')
  assert.equal(shown(ranges), '..bbb.....')
})

test('any other overlap is refused', () => {
  for (const [from, to] of [
    [0, 2],
    [4, 6],
    [0, 9],
    [2, 5],
  ] as const) {
    assert.throws(() => rangesOf([2, 4, 'a'], [from, to, 'b']), ConfError, `${from}-${to}`)
  }
})

test('takes away the very same range alone', () => {
  const ranges = rangesOf([2, 4, 'a'])
  assert.equal(ranges.delete(2, 3), false)
  assert.equal(ranges.delete(2, 4), true)
  assert.equal(shown(ranges), '..........')
})
