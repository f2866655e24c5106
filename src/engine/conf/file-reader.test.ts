import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createDiskReader, createMemoryReader, FileError, type FileReader } from './file-reader.ts'

const names = [
  'a.conf',
  'b.conf',
  'B.conf',
  '.hidden.conf',
  'sub/c.conf',
  'sub/d.txt',
  'other/c.conf',
]

/** The same files on disk and in memory. */
function readersOf(t: TestContext): {
  readonly root: string
  readonly readers: readonly FileReader[]
} {
  const root = mkdtempSync(join(tmpdir(), 'trijet-conf-'))
  t.after(() => rmSync(root, { recursive: true }))
  const files = Object.fromEntries(names.map((name) => [join(root, name), `text of ${name}`]))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  return { root, readers: [createDiskReader(), createMemoryReader(files)] }
}

const globs: readonly (readonly [pattern: string, found: readonly string[]])[] = [
  ['*.conf', ['B.conf', 'a.conf', 'b.conf']],
  ['*/*.conf', ['other/c.conf', 'sub/c.conf']],
  ['sub/*', ['sub/c.conf', 'sub/d.txt']],
  ['*/c.conf', ['other/c.conf', 'sub/c.conf']],
  ['*/d.txt', ['sub/d.txt']],
  ['nothing/*', []],
  ['a.conf/*', []],
  ['.h*', ['.hidden.conf']],
]

test('both readers find the same files', (t) => {
  const { root, readers } = readersOf(t)
  for (const reader of readers) {
    for (const [pattern, found] of globs) {
      const paths = found.map((name) => `${root}/${name}`)
      assert.deepEqual(reader.glob(`${root}/${pattern}`), paths, pattern)
    }
    assert.equal(reader.read(`${root}/sub/c.conf`), 'text of sub/c.conf')
  }
})

test('a file that is not there is named with the reason of the system', (t) => {
  const { root, readers } = readersOf(t)
  const message = `open() "${root}/x" failed (2: No such file or directory)`
  for (const reader of readers) assert.throws(() => reader.read(`${root}/x`), { message })
})

test('what cannot be read at all is a file error too', (t) => {
  const { root, readers } = readersOf(t)
  const [disk] = readers
  const message = `pread() "${root}/sub" failed (21: Is a directory)`
  assert.throws(() => disk!.read(`${root}/sub`), { message })
  assert.throws(() => disk!.read(`${root}/a.conf/x`), FileError)
  assert.throws(() => disk!.read(`${root}/${'x'.repeat(300)}`), FileError)
})

test('patterns may be relative', () => {
  const reader = createMemoryReader({ 'a.conf': '', 'sub/b.conf': '' })
  assert.deepEqual(reader.glob('*.conf'), ['a.conf'])
  assert.deepEqual(reader.glob('sub/*.conf'), ['sub/b.conf'])
})
