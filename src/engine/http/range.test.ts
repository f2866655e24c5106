/** Ranges as nginx reads them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multipartRanges, parseRanges } from './range.ts'

const size = 100

const cases: readonly (readonly [field: string, expected: unknown])[] = [
  ['bytes=0-9', [[0, 10]]],
  ['BYTES=0-9', [[0, 10]]],
  ['bytes= 0 - 9 ', [[0, 10]]],
  ['bytes=90-', [[90, 100]]],
  ['bytes=90-1000', [[90, 100]]],
  ['bytes=-10', [[90, 100]]],
  ['bytes=-1000', [[0, 100]]],
  [
    'bytes=0-0,-1',
    [
      [0, 1],
      [99, 100],
    ],
  ],
  ['bytes=0-9,200-300', [[0, 10]]],
  [
    'bytes=50-59,0-9',
    [
      [50, 60],
      [0, 10],
    ],
  ],
  [
    'bytes=0-9,5-14',
    [
      [0, 10],
      [5, 15],
    ],
  ],
  ['items=0-9', 'all'],
  ['bytes=', 'all'],
  ['bytes=0-,0-', 'all'],
  ['bytes=100-', 'none'],
  ['bytes=9-0', 'none'],
  ['bytes=a-b', 'none'],
  ['bytes=1', 'none'],
  ['bytes=0-9,', 'none'],
  ['bytes=1-2x', 'none'],
  ['bytes=99999999999999999999-', 'none'],
]

for (const [field, expected] of cases) {
  test(field, () => {
    const ranges = parseRanges(field, size, Infinity)
    const found = typeof ranges === 'string' ? ranges : ranges.map(({ start, end }) => [start, end])
    assert.deepEqual(found, expected)
  })
}

test('more ranges than are allowed are answered with the whole', () => {
  assert.equal(parseRanges('bytes=0-0,2-2', size, 1), 'all')
  assert.notEqual(parseRanges('bytes=0-0,2-2', size, 2), 'all')
})

test('nothing of an empty body is all of it', () => {
  assert.equal(parseRanges('bytes=0-', 0, Infinity), 'all')
  assert.equal(parseRanges('bytes=-5', 0, Infinity), 'all')
  assert.equal(parseRanges('bytes=1-', 0, Infinity), 'none')
})

test('the length of a multipart message is that of what is sent', () => {
  const ranges = [
    { start: 0, end: 5 },
    { start: 50, end: 60 },
  ]
  const { parts, tail, length } = multipartRanges(ranges, { boundary: 'B', type: 'a/b', size })
  const text = parts.map(({ head, start, end }) => `${String(head)}${'x'.repeat(end - start)}`)
  const message = `${text.join('')}${String(tail)}`
  assert.equal(length, message.length)
  assert.match(
    message,
    /^\r\n--B\r\nContent-Type: a\/b\r\nContent-Range: bytes 0-4\/100\r\n\r\nxxxxx\r\n--B\r\n/,
  )
  assert.match(message, /\r\n--B--\r\n$/)
})
