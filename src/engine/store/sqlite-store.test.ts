import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { seededRandom, type Random } from '../../../test/support/random.ts'
import { del, put, show, storeConformance, take, text } from './conformance.ts'
import { MemoryStore } from './memory-store.fixture.ts'
import { entriesAlone, SqliteStore } from './sqlite-store.ts'
import type { Change, Expectation, HistoryLimits, Store } from './store.ts'

const folder = mkdtempSync(join(tmpdir(), 'trijet-store-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

function freshFile(): string {
  return join(folder, `${++files}`, 'store.db')
}

function open(t: TestContext, path: string = freshFile(), limits?: HistoryLimits): SqliteStore {
  const store = new SqliteStore(path, limits)
  t.after(() => store.close())
  return store
}

storeConformance('sqlite store', async (limits) => new SqliteStore(freshFile(), limits))

describe('sqlite store: on disk', () => {
  it('has everything again when it is opened again', async (t) => {
    const path = freshFile()
    const first = open(t, path)
    await first.commit([put('a', '1'), put('b', '1')])
    await first.commit([del('b')])
    await first.close()
    const second = open(t, path)
    assert.deepEqual((await take(second, {}, 2)).map(show), ['1:a=1,b=1', '2:-b'])
    assert.equal(text(second.getSync('a')?.value), '1')
    assert.deepEqual(second.commitSync([put('c')]), { ok: true, revision: 3 })
  })

  it('ends the leases that ran out while it was closed', async (t) => {
    const path = freshFile()
    let now = 1_000_000
    const openThen = (): SqliteStore => {
      const store = new SqliteStore(path, {}, () => now)
      t.after(() => store.close())
      return store
    }
    const first = openThen()
    const lease = await first.grant(60_000)
    await first.commit([{ kind: 'put', key: 'a', value: '1', lease }])
    await first.close()
    now += 59_999
    const second = openThen()
    assert.equal(text(second.getSync('a')?.value), '1')
    await second.close()
    now += 1
    assert.equal(openThen().getSync('a'), undefined)
  })

  it('is readable by its owner only', (t) => {
    const path = freshFile()
    open(t, path).commitSync([put('secret')])
    for (const file of [path, `${path}-wal`]) assert.equal(statSync(file).mode & 0o777, 0o600, file)
  })

  it('refuses files of another kind, and leaves them as they are', () => {
    const path = join(folder, 'other.db')
    const content = 'a mosquitto database, for instance'.repeat(100)
    writeFileSync(path, content)
    assert.throws(() => new SqliteStore(path), { code: 'TRIJET_STORE_FORMAT' })
    assert.equal(statSync(path).size, content.length)
  })

  it('names the file that cannot be opened, made or written', async () => {
    const [taken, below] = [join(folder, 'taken.db'), join(folder, 'file')]
    mkdirSync(taken)
    writeFileSync(below, '')
    const failing = { code: 'TRIJET_STORE_IO' }
    assert.throws(() => new SqliteStore(taken), { ...failing, message: new RegExp(taken) })
    const within = join(below, 'a.db')
    assert.throws(() => new SqliteStore(within), { ...failing, message: new RegExp(below) })
    assert.throws(() => entriesAlone(taken, ''), { ...failing, message: new RegExp(taken) })
  })

  it('can be read alone, while nobody else has it', async () => {
    const path = join(folder, 'alone.db')
    const store = new SqliteStore(path)
    await store.commit([put('a', '1'), put('b', '2')])
    assert.throws(() => entriesAlone(path, ''), { code: 'TRIJET_STORE_BUSY' })
    await store.close()
    assert.deepEqual(
      entriesAlone(path, '').map(({ key, value }) => `${key}=${Buffer.from(value).toString()}`),
      ['a=1', 'b=2'],
    )
    writeFileSync(join(folder, 'empty.db'), '')
    assert.deepEqual(entriesAlone(join(folder, 'empty.db'), ''), [])
  })
})

describe('sqlite store: against the reference', () => {
  it('answers as the memory store does', async (t) => {
    const random = seededRandom(t)
    const stores = [open(t), new MemoryStore()]
    for (let step = 0; step < 400; step++) {
      const { changes, expectations } = randomCommit(random, await stores[1]!.range(''))
      const [a, b] = await Promise.all(stores.map((store) => store.commit(changes, expectations)))
      assert.deepEqual(a, b, `step ${step}`)
    }
    const [a, b] = await Promise.all(stores.map((store) => dump(store)))
    assert.deepEqual(a, b)
    const revision = (await stores[0]!.range('')).revision
    const histories = stores.map((store) => history(store, revision))
    assert.deepEqual(await histories[0], await histories[1])
  })
})

describe('sqlite store: several processes', () => {
  it('wakes a watcher by a commit of another process', { timeout: 60_000 }, async (t) => {
    const path = freshFile()
    const store = open(t, path)
    const seen = take(store, {}, 3)
    const writer = startWriter(t, path, { name: 'w', count: 3 })
    assert.deepEqual((await seen).map(show), [
      '1:w/0=0,last/w=0',
      '2:w/1=1,last/w=1',
      '3:w/2=2,last/w=2',
    ])
    await writer.exited
  })

  it('loses no commit of several writers that start together', { timeout: 120_000 }, async (t) => {
    const path = freshFile()
    const names = ['a', 'b', 'c']
    const writers = names.map((name) => startWriter(t, path, { name, count: 100 }))
    assert.deepEqual(await Promise.all(writers.map(({ exited }) => exited)), [0, 0, 0])
    const store = open(t, path)
    assert.equal(store.rangeSync('').revision, 300)
    for (const name of names) assert.equal(store.rangeSync(`${name}/`).entries.length, 100)
  })

  it('keeps acknowledged commits, each whole, through SIGKILL', { timeout: 300_000 }, async (t) => {
    const random = seededRandom(t)
    for (let round = 0; round < 6; round++) {
      const path = freshFile()
      const writer = startWriter(t, path, { name: 'w', count: 100_000 })
      const acknowledged = await killAfter(writer, random.integer(0, 60))
      const store = open(t, path)
      const keys = await dump(store, 'w/')
      assert.ok(keys.length >= acknowledged, `${keys.length} kept, ${acknowledged} acknowledged`)
      // At most the one commit that was under way when the process died.
      assert.ok(keys.length <= acknowledged + 1)
      assert.equal(text(store.getSync('last/w')?.value) ?? '-1', String(keys.length - 1))
      assert.equal(store.rangeSync('').revision, keys.length)
      await store.close()
    }
  })
})

interface Writer {
  readonly process: ChildProcess
  readonly lines: AsyncIterator<string>
  readonly exited: Promise<number | null>
}

/** A process that commits `name/i` together with `last/name`, and prints each `i` once it is durable. */
function startWriter(t: TestContext, path: string, work: { name: string; count: number }): Writer {
  const script = fileURLToPath(new URL('./sqlite-store.writer.ts', import.meta.url))
  const args = [script, path, work.name, String(work.count)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  return { process: child, lines, exited }
}

/** Kills the writer after so many acknowledgements; returns how many were read in the end. */
async function killAfter(writer: Writer, acknowledgements: number): Promise<number> {
  let count = 0
  for (let next = await writer.lines.next(); next.done !== true; next = await writer.lines.next()) {
    count = Number(next.value) + 1
    if (count > acknowledgements) writer.process.kill('SIGKILL')
  }
  await writer.exited
  return count
}

function randomCommit(
  random: Random,
  page: Awaited<ReturnType<Store['range']>>,
): { changes: Change[]; expectations: Expectation[] } {
  const key = (): string => random.pick(['a', 'b', 'é', '\u{1F600}']) + random.integer(0, 9)
  const keys = new Set(Array.from({ length: random.integer(0, 4) }, key))
  const changes = [...keys].map((name) =>
    random.chance(0.4) ? del(name) : put(name, random.text(5)),
  )
  const expectations = page.entries
    .filter(() => random.chance(0.1))
    .map((entry) => ({ key: entry.key, revision: entry.revision - (random.chance(0.1) ? 1 : 0) }))
  return { changes, expectations }
}

async function dump(store: Store, prefix = ''): Promise<string[]> {
  const lines: string[] = []
  for (let last: string | undefined, more = true; more;) {
    const page = await store.range(prefix, last === undefined ? {} : { after: last })
    for (const { key, value, revision } of page.entries)
      lines.push(`${key}=${text(value)}@${revision}`)
    last = page.entries.at(-1)?.key
    more = page.more
  }
  return lines
}

async function history(store: Store, upTo: number): Promise<string[]> {
  const stop = new AbortController()
  const lines: string[] = []
  for await (const transaction of store.watch('', 0, stop.signal)) {
    lines.push(show(transaction))
    if (transaction.revision === upTo) stop.abort()
  }
  return lines
}
