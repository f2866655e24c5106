import assert from 'node:assert/strict'
import { renameSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { makeTempPrefix } from '../../../test/support/temp-prefix.ts'
import { directive } from '../conf/tree.ts'
import { dependOnFile, hasChangedFile } from './file-dependencies.ts'

test('a directive is as it was while its files are', (t) => {
  const prefix = makeTempPrefix(t)
  const node = directive('ssl_certificate', ['a.pem'])
  assert(!hasChangedFile(node))
  const path = prefix.write('a.pem', 'one')
  dependOnFile(node, path)
  assert(!hasChangedFile(node))
  renameSync(prefix.write('b.pem', 'two'), path)
  assert(hasChangedFile(node))
  assert(!hasChangedFile(directive('ssl_certificate', ['a.pem'])), 'notes belong to one directive')
})

test('the first note counts, whoever looks later', (t) => {
  const prefix = makeTempPrefix(t)
  const node = directive('handler', ['a.ts'])
  const path = prefix.write('a.ts', 'one')
  dependOnFile(node, path)
  prefix.write('a.ts', 'another')
  dependOnFile(node, path)
  assert(hasChangedFile(node))
})

test('a file that comes or goes has changed', (t) => {
  const prefix = makeTempPrefix(t)
  const [coming, going] = [directive('ssl_crl', ['c']), directive('ssl_crl', ['g'])]
  const path = prefix.write('g', 'list')
  dependOnFile(coming, prefix.file('c'))
  dependOnFile(going, path)
  assert(!hasChangedFile(coming))
  prefix.write('c', 'list')
  rmSync(path)
  assert(hasChangedFile(coming))
  assert(hasChangedFile(going))
})
