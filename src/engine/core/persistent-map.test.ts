import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PersistentMap } from './persistent-map.ts'

/** A small seeded generator (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

test('behaves as a Map over random sets and deletes, and leaves old versions alone', () => {
  const random = createRandom(7)
  const model = new Map<string, number>()
  let map = PersistentMap.empty<number>()
  let frozenAt: PersistentMap<number> | undefined
  let frozenModel = new Map<string, number>()
  for (let i = 0; i < 20_000; i++) {
    const key = `server-${Math.floor(random() * 3_000)}`
    if (random() < 0.6) {
      map = map.set(key, i)
      model.set(key, i)
    } else {
      map = map.delete(key)
      model.delete(key)
    }
    if (i === 10_000) {
      frozenAt = map
      frozenModel = new Map(model)
    }
  }
  assert.equal(map.size, model.size)
  assert.deepEqual(new Map(map.entries()), model)
  assert.deepEqual(new Map(frozenAt!.entries()), frozenModel)
  const changed = new Map(frozenModel)
  for (const { key, after } of map.changesSince(frozenAt!)) {
    if (after === undefined) changed.delete(key)
    else changed.set(key, after)
  }
  assert.deepEqual(changed, model)
})

test('keeps keys apart whose hashes are equal', () => {
  // Found by search: many short keys, so that some pairs share all 32 bits.
  const keys = Array.from({ length: 200_000 }, (_, i) => i.toString(36))
  let map = PersistentMap.from(keys.map((key, i) => [key, i]))
  for (const [i, key] of keys.entries()) assert.equal(map.get(key), i)
  for (const key of keys.slice(0, 100_000)) map = map.delete(key)
  assert.equal(map.size, 100_000)
  for (const key of keys.slice(100_000)) assert.ok(map.has(key))
})

test('a set of the same value is the same map', () => {
  const value = {}
  const map = PersistentMap.from([['a', value]])
  assert.equal(map.set('a', value), map)
  assert.deepEqual(map.changesSince(map), [])
})
