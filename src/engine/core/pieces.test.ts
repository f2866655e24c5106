import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Stepwise, toEnd } from '../conf/stepwise.ts'
import { inPieces } from './pieces.ts'

function* counting(steps: number): Stepwise<number> {
  for (let i = 0; i < steps; i += 1) yield
  return steps
}

function* failing(): Stepwise<never> {
  yield
  throw new Error('no further')
}

test('both give the result, or the error', async () => {
  for (const steps of [0, 1, 100]) {
    assert.equal(toEnd(counting(steps)), steps)
    assert.equal(await inPieces(counting(steps), 0), steps)
  }
  assert.throws(() => toEnd(failing()), /no further/)
  await assert.rejects(inPieces(failing(), 0), /no further/)
})

test('everybody has a turn between two pieces, and nobody within one', async () => {
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  await inPieces(counting(10), 60_000)
  assert.equal(turns, 0)
  await inPieces(counting(10), 0)
  isOver = true
  assert(turns >= 9, `${turns} turns`)
})
