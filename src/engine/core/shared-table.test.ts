import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { countLatencies } from './latency-histogram.ts'
import { createInstance, openShared, removeInstance } from './shared-memory.ts'
import { shortKey } from './shared-key.ts'
import { SharedLock } from './shared-lock.ts'
import { keyTooLong, SharedTable, tableFull } from './shared-table.ts'
import { tableBytes, type TableLayout } from './table-layout.ts'

const fields = {
  hits: 'int32',
  seen: 'float64',
  held: 'gauge',
  total: 'counter',
  all: 'wide',
  took: 'latency',
  answered: 'statuses',
} as const
type Layout = TableLayout<typeof fields>

const layout: Layout = { fields, capacity: 8, owners: 4, keyBytesMax: 16, unused: 'remove' }

function createTable(options: Partial<Layout> = {}): SharedTable<typeof fields> {
  const chosen = { ...layout, ...options }
  return new SharedTable(new ArrayBuffer(tableBytes(chosen)), chosen)
}

test('a key leads to one record with cells of its own', () => {
  const table = createTable()
  const a = table.acquire('a')
  const b = table.acquire('b')
  assert.notEqual(a, b)
  assert.equal(table.acquire('a'), a)
  table.int32('hits').add(a, 3)
  table.float64('seen').set(a, 1.5)
  table.gauge('held').add(a, 2)
  table.counter('total').add(a, 2 ** 40)
  assert.equal(table.int32('hits').get(a), 3)
  assert.equal(table.float64('seen').get(a), 1.5)
  assert.equal(table.gauge('held').sum(a), 2)
  assert.equal(table.counter('total').sum(a), 2 ** 40)
  table.wide('all').add(a, 4)
  table.latency('took', a).record(7)
  table.statuses('answered', a).count(200)
  assert.equal(table.wide('all').get(a), 4)
  assert.equal(table.latency('took', a).read().sumMs, 7)
  assert.equal(table.statuses('answered', a).read().total, 1)
  assert.equal(table.int32('hits').get(b) + table.gauge('held').sum(b), 0)
  assert.equal(
    table.latency('took', b).read().sumMs + table.statuses('answered', b).read().total,
    0,
  )
  assert.deepEqual([...table.records()].map((record) => table.key(record)).sort(), ['a', 'b'])
})

test('a record ends with its last user and begins anew with zeros', () => {
  const table = createTable()
  const record = table.acquire('a')
  table.acquire('a')
  assert.equal(table.users(record), 2)
  table.int32('hits').set(record, 9)
  table.release(record)
  assert.equal(table.find('a'), record)
  table.release(record)
  assert.equal(table.find('a'), -1)
  assert.equal(table.used, 0)
  assert.equal(table.int32('hits').get(table.acquire('a')), 0)
  assert.throws(() => createTable().release(0), /released as often/)
})

test('a full table says so, and has room again after a release', () => {
  const table = createTable()
  const records = Array.from({ length: layout.capacity }, (_, i) => table.acquire(`k${i}`))
  assert.ok(records.every((record) => record >= 0))
  assert.equal(table.acquire('one more'), tableFull)
  assert.equal(table.acquire('k3'), records[3])
  table.release(records[0]!)
  assert.ok(table.acquire('one more') >= 0)
})

test('a kept table gives up what was touched longest ago, never what is in use', () => {
  const table = createTable({ unused: 'keep' })
  for (let i = 0; i < layout.capacity; i += 1) table.release(table.acquire(`k${i}`))
  table.release(table.acquire('k0'))
  table.acquire('k1')
  assert.ok(table.acquire('new') >= 0)
  assert.equal(table.find('k2'), -1)
  assert.ok(table.find('k0') >= 0 && table.find('k1') >= 0)
  assert.equal(table.used, layout.capacity)
})

test('a key is measured in bytes', () => {
  const table = createTable()
  assert.ok(table.acquire('0123456789abcdef') >= 0)
  assert.equal(table.acquire('0123456789abcdefg'), keyTooLong)
  assert.equal(table.acquire('üüüüüüüüü'), keyTooLong)
  assert.equal(table.key(table.acquire('üüüüüüüü')), 'üüüüüüüü')
  assert.ok(table.acquire('') >= 0)
})

test('a model of plain maps agrees over many random changes', () => {
  const table = createTable({ capacity: 64, keyBytesMax: 8 })
  const model = new Map<string, { record: number; users: number }>()
  let seed = 20
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return (seed >>> 8) % below
  }
  for (let step = 0; step < 20_000; step += 1) {
    const key = `k${random(100)}`
    const known = model.get(key)
    if (known !== undefined && random(2) === 0) {
      table.release(known.record)
      known.users -= 1
      if (known.users === 0) model.delete(key)
      continue
    }
    const record = table.acquire(key)
    if (known === undefined && model.size === 64) assert.equal(record, tableFull)
    else if (known === undefined) model.set(key, { record, users: 1 })
    else assert.equal(record, known.record)
    if (known !== undefined) known.users += 1
  }
  for (const [key, { record }] of model) assert.equal(table.find(key), record)
  assert.equal(table.used, model.size)
})

test('another layout over the same memory is refused', () => {
  const buffer = new ArrayBuffer(tableBytes(layout))
  assert.equal(new SharedTable(buffer, layout).used, 0)
  assert.throws(() => new SharedTable(buffer, { ...layout, capacity: 4 }), /another layout/)
})

