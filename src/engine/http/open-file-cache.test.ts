/** What the cache of open files keeps, and for how long, by a clock and a disk of the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileErrors, type FileKind, type FileSystem } from '../net/file-system.ts'
import { tickMs, TimingWheel } from '../net/timing-wheel.ts'
import type { OpenFile } from './open-file.ts'
import { OpenFileCache, type OpenFileRules } from './open-file-cache.ts'

/** Files by path; counts what is asked of it. */
class Disk implements FileSystem {
  readonly files = new Map<string, { size: number; inode: number; kind?: FileKind }>()
  readonly piece = Buffer.alloc(0)
  size = 0
  modifiedSeconds = 0
  kind: FileKind = 'file'
  inode = 0
  opens = 0
  looks = 0
  readonly opened = new Set<number>()
  #next = 3

  open(path: string): number {
    this.opens += 1
    const error = this.#describe(path)
    if (error !== 0) return error
    this.#next += 1
    this.opened.add(this.#next)
    return this.#next
  }

  openPlain(): number {
    return -fileErrors.ENOSYS
  }

  look(path: string): number {
    this.looks += 1
    return this.#describe(path)
  }

  read(): number {
    return 0
  }

  close(descriptor: number): void {
    assert(this.opened.delete(descriptor), `descriptor ${descriptor} is closed twice`)
  }

  #describe(path: string): number {
    const file = this.files.get(path)
    if (file === undefined) return -fileErrors.ENOENT
    this.size = file.size
    this.inode = file.inode
    this.kind = file.kind ?? 'file'
    return 0
  }
}

const inactiveMs = 1000
const usual: OpenFileRules = { validMs: 500, minUses: 1, errors: false }

class Bench {
  time = 1_000_000
  readonly disk = new Disk()
  readonly cache: OpenFileCache
  #wake: (() => void) | undefined
  #wakeAt = Infinity

  constructor(max = 10) {
    const clock = { now: () => this.time }
    const timers = new TimingWheel(clock, (wake, ms) => {
      this.#wake = wake
      this.#wakeAt = this.time + ms
      return () => (this.#wake = undefined)
    })
    this.cache = new OpenFileCache({ max, inactiveMs }, { files: this.disk, timers, clock })
    this.disk.files.set('/f', { size: 5, inode: 1 })
  }

  advance(ms: number): void {
    const end = this.time + ms
    while (this.#wake !== undefined && this.#wakeAt <= end) {
      this.time = this.#wakeAt
      const wake = this.#wake
      this.#wake = undefined
      wake()
    }
    this.time = end
  }

  open(path = '/f', rules = usual): OpenFile | number {
    return this.cache.open(path, undefined, rules)
  }

  /** Opens and gives back; the descriptor. */
  use(path = '/f', rules = usual): number {
    const file = this.open(path, rules)
    if (typeof file === 'number') return file
    file.release()
    return file.descriptor
  }
}

test('a file is opened once', () => {
  const bench = new Bench()
  const first = bench.use()
  assert.equal(bench.use(), first)
  assert.deepEqual([bench.disk.opens, bench.disk.looks], [1, 0])
})

test('it is looked at again when its time is over, and opened anew when it is another', () => {
  const bench = new Bench()
  const first = bench.use()
  bench.advance(usual.validMs)
  assert.equal(bench.use(), first)
  assert.deepEqual([bench.disk.opens, bench.disk.looks], [1, 1])
  bench.disk.files.set('/f', { size: 5, inode: 2 })
  bench.advance(usual.validMs - 1)
  assert.equal(bench.use(), first)
  bench.advance(1)
  assert.notEqual(bench.use(), first)
  assert.deepEqual([...bench.disk.opened].length, 1)
})

test('who reads a file that goes reads on', () => {
  const bench = new Bench()
  const file = bench.open() as OpenFile
  bench.disk.files.delete('/f')
  bench.advance(usual.validMs)
  assert.equal(bench.use(), -fileErrors.ENOENT)
  assert(bench.disk.opened.has(file.descriptor))
  file.release()
  assert.equal(bench.disk.opened.size, 0)
})

test('what nobody asks for is forgotten and closed', () => {
  const bench = new Bench()
  bench.use()
  bench.advance(inactiveMs + tickMs * 2)
  assert.equal(bench.cache.size, 0)
  assert.equal(bench.disk.opened.size, 0)
})

test('what is asked for stays', () => {
  const bench = new Bench()
  for (let i = 0; i < 10; i++) {
    bench.use()
    bench.advance(inactiveMs / 2)
  }
  assert.equal(bench.disk.opens, 1)
})

test('the longest unused goes first', () => {
  const bench = new Bench(2)
  for (const path of ['/a', '/b', '/c']) bench.disk.files.set(path, { size: 1, inode: 1 })
  bench.use('/a')
  bench.use('/b')
  bench.advance(1001 - inactiveMs + 400)
  bench.use('/a')
  bench.use('/c')
  assert.equal(bench.cache.size, 2)
  assert.equal(bench.disk.opened.size, 2)
})

test('absences are remembered where that is asked for', () => {
  const bench = new Bench()
  for (let i = 0; i < 3; i++) assert.equal(bench.use('/none'), -fileErrors.ENOENT)
  assert.equal(bench.disk.opens, 3)
  const rules = { ...usual, errors: true }
  for (let i = 0; i < 3; i++) assert.equal(bench.use('/none', rules), -fileErrors.ENOENT)
  assert.equal(bench.disk.opens, 4)
  bench.disk.files.set('/none', { size: 1, inode: 9 })
  bench.advance(usual.validMs)
  assert(bench.use('/none', rules) > 0)
})

test('a descriptor stays open from so many uses on', () => {
  const bench = new Bench()
  const rules = { ...usual, minUses: 3 }
  bench.use('/f', rules)
  bench.use('/f', rules)
  assert.deepEqual([bench.disk.opens, bench.disk.opened.size], [2, 0])
  const third = bench.use('/f', rules)
  assert.equal(bench.use('/f', rules), third)
  assert.deepEqual([bench.disk.opens, bench.disk.opened.size], [3, 1])
})

test('folders are remembered without a descriptor', () => {
  const bench = new Bench()
  bench.disk.files.set('/d', { size: 0, inode: 4, kind: 'folder' })
  for (let i = 0; i < 3; i++) bench.use('/d')
  assert.deepEqual([bench.disk.opens, bench.disk.opened.size], [1, 0])
})
