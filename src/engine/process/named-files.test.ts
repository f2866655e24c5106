import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeTempPrefix } from '../../../test/support/temp-prefix.ts'
import { readNamedFiles } from './named-files.ts'

test('only what the texts name is read, however it is written', async (t) => {
  const prefix = makeTempPrefix(t, {
    'conf/a.key': 'a',
    'conf/b.key': 'b',
    'conf/c.key': 'c',
    'certs/d.key': 'd',
    'conf/secret': 'secret',
  })
  const confPrefix = prefix.file('conf')
  const texts = [
    `ssl_certificate_key a.key; ssl_certificate_key "${prefix.file('conf/b.key')}";`,
    JSON.stringify({ server_body: 'ssl_certificate_key "c.key"; include ../certs/d.key;' }),
    'ssl_certificate_key missing.key; # secrets',
  ]
  const names = ['conf/a.key', 'conf/b.key', 'conf/c.key', 'certs/d.key']
  const others = ['conf/secret', 'conf/missing.key', 'conf']
  const paths = [...names, ...others].map((name) => prefix.file(name))
  assert.deepEqual(
    await readNamedFiles(paths, { confPrefix, texts }),
    Object.fromEntries(names.map((name) => [prefix.file(name), prefix.read(name)])),
  )
})
