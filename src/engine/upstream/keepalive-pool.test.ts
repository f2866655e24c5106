import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IdleConnection, KeepalivePool } from './keepalive-pool.ts'

class Idle implements IdleConnection {
  readonly key: string
  older: IdleConnection | undefined = undefined
  newer: IdleConnection | undefined = undefined
  closed = false

  constructor(key: string) {
    this.key = key
  }

  close(): void {
    this.closed = true
  }
}

const config = (connections: number) => ({
  connections,
  requestsMax: 1000,
  ageMaxMs: 3_600_000,
  idleMaxMs: 60_000,
})

function filled(connections: number, ...keys: readonly string[]): [KeepalivePool<Idle>, Idle[]] {
  const pool = new KeepalivePool<Idle>(config(connections))
  const all = keys.map((key) => new Idle(key))
  for (const one of all) pool.keep(one)
  return [pool, all]
}

test('the one that was used last is used next', () => {
  const [pool, [a, b, c]] = filled(8, 'x', 'y', 'x')
  assert.equal(pool.take('x'), c)
  assert.equal(pool.take('x'), a)
  assert.equal(pool.take('x'), undefined)
  assert.equal(pool.take('y'), b)
  assert.equal(pool.size, 0)
})

test('what is too many is closed, the one that waits longest first', () => {
  const [pool, [a, b, c]] = filled(2, 'x', 'y', 'x')
  assert.deepEqual([a!.closed, b!.closed, c!.closed], [true, false, false])
  assert.equal(pool.size, 2)
  pool.configure(config(1))
  assert.deepEqual([b!.closed, c!.closed], [true, false])
})

test('one that ended by itself is not handed out', () => {
  const [pool, [a, b, c]] = filled(8, 'x', 'x', 'x')
  pool.remove(b!)
  assert.equal(pool.take('x'), c)
  assert.equal(pool.take('x'), a)
  assert.equal(pool.size, 0)
  pool.remove(b!)
  assert.equal(pool.size, 0)
})

test('a pool for none closes at once', () => {
  const [pool, [a]] = filled(0, 'x')
  assert.equal(a!.closed, true)
  assert.equal(pool.size, 0)
})

test('the order of age outlives takes and removals', () => {
  const [pool, all] = filled(4, 'a', 'b', 'c', 'd')
  assert.equal(pool.take('b'), all[1])
  pool.keep(all[1]!)
  pool.remove(all[0]!)
  pool.keep(new Idle('e'))
  pool.keep(new Idle('f'))
  assert.deepEqual(
    all.map(({ closed }) => closed),
    [false, false, true, false],
  )
  pool.close()
  assert.equal(pool.size, 0)
})

test('what waits is counted where others see it, until the pool is closed', () => {
  const gauge = (): { sum: number; add: (delta: number) => void } => {
    const counted = { sum: 0, add: (delta: number): void => void (counted.sum += delta) }
    return counted
  }
  const [one, other] = [gauge(), gauge()]
  const pool = new KeepalivePool<Idle>(config(2), one)
  for (const name of ['a', 'b', 'c']) pool.keep(new Idle(name))
  assert.equal(one.sum, 2)
  pool.take('c')
  assert.equal(one.sum, 1)
  pool.configure(config(2), other)
  assert.deepEqual([one.sum, other.sum], [0, 1])
  pool.close()
  pool.keep(new Idle('late'))
  assert.equal(other.sum, 0)
})
