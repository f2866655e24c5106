import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackOff } from './back-off.ts'

test('the first death costs nothing, the next ones more and more, up to twelve seconds', () => {
  const backOff = new BackOff()
  const delays = Array.from({ length: 9 }, () => backOff.next(100))
  assert.deepEqual(delays, [0, 500, 1_000, 2_000, 4_000, 8_000, 12_000, 12_000, 12_000])
})

test('a long life gives all tries back', () => {
  const backOff = new BackOff()
  for (let i = 0; i < 5; i++) backOff.next(100)
  assert.equal(backOff.next(60_000), 0)
  assert.equal(backOff.next(100), 500)
})
