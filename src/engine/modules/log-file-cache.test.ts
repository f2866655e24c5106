import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { LogFileCache, type LogFileCacheOptions, logFileCacheOptions } from './log-file-cache.ts'

interface Bench {
  readonly cache: LogFileCache
  write(name: string, at: number): void
  read(name: string): string
  path(name: string): string
}

function bench(t: TestContext, options: Partial<LogFileCacheOptions>): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'trijet-cache-'))
  let now = 0
  const all = { max: 2, inactiveMs: 1000, minUses: 1, validMs: 500, ...options }
  const cache = new LogFileCache(all, () => now)
  t.after(() => {
    cache.close()
    rmSync(folder, { recursive: true })
  })
  const path = (name: string): string => join(folder, name)
  return {
    cache,
    path,
    write: (name, at) => {
      now = at
      assert.ok(cache.append(path(name), `${name}${at}\n`))
    },
    read: (name) => readFileSync(path(name), 'utf8'),
  }
}

test('holds as many files as it may, those used last', (t) => {
  const { cache, write, read } = bench(t, {})
  for (const [at, name] of ['a', 'b', 'c', 'a'].entries()) write(name, at)
  assert.equal(cache.size, 2)
  assert.equal(read('a'), 'a0\na3\n')
  assert.equal(read('c'), 'c2\n')
})

test('a file that was moved away is noticed in time', (t) => {
  const { write, read, path } = bench(t, {})
  write('a', 0)
  renameSync(path('a'), path('old'))
  write('a', 400)
  write('a', 600)
  assert.equal(read('old'), 'a0\na400\n')
  assert.equal(read('a'), 'a600\n')
})

test('a file that is used too seldom is closed', (t) => {
  const { cache, write } = bench(t, { minUses: 2, max: 9 })
  write('a', 0)
  write('b', 900)
  assert.equal(cache.size, 2)
  write('b', 1500)
  assert.equal(cache.size, 1)
})

test('a folder that is not there', (t) => {
  const { cache, path } = bench(t, {})
  assert.equal(cache.append(path('none/x'), 'line\n'), false)
  assert.equal(cache.size, 0)
})

test('what the directive says', () => {
  const parse = (...args: string[]): unknown => logFileCacheOptions.parse(args, {} as never)
  assert.equal(parse('off'), undefined)
  assert.deepEqual(parse('max=3', 'inactive=1m', 'min_uses=2', 'valid=30s'), {
    max: 3,
    inactiveMs: 60_000,
    minUses: 2,
    validMs: 30_000,
  })
  for (const args of [['max=0'], ['inactive=10s'], ['off', 'max=1']]) {
    assert.throws(() => parse(...args), /open_log_file_cache/)
  }
  assert.throws(() => parse('max=x'), {
    message: 'invalid "open_log_file_cache" parameter "max=x"',
  })
})
