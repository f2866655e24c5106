import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FloodGuard } from './flood-guard.ts'

const allowance = { burst: 10, perSecond: 5 }

function spendAll(guard: FloodGuard, now: number): number {
  let spent = 0
  while (spent < 1000 && guard.spend(now)) spent += 1
  return spent
}

test('a burst, and what comes back with time', () => {
  const guard = new FloodGuard(allowance, 0)
  assert.equal(spendAll(guard, 0), 10)
  assert.equal(spendAll(guard, 100), 0)
  assert(spendAll(guard, 2000) >= 8)
})

test('what comes back is never more than the burst', () => {
  const guard = new FloodGuard(allowance, 0)
  spendAll(guard, 0)
  assert.equal(spendAll(guard, 1_000_000), 10)
  guard.earn(1000)
  assert.equal(spendAll(guard, 1_000_000), 10)
})

test('what is spent at the pace that is allowed never runs out', () => {
  const guard = new FloodGuard(allowance, 0)
  for (let now = 0; now < 1_000_000; now += 201) assert.equal(guard.spend(now), true)
})
