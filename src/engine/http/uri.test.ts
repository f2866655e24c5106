import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalizePath } from './uri.ts'

function normal(path: string, merge = true): string | undefined {
  const bytes = Buffer.from(path, 'latin1')
  return normalizePath(bytes, 0, bytes.length, merge)
}

const cases: readonly (readonly [path: string, expected: string | undefined])[] = [
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['//', '/'],
  ['/a///b', '/a/b'],
  ['/.', '/'],
  ['/./', '/'],
  ['/a/.', '/a/'],
  ['/a/./b', '/a/b'],
  ['/a/..', '/'],
  ['/a/../', '/'],
  ['/a/b/../c', '/a/c'],
  ['/a/b/../../c', '/c'],
  ['/a//../b', '/b'],
  ['/..', undefined],
  ['/../', undefined],
  ['/a/../..', undefined],
  ['/...', '/...'],
  ['/.a', '/.a'],
  ['/a.', '/a.'],
  ['/a..', '/a..'],
  ['/..a/b', '/..a/b'],
  ['/%61', '/a'],
  ['/%2e%2E/a', undefined],
  ['/a/%2e%2e/b', '/b'],
  ['/a%2Fb', '/a/b'],
  ['/a/%2F/b', '/a/b'],
  ['/a%2f..%2fb', '/b'],
  ['/%25', '/%'],
  ['/%2525', '/%25'],
  ['/%3f', '/?'],
  ['/%23', '/#'],
  ['/a%20b', '/a b'],
  ['/%C3%A9', '/é'],
  ['/%0a', '/\n'],
  ['/%00', undefined],
  ['/%', undefined],
  ['/%4', undefined],
  ['/%zz', undefined],
  ['/%4g', undefined],
]

for (const [path, expected] of cases) {
  test(`uri: ${path}`, () => assert.equal(normal(path), expected))
}

test('uri: merge_slashes off keeps them', () => {
  assert.equal(normal('//a//b/', false), '//a//b/')
  assert.equal(normal('/a//../b', false), '/a/b')
  assert.equal(normal('/a/.//b', false), '/a//b')
})

test('uri: a long path', () => {
  const path = `/${'%61'.repeat(5000)}`
  assert.equal(normal(path), `/${'a'.repeat(5000)}`)
})
