import assert from 'node:assert/strict'
import { test } from 'node:test'
import { privateZoneMemory } from '../core/zone-memory.ts'
import { SharedTicketKeys } from './shared-ticket-keys.ts'

const hour = 60 * 60 * 1000

test('all workers have one key, and change it together', () => {
  const memory = privateZoneMemory()
  let now = 1000
  const [one, two] = [
    new SharedTicketKeys(memory, () => now),
    new SharedTicketKeys(memory, () => now),
  ]
  const first = one.current()
  assert.equal(first.length, 1)
  assert.deepEqual(two.current(), first)
  assert.equal(one.current(), first)
  now += 9 * hour
  const second = two.current()
  assert.equal(second.length, 2)
  assert.deepEqual(second[1], first[0])
  assert.notDeepEqual(second[0], first[0])
  assert.deepEqual(one.current(), second)
})

test('a key opens tickets for a day and is forgotten then', () => {
  let now = 1000
  const keys = new SharedTicketKeys(privateZoneMemory(), () => now)
  const [first] = keys.current()
  for (let i = 0; i < 2; i += 1) {
    now += 9 * hour
    keys.current()
  }
  assert.deepEqual(keys.current()[2], first)
  now += 9 * hour
  const last = keys.current()
  assert.equal(last.length, 3)
  assert.ok(!last.some(({ name }) => name.equals(first!.name)))
})
