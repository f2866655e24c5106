import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { countLatencies } from '../../core/latency-histogram.ts'
import { createInstance, removeInstance } from '../../core/shared-memory.ts'
import { privateZoneMemory, SharedZoneMemory, type ZoneMemory } from '../../core/zone-memory.ts'
import { averageOf } from './average.ts'
import { keyBytesMax, recentShownMax } from './limits.ts'
import type { TrafficStyle } from './traffic-row.ts'
import { TrafficTable } from './traffic-table.ts'
import { trafficZoneOf } from './traffic-zone.ts'

const style: TrafficStyle = { average: 'AMM', periodMs: 0, bucketsMs: [5, 50] }

function createTable(capacity = 8, memory: ZoneMemory = privateZoneMemory()): TrafficTable {
  return new TrafficTable({ memory, name: 'test', capacity, timings: 2 })
}

test('what is counted of a key is there to be read', () => {
  const table = createTable()
  const counter = table.hold('group', 'name', style)
  for (const [status, ms] of [
    [200, 5],
    [204, 6],
    [404, 51],
    [599, -1],
  ] as const) {
    assert(counter.count(status, 10, 1000, 1))
    counter.time(0, ms)
    counter.time(1, 1)
  }
  const traffic = table.find('group', 'name')!
  assert.equal(traffic.requests, 4)
  assert.deepEqual([traffic.bytesIn, traffic.bytesOut], [40, 4000])
  assert.deepEqual(traffic.statuses, [0, 2, 0, 1, 1])
  const [request, response] = traffic.timings
  assert.equal(request!.sumMs, 62)
  assert.deepEqual(
    request!.recent.map(({ ms }) => ms),
    [5, 6, 51],
  )
  assert.deepEqual(request!.bucketCounts, [1, 2])
  assert.equal(countLatencies(request!.latencies), 3)
  assert.equal(response!.sumMs, 4)
  assert.deepEqual([...table.all()], [traffic])
})

test('a status that nobody was told is counted as a request without a class', () => {
  const table = createTable()
  table.hold('', 'a', style).count(0, 1, 0, 1)
  const { requests, statuses } = table.find('', 'a')!
  assert.deepEqual([requests, ...statuses], [1, 0, 0, 0, 0, 0])
})

test('counters of one key are one, and the group belongs to the key', () => {
  const table = createTable()
  table.hold('', 'a', style).count(200, 1, 1, 1)
  table.counterOf('', 'a', style).count(200, 1, 1, 1)
  table.counterOf('a', 'a', style).count(200, 1, 1, 1)
  assert.equal(table.counterOf('', 'a', style), table.counterOf('', 'a', style))
  assert.deepEqual(
    [...table.all()].map(({ group, name, requests }) => `${group}/${name} ${requests}`).sort(),
    ['/a 2', 'a/a 1'],
  )
})

test('after a reset what comes is counted from 0, and hidden keys show up again with it', () => {
  const table = createTable()
  const a = table.hold('', 'a', style)
  const b = table.hold('', 'b', style)
  for (const counter of [a, a, b]) counter.count(200, 1, 1, 1)
  assert.equal(
    table.reset((_, name) => name === 'a', false),
    1,
  )
  assert.equal(table.find('', 'a')!.requests, 0)
  assert.equal(table.find('', 'b')!.requests, 1)
  a.count(500, 1, 1, 1)
  assert.deepEqual(table.find('', 'a')!.statuses, [0, 0, 0, 0, 1])
  assert.equal(
    table.reset(() => true, true),
    2,
  )
  assert.deepEqual([...table.all()], [])
  assert.equal(
    table.reset(() => true, true),
    0,
  )
  b.count(200, 1, 1, 1)
  assert.deepEqual(
    [...table.all()].map(({ name, requests }) => `${name} ${requests}`),
    ['b 1'],
  )
})

