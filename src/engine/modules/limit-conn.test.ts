import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { constantValue } from '../core/complex-value.ts'
import { type LimitConnZone, LimitConnZones } from './limit-conn.ts'
import { privateZoneMemory } from '../core/zone-memory.ts'

const zone: LimitConnZone = { name: 'one', bytes: 64 * 1024, key: constantValue('') }

describe('limit_conn', () => {
  test('counts each key, and forgets what ended', () => {
    const zones = new LimitConnZones(privateZoneMemory(), 'http')
    const first = zones.enter(zone, 'a', 2)
    const second = zones.enter(zone, 'a', 2)
    assert.equal(zones.enter(zone, 'a', 2), 'limit')
    assert.equal(typeof zones.enter(zone, 'b', 2), 'object')
    assert.ok(typeof first === 'object' && typeof second === 'object')
    first.end()
    assert.equal(typeof zones.enter(zone, 'a', 2), 'object')
    assert.equal(zones.enter(zone, 'a', 2), 'limit')
    second.end()
    assert.equal(typeof zones.enter(zone, 'a', 2), 'object')
  })

  test('is full when there is no room for another key', () => {
    const zones = new LimitConnZones(privateZoneMemory(), 'http')
    let entered = 0
    while (typeof zones.enter(zone, `key ${entered}`, 1) === 'object') entered += 1
    assert.ok(entered > 900, `${entered} keys`)
    assert.equal(zones.enter(zone, 'another', 1), 'full')
  })

  test('two holders of one memory count together', () => {
    const memory = privateZoneMemory()
    const [one, other] = [new LimitConnZones(memory, 'http'), new LimitConnZones(memory, 'http')]
    assert.equal(typeof one.enter(zone, 'a', 1), 'object')
    assert.equal(other.enter(zone, 'a', 1), 'limit')
  })
})
