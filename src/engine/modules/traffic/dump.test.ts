import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { ConfError } from '../../conf/diagnostics.ts'
import { latencyBuckets } from '../../core/latency-histogram.ts'
import type { Log } from '../../core/log.ts'
import { ownWord } from '../../core/process-identity.ts'
import { privateZoneMemory, type ZoneMemory } from '../../core/zone-memory.ts'
import { readDump, readDumpHeader, writeDump, writeDumpNow } from './dump-file.ts'
import {
  decodeDump,
  DumpError,
  type DumpHeader,
  type DumpRecord,
  encodeDump,
} from './dump-format.ts'
import { TrafficDump } from './traffic-dump.ts'
import { cacheStatuses, type TrafficStyle } from './traffic-row.ts'
import { type KeyedCounts, TrafficTable } from './traffic-table.ts'
import { type TrafficZone, trafficZoneOf } from './traffic-zone.ts'

const style: TrafficStyle = { average: 'WMA', periodMs: 1500, bucketsMs: [5, 50] }

function createTable(capacity = 8): TrafficTable {
  return new TrafficTable({ memory: privateZoneMemory(), name: 'test', capacity, timings: 2 })
}

/** A table in which something was counted of each key. */
function countedTable(...names: readonly string[]): TrafficTable {
  const table = createTable(names.length)
  for (const [i, name] of names.entries()) {
    const counter = table.hold('group', name, style)
    for (let ms = 0.25; ms < 1000; ms *= 3) {
      counter.count(200 + 100 * (i % 4), 7, 2 ** 45, 1)
      counter.time(0, ms)
      counter.time(1, ms / 10)
    }
  }
  return table
}

function recordsOf(table: TrafficTable): DumpRecord[] {
  return [...table.counts()].map((traffic) => ({ table: 'locations', traffic }))
}

const header: DumpHeader = { madeAt: 5, writer: ownWord }

function bytesOf(records: Iterable<DumpRecord>): Buffer {
  return Buffer.from([...encodeDump(header, records)].join(''))
}

function decoded(bytes: Buffer): readonly DumpRecord[] {
  return [...decodeDump(bytes)].filter((record) => record !== undefined)
}

function faultOf(bytes: Buffer): string {
  try {
    decoded(bytes)
  } catch (error) {
    if (error instanceof DumpError) return error.message
    throw error
  }
  return 'none'
}

/** A dump that is whole, whatever its lines say. */
function signed(...lines: readonly unknown[]): Buffer {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  return Buffer.from(`${text}${JSON.stringify({ crc32: crc32(text) })}\n`)
}

suite('format', () => {
  const names = ['plain', 'ä€😀', 'with "quotes"\n and lines', '']

  test('what is read is what was written', () => {
    const records = recordsOf(countedTable(...names))
    assert.equal(records.length, names.length)
    assert.deepEqual(decoded(bytesOf(records)), records)
    assert.deepEqual(decoded(bytesOf([])), [])
  })

  test('a dump that is cut off anywhere has no record', () => {
    const bytes = bytesOf(recordsOf(countedTable('a', 'b')))
    for (let end = 0; end < bytes.length; end += 1) {
      const fault = faultOf(bytes.subarray(0, end))
      assert.match(fault, /^it is (cut off|no dump of traffic)$/, `${end} bytes`)
    }
  })

  test('a dump of which any byte is another has no record', () => {
    const bytes = bytesOf(recordsOf(countedTable('a')))
    for (const at of bytes.keys()) {
      const other = Buffer.from(bytes)
      other[at]! ^= 1
      assert.match(faultOf(other), /^it (is|has version|says) /, `byte ${at}`)
    }
  })

  test('another version is told apart', () => {
    assert.equal(faultOf(signed({ ...first, version: 7 })), 'it has version 7, and not 2')
  })

  const lines = bytesOf(recordsOf(countedTable('a')))
    .toString()
    .trimEnd()
    .split('\n')
  const [first, record] = lines.map((line) => JSON.parse(line))
  const strangers: Readonly<Record<string, unknown>> = {
    'a number': 5,
    'another table': { ...record, table: 'caches' },
    'a name that is none': { ...record, name: 5 },
    'a count below 0': { ...record, requests: -1 },
    'a count that is none': { ...record, in: '7' },
    'too few statuses': { ...record, statuses: [1] },
    'no timings': { ...record, timings: undefined },
    'a timing that is none': { ...record, timings: [null] },
    'a bucket that is none': { ...record, timings: [{ sumMs: 1, latencies: [[500, 1]] }] },
    'bounds without end': { ...record, bucketsMs: Array.from({ length: 33 }, (_, i) => i) },
  }
  for (const [what, value] of Object.entries(strangers)) {
    test(`a record with ${what} is refused`, () => {
      assert.equal(faultOf(signed(first, record)), 'none')
      assert.equal(faultOf(signed(first, value)), 'it says what no engine writes')
    })
  }
})

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dump-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

