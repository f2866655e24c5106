/** Both drivers for files say the same. */
import assert from 'node:assert/strict'
import { linkSync, mkdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { makeTempPrefix } from '../../../test/support/temp-prefix.ts'
import { createFileSystem } from './create-file-system.ts'
import { ffiAvailable } from './ffi/libc.ts'
import { fileErrors, filePieceBytes, pathBytesMax } from './file-system.ts'

const kinds = ffiAvailable() ? (['system', 'node'] as const) : (['node'] as const)

for (const kind of kinds) {
  describe(`files by ${kind}`, () => {
    const files = createFileSystem(kind)

    test('a file is opened, described and read', (t) => {
      const prefix = makeTempPrefix(t, { 'é ü.txt': 'the text' })
      const path = prefix.file('é ü.txt')
      const descriptor = files.open(path)
      assert(descriptor >= 0)
      const { size, ino, mtimeMs } = statSync(path)
      assert.deepEqual(
        [files.kind, files.size, files.inode, files.modifiedSeconds],
        ['file', size, ino, Math.floor(mtimeMs / 1000)],
      )
      assert.equal(files.read(descriptor, 4, 100), 4)
      assert.equal(files.piece.toString('utf8', 0, 4), 'text')
      assert.equal(files.read(descriptor, 100, 10), 0)
      files.close(descriptor)
      assert.equal(files.read(descriptor, 0, 1), -9)
    })

    test('a read takes no more than a piece', (t) => {
      const prefix = makeTempPrefix(t, { f: '' })
      truncateSync(prefix.file('f'), filePieceBytes * 3)
      const descriptor = files.open(prefix.file('f'))
      assert.equal(files.size, filePieceBytes * 3)
      assert.equal(files.read(descriptor, 1, filePieceBytes * 3), filePieceBytes)
      files.close(descriptor)
    })

    test('sizes beyond 4 GiB are exact', (t) => {
      const prefix = makeTempPrefix(t, { f: '' })
      const size = 5 * 2 ** 30 + 7
      truncateSync(prefix.file('f'), size)
      assert.equal(files.look(prefix.file('f')), 0)
      assert.equal(files.size, size)
    })

    test('folders are looked at and opened', (t) => {
      const prefix = makeTempPrefix(t)
      mkdirSync(prefix.file('d'))
      assert.equal(files.look(prefix.file('d')), 0)
      assert.equal(files.kind, 'folder')
      const descriptor = files.open(prefix.file('d'))
      assert(descriptor >= 0)
      assert.equal(files.read(descriptor, 0, 1), -fileErrors.EISDIR)
      files.close(descriptor)
    })

    test('what cannot be had is told by its errno', (t) => {
      const prefix = makeTempPrefix(t, { f: '' })
      symlinkSync('loop', prefix.file('loop'))
      const cases: readonly (readonly [path: string, error: number])[] = [
        [prefix.file('none'), fileErrors.ENOENT],
        [prefix.file('f/x'), fileErrors.ENOTDIR],
        [prefix.file('n'.repeat(300)), fileErrors.ENAMETOOLONG],
        [prefix.file(`${'d/'.repeat(pathBytesMax / 2)}x`), fileErrors.ENAMETOOLONG],
        [prefix.file('loop'), fileErrors.ELOOP],
        [`${prefix.file('f')}\0x`, fileErrors.ENOENT],
      ]
      for (const [path, error] of cases) {
        assert.equal(files.open(path), -error, path.slice(0, 80))
        assert.equal(files.look(path), -error, path.slice(0, 80))
      }
    })

    test('a path without links is opened as such, one with a link is not', (t) => {
      const prefix = makeTempPrefix(t, { 'd/f': 'x' })
      symlinkSync('d', prefix.file('link'))
      linkSync(prefix.file('d/f'), prefix.file('hard'))
      const descriptor = files.openPlain(prefix.file('d/f'))
      if (descriptor === -fileErrors.ENOSYS) return
      assert(descriptor >= 0)
      files.close(descriptor)
      assert.equal(files.openPlain(prefix.file('link/f')), -fileErrors.ELOOP)
      assert.equal(files.openPlain(prefix.file('none')), -fileErrors.ENOENT)
      const hard = files.openPlain(prefix.file('hard'))
      assert(hard >= 0)
      files.close(hard)
    })

    test('a FIFO that nobody writes keeps nobody waiting', (t) => {
      const prefix = makeTempPrefix(t)
      writeFileSync(prefix.file('other'), '')
      assert.equal(files.look('/dev/null'), 0)
      assert.equal(files.kind, 'other')
    })
  })
}
