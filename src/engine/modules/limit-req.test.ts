import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constantValue } from '../core/complex-value.ts'
import type { VariableHost } from '../core/variables.ts'
import { privateZoneMemory } from '../core/zone-memory.ts'
import { type LimitReq, type LimitReqZone, LimitReqZones, type RateVerdict } from './limit-req.ts'

const host: VariableHost = { get: () => undefined, append: () => false }

function zoneOf(name: string, perSecond: number, key = 'k'): LimitReqZone {
  return { name, bytes: 32 * 1024, key: constantValue(key), rate: perSecond * 1000 }
}

function limitOf(zone: LimitReqZone, burst = 0, delay = 0): LimitReq {
  return { zone, burst: burst * 1000, delay: delay * 1000 }
}

/** Zones and a clock that the test moves. */
function start(memory = privateZoneMemory()): {
  readonly at: (ms: number, limits: readonly LimitReq[]) => RateVerdict
  readonly zones: LimitReqZones
} {
  let now = 0
  const zones = new LimitReqZones(memory, () => now)
  const at = (ms: number, limits: readonly LimitReq[]): RateVerdict => {
    now = 1_000_000 + ms
    return zones.judge(limits, host)
  }
  return { at, zones }
}

test('without a burst each request takes its share of time', () => {
  const { at } = start()
  const limits = [limitOf(zoneOf('one', 2))]
  assert.equal(at(0, limits).kind, 'pass')
  const refused = at(210, limits)
  assert.deepEqual([refused.kind, refused.excess], ['reject', 580])
  assert.equal(at(499, limits).kind, 'reject')
  assert.equal(at(500, limits).kind, 'pass')
  assert.equal(at(600, limits).kind, 'reject')
  assert.equal(at(5000, limits).kind, 'pass')
})

test('a burst waits its turn, one after the other', () => {
  const { at } = start()
  const limits = [limitOf(zoneOf('one', 10), 3)]
  const kinds = [0, 0, 0, 0, 0].map((ms) => at(ms, limits))
  assert.deepEqual(
    kinds.map(({ kind, delayMs }) => [kind, delayMs]),
    [
      ['pass', 0],
      ['delay', 100],
      ['delay', 200],
      ['delay', 300],
      ['reject', 0],
    ],
  )
  assert.equal(at(100, limits).delayMs, 300)
})

test('nodelay lets a burst through, delay= a part of it', () => {
  const { at } = start()
  const nodelay = [limitOf(zoneOf('one', 1), 2, Infinity)]
  assert.deepEqual(
    [0, 0, 0, 0].map((ms) => at(ms, nodelay).kind),
    ['pass', 'pass', 'pass', 'reject'],
  )
  const later = [limitOf(zoneOf('two', 1), 3, 1)]
  assert.deepEqual(
    [0, 0, 0, 0, 0].map((ms) => at(ms, later).delayMs),
    [0, 0, 1000, 2000, 0],
  )
})

test('of several limits the slowest decides, and a refusal counts nowhere', () => {
  const { at } = start()
  const fast = limitOf(zoneOf('fast', 10), 5)
  const slow = limitOf(zoneOf('slow', 1), 1)
  assert.equal(at(0, [fast, slow]).kind, 'pass')
  const second = at(0, [fast, slow])
  assert.deepEqual([second.kind, second.zone?.name, second.delayMs], ['delay', 'slow', 1000])
  assert.equal(at(0, [fast, slow]).kind, 'reject')
  // Two were counted by the fast one, so that the third is two ahead.
  assert.equal(at(0, [fast]).excess, 2000)
})

test('a request without a key is not counted', () => {
  const { at } = start()
  const limits = [limitOf(zoneOf('one', 1, ''))]
  for (let i = 0; i < 5; i += 1) assert.equal(at(0, limits).kind, 'uncounted')
})

test('workers count together, and a clock set back does no harm', () => {
  const memory = privateZoneMemory()
  const [one, other] = [start(memory), start(memory)]
  const limits = [limitOf(zoneOf('one', 1))]
  assert.equal(one.at(0, limits).kind, 'pass')
  assert.equal(other.at(10, limits).kind, 'reject')
  assert.equal(other.at(-50, limits).kind, 'reject')
  assert.equal(other.at(1000, limits).kind, 'pass')
})

test('a zone that is full gives the places of the oldest keys away', () => {
  const { at } = start()
  for (let i = 0; i < 2000; i += 1) {
    assert.equal(at(i, [limitOf(zoneOf('one', 1, `key ${i}`))]).kind, 'pass', `${i}`)
  }
})