suite('file', () => {
  const records = recordsOf(countedTable('a', 'b'))
  const always = (): boolean => true

  test('it is written slowly or at once, and takes the place of the last', async (t) => {
    const path = join(folderOf(t), 'dump')
    assert.deepEqual([...readDump(path)], [])
    writeDumpNow(path, encodeDump(header, []))
    await writeDump(path, encodeDump(header, records), always)
    const read = [...readDump(path)].filter((record) => record !== undefined)
    assert.deepEqual(read, records)
    writeDumpNow(path, encodeDump(header, records.slice(1)))
    assert.deepEqual(
      [...readDump(path)].filter((record) => record !== undefined),
      records.slice(1),
    )
    assert.deepEqual(readdirSync(join(path, '..')), ['dump'])
  })

  test('what is not wanted any more changes nothing', async (t) => {
    const path = join(folderOf(t), 'dump')
    writeDumpNow(path, encodeDump(header, records))
    const before = readFileSync(path)
    await writeDump(path, encodeDump(header, []), () => false)
    assert.deepEqual(readFileSync(path), before)
  })

  test('an error is given on, and nothing is left behind', async (t) => {
    const path = join(folderOf(t), 'dump')
    mkdirSync(path)
    await assert.rejects(writeDump(path, encodeDump(header, records), always), { code: 'EISDIR' })
    assert.throws(() => [...readDump(path)], ConfError)
    assert.deepEqual(readdirSync(join(path, '..')), ['dump'])
    await assert.rejects(writeDump('/nowhere/dump', [], always), { code: 'ENOENT' })
  })

  test('what is no file is not waited for', (t) => {
    const path = join(folderOf(t), 'pipe')
    execFileSync('mkfifo', [path])
    for (const read of [readDump, readDumpHeader]) {
      assert.throws(() => [read(path)].flatMap((all) => [...(all as Iterable<unknown>)]), {
        message: 'it is no file',
      })
    }
  })
})

suite('table', () => {
  const [before] = countedTable('a').counts() as Iterable<KeyedCounts>

  test('what is read back is added once, and counted on', () => {
    const table = createTable()
    const counter = table.hold('group', 'a', style)
    counter.count(200, 7, 1, 1)
    counter.time(0, 3)
    for (let i = 0; i < 3; i += 1) assert(table.restore(before!))
    counter.count(404, 7, 1, 1)
    counter.time(0, -1)
    const traffic = table.find('group', 'a')!
    assert.equal(traffic.requests, before!.requests + 2)
    assert.equal(traffic.bytesOut, before!.bytesOut + 2)
    assert.equal(traffic.statuses[1], before!.statuses[1]! + 1)
    assert.equal(traffic.timings[0]!.sumMs, before!.timings[0]!.sumMs + 3)
    assert.equal(traffic.timings[0]!.bucketCounts[0], before!.timings[0]!.bucketCounts[0]! + 1)
    assert.deepEqual(traffic.timings[0]!.recent, [{ time: 1, ms: 3 }])
    assert.equal(table.sumOf('group', 'a', 1), traffic.requests)
    const [counts] = table.counts()
    assert.equal(counts!.requests, traffic.requests)
    assert.deepEqual(counts!.timings[0]!.latencies, traffic.timings[0]!.latencies)
  })

  test('alone it is all that is known, and no time of a single request is', () => {
    const table = createTable()
    table.restore(before!)
    assert.deepEqual([...table.counts()], [before])
    assert.deepEqual(table.find('group', 'a')!.timings[0]!.recent, [])
  })

  test('a reset is a reset of what was read back, too', () => {
    const table = createTable()
    table.restore(before!)
    table.reset(() => true, false)
    assert.equal(table.find('group', 'a')!.requests, 0)
    assert.deepEqual([...table.counts()], [])
  })

  test('buckets of another form are left out, and all else is added', () => {
    const table = createTable()
    const counter = table.hold('group', 'a', { ...style, bucketsMs: [1] })
    counter.count(200, 7, 1, 1)
    counter.time(0, 3)
    table.restore(before!)
    const [counts] = table.counts()
    assert.deepEqual(counts!.timings[0]!.bucketCounts, [0])
    assert.equal(counts!.requests, before!.requests + 1)
  })

  test('timings and caches that another release knows are passed over', () => {
    const table = createTable()
    const [first] = before!.timings
    assert(table.restore({ ...before!, timings: [first!, first!, first!] }))
    assert.equal(table.find('group', 'a')!.timings.length, 2)
    assert.equal(first!.latencies.counts.length, latencyBuckets)
    assert.equal(before!.cache.length, cacheStatuses.length)
  })

  test('where all places are held there is none', () => {
    const table = createTable(1)
    table.hold('group', 'held', style).count(200, 7, 1, 1)
    assert.equal(table.restore(before!), false)
    assert.equal(table.find('group', 'held')!.requests, 1)
  })
})