test('a full table gives the places of passing keys away, and those of held ones never', () => {
  const table = createTable(4)
  const held = table.hold('', 'held', style)
  held.count(200, 1, 1, 1)
  for (let i = 0; i < 100; i += 1)
    assert(table.counterOf('', `key ${i}`, style).count(200, 1, 1, 1))
  const names = [...table.all()].map(({ name }) => name)
  assert.equal(names.length, 4)
  assert(names.includes('held') && names.includes('key 99'), names.join())
  // One that was given up begins anew, in whatever place.
  const early = table.counterOf('', 'key 0', style)
  early.count(200, 1, 1, 1)
  early.count(200, 1, 1, 1)
  assert.equal(table.find('', 'key 0')!.requests, 2)
  assert.equal(held.count(200, 1, 1, 1), true)
  assert.equal(table.find('', 'held')!.requests, 2)
})

test('where all places are held there is none for another key, and it is not tried all the time', () => {
  const table = createTable(2)
  for (const name of ['a', 'b']) assert(table.hold('', name, style).count(200, 1, 1, 1))
  const late = table.counterOf('', 'c', style)
  assert.equal(late.count(200, 1, 1, 1000), false)
  assert.equal(late.count(200, 1, 1, 1001), false)
  late.time(0, 1)
  assert.equal(table.find('', 'c'), undefined)
})

test('keys that are too long are cut, between characters', () => {
  const table = createTable()
  const name = 'ä'.repeat(keyBytesMax)
  table.counterOf('', name, style).count(200, 1, 1, 1)
  assert.match([...table.all()][0]!.name, /^ä+$/)
  assert.equal(table.find('', name)!.requests, 1)
})

test('averages are of the last times, with later ones weighing more where that is wished', () => {
  const recent = [
    { time: 1000, ms: 10 },
    { time: 2000, ms: 20 },
    { time: 3000, ms: 60 },
  ]
  assert.equal(averageOf(recent, { average: 'AMM', periodMs: 0 }, 1e9), 30)
  assert.equal(averageOf(recent, { average: 'WMA', periodMs: 0 }, 1e9), 38)
  assert.equal(averageOf(recent, { average: 'AMM', periodMs: 1500 }, 3500), 40)
  assert.equal(averageOf(recent, { average: 'AMM', periodMs: 1 }, 1e9), 0)
})

test('processes count beside each other, and one that takes the place of a killed one goes on', async (t) => {
  const instance = createInstance('traffic')
  t.after(() => removeInstance(instance))
  const memory = new SharedZoneMemory(() => ({ instance, owner: undefined }))
  const zone = trafficZoneOf(memory, { name: 'test', bytes: 1024 * 1024 }, 2)
  const table = zone.servers
  const times = 5000
  const first = await startAll(t, instance, times, 2)
  await Promise.all(first.map(work))
  assert.equal(table.find('', 'site')!.requests, 2 * times)
  for (const child of first) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const second = await startAll(t, instance, times, 2)
  await Promise.all(second.map(work))
  const traffic = table.find('', 'site')!
  assert.equal(traffic.requests, 4 * times)
  assert.equal(traffic.bytesOut, 4 * times * 100)
  assert.deepEqual(traffic.statuses, [0, ...Array.from({ length: 4 }, () => (4 * times) / 5)])
  assert.equal(countLatencies(traffic.timings[0]!.latencies), 4 * times)
  // Of each hundred times six are up to 5 ms, and fifty-one up to 50 ms.
  assert.deepEqual(
    traffic.timings[0]!.bucketCounts,
    [0.06, 0.51].map((part) => part * 4 * times),
  )
  assert.equal(traffic.timings[0]!.recent.length, recentShownMax)
  // Columns were taken over, not added: this process, and two others at a time.
  assert.equal(table.keys.columns, 3)
})

async function startAll(
  t: TestContext,
  instance: string,
  times: number,
  count: number,
): Promise<readonly ChildProcess[]> {
  const program = new URL('traffic-worker.fixture.ts', import.meta.url)
  const children = Array.from({ length: count }, () => fork(program, [instance, String(times)]))
  t.after(() => children.forEach((child) => child.kill('SIGKILL')))
  await Promise.all(children.map((child) => once(child, 'message')))
  return children
}

async function work(child: ChildProcess): Promise<void> {
  child.send('go')
  await once(child, 'message')
}