test('a lock taken twice by its own holder is a bug', () => {
  const lock = new SharedLock(new Int32Array(1), 0)
  assert.equal(lock.lock(), true)
  assert.throws(() => lock.lock(), /not taken twice/)
  lock.unlock()
  assert.throws(() => lock.unlock(), /released by its holder/)
})

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

const noMapping = !existsSync('/dev/shm') && 'needs /dev/shm'
const shared: Layout = { ...layout, capacity: 64, keyBytesMax: 32 }

function openTable(
  t: TestContext,
  name: string,
  options: Partial<Layout> = {},
): { table: SharedTable<typeof fields>; start: (work: string) => ChildProcess } {
  const instance = createInstance(name)
  t.after(() => removeInstance(instance))
  const chosen = { ...shared, ...options }
  const memory = { instance, name, bytes: tableBytes(chosen) }
  const table = new SharedTable(openShared(memory).buffer, chosen)
  const start = (work: string): ChildProcess => {
    const child = fork(new URL('shared-table-worker.fixture.ts', import.meta.url), [
      work,
      JSON.stringify({ options: memory, layout: chosen }),
    ])
    t.after(() => child.kill('SIGKILL'))
    return child
  }
  return { table, start }
}

test(
  'two processes lose no add, no count and no record',
  { skip: noMapping, timeout: 60_000 },
  async (t) => {
    const { table, start } = openTable(t, 'adds')
    const record = table.acquire('counted')
    const before = 2 * 0x7fff_ffff
    // So much that the children's additions carry.
    for (let i = 0; i < 2; i += 1) table.wide('all').add(record, 0x7fff_ffff)
    const children = [start('add'), start('add')]
    const rounds = await Promise.all(
      children.map(async (child) => {
        const [message] = (await once(child, 'message')) as [number]
        await ended(child)
        return message
      }),
    )
    const total = rounds[0]! + rounds[1]!
    assert.equal(table.int32('hits').get(record), total)
    assert.equal(table.counter('total').sum(record), total)
    assert.equal(table.wide('all').get(record), before + total)
    const { counts, sumMs } = table.latency('took', record).read()
    assert.equal(countLatencies({ counts, sumMs }), total)
    assert.equal(sumMs, total * 4.5)
    const { codes } = table.statuses('answered', record).read()
    assert.deepEqual(
      [...codes],
      [200, 201, 202, 203].map((status) => [status, total / 4]),
    )
    table.reclaim()
    assert.equal(table.gauge('held').sum(record), 0)
    table.release(record)
    assert.equal(table.used, 0, 'nobody uses it after all have ended')
  },
)

test(
  'what a killed process held is given back',
  { skip: noMapping, timeout: 60_000 },
  async (t) => {
    const { table, start } = openTable(t, 'held')
    const record = table.acquire('held')
    const child = start('hold')
    await once(child, 'message')
    assert.equal(table.gauge('held').sum(record), 5)
    assert.equal(table.counter('total').sum(record), 5)
    child.kill('SIGKILL')
    await once(child, 'exit')
    table.reclaim()
    assert.equal(table.gauge('held').sum(record), 0)
    assert.equal(table.counter('total').sum(record), 5, 'counters stay')
    assert.equal(table.find('alone'), -1)
  },
)

test(
  'what killed processes used is there for their successors',
  { skip: noMapping, timeout: 60_000 },
  async (t) => {
    const { table, start } = openTable(t, 'inherited', { unused: 'inherit' })
    const child = start('hold')
    await once(child, 'message')
    child.kill('SIGKILL')
    await once(child, 'exit')
    table.reclaim()
    const record = table.acquire('held')
    assert.equal(table.counter('total').sum(record), 5)
    assert.equal(table.gauge('held').sum(record), 0)
    table.release(record)
    assert.equal(table.find('held'), -1, 'a successor may let go')
    assert.notEqual(table.find('alone'), -1)
    for (let i = 0; i < shared.capacity; i += 1) assert.ok(table.acquire(`k${i}`) >= 0)
    assert.equal(table.find('alone'), -1, 'its place was needed')
  },
)

test(
  'a lock whose holder was killed is taken over, though its parent has not noticed',
  { skip: noMapping, timeout: 60_000 },
  async (t) => {
    const { table, start } = openTable(t, 'lock')
    const record = table.acquire('held')
    const child = start('lock')
    await once(child, 'message')
    process.kill(child.pid!, 'SIGKILL')
    // No turn of the event loop in between: the child is a zombie now.
    const lock = table.lockOf('hits', record)
    assert.equal(lock.lock(), true)
    lock.unlock()
  },
)

test(
  'processes killed anywhere leave a usable table',
  { skip: noMapping, timeout: 120_000 },
  async (t) => {
    const { table, start } = openTable(t, 'kills')
    for (let round = 0; round < 6; round += 1) {
      const children = [start('add'), start('add')]
      await Promise.race(children.map((child) => once(child, 'message')))
      for (const child of children) child.kill('SIGKILL')
      for (const child of children) await ended(child)
      table.reclaim()
      assert.equal(table.used, 0)
      assert.deepEqual([...table.records()], [])
    }
    const records = Array.from({ length: shared.capacity }, (_, i) => table.acquire(`k${i}`))
    assert.ok(records.every((record) => record >= 0))
  },
)

test('a short key stands for itself, a long one for its digest', () => {
  assert.equal(shortKey('127.0.0.1', 24), '127.0.0.1')
  const long = shortKey('2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 24)
  assert.equal(long.length, 24)
  assert.notEqual(shortKey(long, 24), long, 'nobody can name the digest of another')
  assert.equal(shortKey('x'.repeat(100), 64).length, 64)
})
