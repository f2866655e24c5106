import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AverageMethod, ResponseTimes } from './response-times.ts'

interface Started {
  readonly times: ResponseTimes
  advance(ms: number): void
}

function start(method: AverageMethod, samples: number, periodMs = 0): Started {
  let now = 10_000
  const times = new ResponseTimes({ method, samples, periodMs }, () => now)
  return { times, advance: (ms) => void (now += ms) }
}

test('AMM: every request of the last seconds counts the same', () => {
  const { times, advance } = start('AMM', 2)
  assert.equal(times.averageMs, 0)
  times.add(100)
  times.add(100)
  advance(1000)
  times.add(400)
  assert.equal(times.averageMs, 200)
  advance(1000)
  assert.equal(times.averageMs, 400, 'the first second is over')
  advance(1000)
  assert.equal(times.averageMs, 0)
})

test('WMA: the last second counts most', () => {
  const { times, advance } = start('WMA', 2)
  times.add(100)
  times.add(100)
  advance(1000)
  times.add(400)
  assert.equal(times.averageMs, (1 * 100 + 2 * 400) / 3)
})

test('an average holds for its period', () => {
  const { times, advance } = start('AMM', 10, 5000)
  times.add(100)
  assert.equal(times.averageMs, 100)
  times.add(300)
  advance(4999)
  assert.equal(times.averageMs, 100)
  advance(1)
  assert.equal(times.averageMs, 200)
})