suite('life', () => {
  interface Engine {
    readonly dump: TrafficDump
    readonly zone: TrafficZone
    readonly said: string[]
    count(): void
  }

  /** An engine of one process, with what its log says. */
  function engineOf(path: string, memory: ZoneMemory = privateZoneMemory()): Engine {
    const said: string[] = []
    const log: Log = { write: (level, text) => said.push(`${level} ${text}`), takes: () => true }
    const zone = trafficZoneOf(memory, { name: 'test', bytes: 16 * 1024 * 1024 }, 2)
    const options = { path, periodMs: 3_600_000, filterLimit: { keys: 4, groups: ['few'] } }
    const dump = new TrafficDump({ ...options, zone, memory, log })
    const count = (): void => {
      zone.servers.counterOf('', 'site', style).count(200, 1, 1, 1)
      zone.limitedFilters(4).counterOf('few', 'key', style).count(200, 1, 1, 1)
    }
    return { dump, zone, said, count }
  }

  function requestsIn(path: string): readonly string[] {
    const records = [...readDump(path)].filter((record) => record !== undefined)
    return records.map(({ table, traffic }) => `${table} ${traffic.name} ${traffic.requests}`)
  }

  test('an engine goes on from the last dump of the one before, however soon it ends', (t) => {
    const path = join(folderOf(t), 'dump')
    for (const requests of [1, 2, 3]) {
      const { dump, count } = engineOf(path)
      count()
      dump.end()
      assert.deepEqual(requestsIn(path), [`servers site ${requests}`, `filters key ${requests}`])
    }
  })

  test('who takes over while the file is read back adds what is missing, and nothing twice', async (t) => {
    const path = join(folderOf(t), 'dump')
    const names = Array.from({ length: 2000 }, (_, i) => `key ${i}`)
    const [one] = countedTable('').counts()
    const all = names.map((name) => ({ table: 'servers', traffic: { ...one!, name } }) as const)
    writeDumpNow(path, encodeDump(header, all))
    const memory = privateZoneMemory()
    const first = engineOf(path, memory)
    while (first.zone.servers.used === 0) await pause(1)
    first.dump.close()
    const { used } = first.zone.servers
    assert(used < names.length, `${used} of ${names.length} are read back`)
    const last = engineOf(path, memory)
    last.dump.end()
    const read = [...last.zone.servers.counts()]
    assert.equal(read.length, names.length)
    assert(read.every(({ requests }) => requests === one!.requests))
    assert.deepEqual(requestsIn(path).length, names.length)
  })

  test('the file is left to a later engine while that lives', (t) => {
    const path = join(folderOf(t), 'dump')
    const later = { madeAt: Date.now() + 60_000, writer: ownWord }
    writeDumpNow(path, encodeDump(later, []))
    const first = engineOf(path)
    first.count()
    first.dump.end()
    assert.deepEqual(requestsIn(path), [])
    assert.match(
      first.said.join(),
      /notice dump of traffic ".*" is left to an engine that began later/,
    )
    // A process of that number began at another time.
    writeDumpNow(path, encodeDump({ ...later, writer: ownWord ^ (1 << 22) }, []))
    const second = engineOf(path)
    second.count()
    second.dump.end()
    assert.deepEqual(requestsIn(path), ['servers site 1', 'filters key 1'])
    assert.equal(readDumpHeader(path)!.writer, ownWord)
  })

  test('what is no file stays what it is', (t) => {
    const path = join(folderOf(t), 'dump')
    mkdirSync(path)
    const { dump, count, said } = engineOf(path)
    count()
    dump.end()
    assert.deepEqual(readdirSync(join(path, '..')), ['dump'])
    assert.deepEqual(said, [`error dump of traffic "${path}" is not made: it is no file`])
  })

  test('what is no dump is put away, and drafts of the dead are removed', (t) => {
    const folder = folderOf(t)
    const path = join(folder, 'dump')
    writeFileSync(path, 'a letter')
    // A number that no process has.
    writeFileSync(`${path}.4194304.draft`, 'of one that was killed')
    writeFileSync(`${path}.1.draft`, 'of one that lives')
    const { dump, count, said } = engineOf(path)
    count()
    dump.end()
    assert.deepEqual(requestsIn(path), ['servers site 1', 'filters key 1'])
    assert.deepEqual(readdirSync(folder).sort(), ['dump', 'dump.1.draft', 'dump.unread'])
    assert.match(said.join(), /warn dump of traffic ".*" is not read: it is no dump of traffic/)
  })
})
