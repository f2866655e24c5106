import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatusCounts, statusCountsWords } from './status-counts.ts'

function times(counts: StatusCounts, status: number, n: number): void {
  for (let i = 0; i < n; i += 1) counts.count(status)
}

test('statuses are counted one by one and by class', () => {
  const counts = new StatusCounts()
  times(counts, 502, 2)
  times(counts, 200, 5)
  times(counts, 204, 1)
  times(counts, 101, 1)
  const { codes, classes, total } = counts.read()
  assert.deepEqual(
    [...codes],
    [
      [101, 1],
      [200, 5],
      [204, 1],
      [502, 2],
    ],
  )
  assert.deepEqual(classes, [1, 6, 0, 0, 2])
  assert.equal(total, 9)
})

test('what is no status is not counted', () => {
  const counts = new StatusCounts()
  for (const status of [-1, 0, 99, 1000, NaN]) counts.count(status)
  assert.equal(counts.read().total, 0)
})

test('more statuses than there are slots are still counted by class', () => {
  const counts = new StatusCounts()
  for (let status = 200; status < 600; status += 1) counts.count(status)
  const { codes, classes, total } = counts.read()
  assert.equal(total, 400)
  assert.deepEqual(classes, [0, 100, 100, 100, 100])
  assert.ok(codes.size > 20 && codes.size < 400)
})

test('two views of the same words count together, and forget together', () => {
  const words = new Int32Array(statusCountsWords + 2)
  const [a, b] = [new StatusCounts(words, 1), new StatusCounts(words, 1)]
  a.count(200)
  b.count(200)
  b.count(404)
  assert.deepEqual(
    [...a.read().codes],
    [
      [200, 2],
      [404, 1],
    ],
  )
  b.reset()
  assert.equal(a.read().total, 0)
  a.count(404)
  assert.deepEqual([...b.read().codes], [[404, 1]])
  assert.deepEqual([words[0], words.at(-1)], [0, 0])
})
