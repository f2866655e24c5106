/** The other process of the tests of shared tables: opens the same table and does the work it is told. */
import { openShared, type SharedMemoryOptions } from './shared-memory.ts'
import type { TableLayout } from './table-layout.ts'
import { tableIn } from './zone-memory.ts'

const fields = {
  hits: 'int32',
  seen: 'float64',
  held: 'gauge',
  total: 'counter',
  all: 'wide',
  took: 'latency',
  answered: 'statuses',
} as const

const [work, settings] = process.argv.slice(2)
const { options, layout } = JSON.parse(settings!) as {
  options: SharedMemoryOptions
  layout: TableLayout<typeof fields>
}
const table = tableIn(openShared(options), layout, () => true)

const rounds = 200_000

function add(): void {
  const kept = table.acquire('counted')
  const hits = table.int32('hits')
  const total = table.counter('total')
  const all = table.wide('all')
  const took = table.latency('took', kept)
  const answered = table.statuses('answered', kept)
  table.gauge('held').add(kept, 1)
  process.send!(rounds)
  for (let i = 0; i < rounds; i += 1) {
    const record = i % 100 === 0 ? table.acquire('counted') : kept
    hits.add(record, 1)
    total.add(record, 1)
    all.add(record, 1)
    took.record(i % 10)
    answered.count(200 + (i % 4))
    if (i % 100 !== 0) continue
    table.release(record)
    table.release(table.acquire(`passing ${i % 7}`))
  }
  process.disconnect?.()
}

function hold(): void {
  const record = table.acquire('held')
  table.acquire('alone')
  table.gauge('held').add(record, 5)
  table.counter('total').add(record, 5)
  process.send!('ready')
}

function lock(): void {
  table.lockOf('hits', table.acquire('held')).lock()
  process.send!('ready')
}

/** Counts in all records of a table that begins smaller, some of which other processes have, too. */
function fill(): void {
  const total = table.counter('total')
  const hits = table.int32('hits')
  for (let i = 0; i < layout.capacity * layout.parts!; i += 1) {
    const record = table.acquire(`k${i}`)
    if (record < 0) throw new Error(`no record ${i}: ${record}`)
    total.add(record, 1)
    hits.add(record, 1)
    table.latency('took', record).record(i % 10)
    if (i === layout.capacity) process.send!('growing')
  }
  process.send!('full')
}

const works: Readonly<Record<string, () => void>> = { add, hold, lock, fill }
works[work ?? '']?.()

// Lives until its parent ends it.
if (work !== 'add') process.on('message', () => {})
