import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { countLatencies } from './latency-histogram.ts'
import { createInstance, openShared, removeInstance } from './shared-memory.ts'
import { type SharedTable, tableFull } from './shared-table.ts'
import { tableBytes, type TableLayout } from './table-layout.ts'
import { growing, tableIn } from './zone-memory.ts'

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

const layout: Layout = {
  fields,
  capacity: 8,
  owners: 4,
  keyBytesMax: 16,
  unused: 'remove',
  parts: 4,
}
const most = layout.capacity * layout.parts!

interface Opened {
  readonly table: SharedTable<typeof fields>
  readonly options: { readonly instance: string; readonly name: string; readonly bytes: number }
  /** Whether it may grow. */
  allowed: boolean
}

function openTable(t: TestContext, chosen: Layout = layout): Opened {
  const instance = createInstance('growth')
  t.after(() => removeInstance(instance))
  const options = { instance, name: t.name, bytes: tableBytes(chosen) }
  const opened = { options, allowed: true }
  const table = tableIn(openShared(options), chosen, () => opened.allowed)
  return Object.assign(opened, { table })
}

function bytesOf({ options }: Opened): number {
  const [file] = readdirSync('/dev/shm').filter((name) => name.includes(options.instance))
  return statSync(`/dev/shm/${file}`).size
}

function start(t: TestContext, options: Opened['options'], chosen: Layout): ChildProcess {
  const child = fork(new URL('shared-table-worker.fixture.ts', import.meta.url), [
    'fill',
    JSON.stringify({ options, layout: chosen }),
  ])
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function until(child: ChildProcess, wanted: string): Promise<void> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [string]
    if (message === wanted) return
  }
}

test('a full table takes one part more at a time, up to as many as it may have', (t) => {
  const opened = openTable(t)
  const { table } = opened
  const seen = table.float64('seen')
  const total = table.counter('total')
  for (let i = 0; i < most; i += 1) {
    const record = table.acquire(`k${i}`)
    assert.ok(record >= 0)
    assert.equal(table.parts, Math.floor(i / layout.capacity) + 1)
    assert.equal(bytesOf(opened), tableBytes(layout, table.parts), 'no memory before it is needed')
    seen.set(record, i)
    total.add(record, i)
  }
  assert.equal(table.acquire('one more'), tableFull)
  assert.equal(table.used, most)
  assert.equal([...table.records()].length, most)
  for (let i = 0; i < most; i += 1) {
    const record = table.find(`k${i}`)
    assert.equal(table.key(record), `k${i}`)
    assert.equal(seen.get(record), i)
    assert.equal(total.sum(record), i)
    assert.equal(table.users(record), 1)
  }
  table.release(table.find('k20'))
  assert.ok(table.acquire('one more') >= 0, 'a place in any part is used again')
  assert.equal(table.acquire('and another'), tableFull)
})

test('it grows only while it may, and gives up what is oldest before and after', (t) => {
  const opened = openTable(t, { ...layout, unused: 'keep' })
  const { table } = opened
  opened.allowed = false
  for (let i = 0; i < 12; i += 1) table.release(table.acquire(`k${i}`))
  assert.equal(table.used, layout.capacity)
  assert.equal(table.find('k3'), -1)
  opened.allowed = true
  for (let i = 12; i < 20; i += 1) table.release(table.acquire(`k${i}`))
  assert.equal(table.used, 16)
  opened.allowed = false
  table.release(table.acquire('new'))
  assert.equal(table.used, 16)
  assert.equal(table.find('k4'), -1)
  assert.notEqual(table.find('k5'), -1)
})

test('a process that has it open finds what another has put into a new part', (t) => {
  const { table, options } = openTable(t)
  const other = tableIn(openShared(options), layout)
  const total = other.counter('total')
  for (let i = 0; i < most; i += 1) table.counter('total').add(table.acquire(`k${i}`), i)
  assert.equal([...other.records()].length, most)
  for (let i = 0; i < most; i += 1) assert.equal(total.sum(other.find(`k${i}`)), i)
})

test('where there is no memory it is full, and asks again later', (t) => {
  const { options } = openTable(t)
  const memory = openShared(options)
  let asked = 0
  const poor = tableIn(
    { buffer: memory.buffer, extend: () => void (asked += 1) },
    layout,
    () => true,
  )
  for (let i = 0; i < layout.capacity; i += 1) assert.ok(poor.acquire(`k${i}`) >= 0)
  for (let i = 0; i < 100; i += 1) assert.equal(poor.acquire('one more'), tableFull)
  assert.equal(asked, 1)
})

test('a zone whose memory was taken away does not grow into that of its successor', (t) => {
  const { options } = openTable(t)
  const memory = openShared(options)
  const table = tableIn(memory, layout, () => true)
  memory.remove()
  const next = openShared(options)
  for (let i = 0; i < layout.capacity; i += 1) table.acquire(`k${i}`)
  assert.equal(table.acquire('one more'), tableFull)
  assert.ok(new Uint8Array(next.buffer).every((byte) => byte === 0))
})

test('large zones may grow less', () => {
  const table = (capacity: number): Layout => ({ ...layout, capacity, parts: 1 })
  assert.equal(growing(table(100)).parts, 16)
  const large = growing(table(100_000))
  assert.ok(large.parts! > 1 && large.parts! < 16)
  assert.ok(tableBytes(large, large.parts) <= 1024 ** 3)
  assert.equal(growing(table(1_000_000)).parts, 1)
})

const wide: Layout = { ...layout, capacity: 64, parts: 16, keyBytesMax: 32 }

test('processes that let it grow together lose no count', { timeout: 60_000 }, async (t) => {
  const { table, options } = openTable(t, wide)
  await Promise.all([start(t, options, wide), start(t, options, wide)].map((c) => until(c, 'full')))
  assert.equal(table.used, 64 * 16)
  const total = table.counter('total')
  const hits = table.int32('hits')
  for (const record of table.records()) {
    assert.equal(total.sum(record), 2)
    assert.equal(hits.get(record), 2)
    assert.equal(table.users(record), 2)
    const { counts, sumMs } = table.latency('took', record).read()
    assert.equal(countLatencies({ counts, sumMs }), 2)
  }
})

test('processes killed while it grows leave a usable table', { timeout: 120_000 }, async (t) => {
  for (let round = 0; round < 6; round += 1) {
    const { table, options } = openTable(t, { ...wide, owners: 8 })
    const children = [0, 1].map(() => start(t, options, { ...wide, owners: 8 }))
    await Promise.race(children.map((child) => until(child, 'growing')))
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map((child) => once(child, 'exit')))
    table.reclaim()
    assert.equal(table.used, 0)
    assert.deepEqual([...table.records()], [])
    for (let i = 0; i < 64 * 16; i += 1) assert.ok(table.acquire(`k${i}`) >= 0)
    assert.equal(table.used, 64 * 16)
    removeInstance(options.instance)
  }
})
