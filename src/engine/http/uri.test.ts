import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodePath,
  escapeArgument,
  escapeRefresh,
  normalizePath,
  unescapeRedirect,
} from './uri.ts'

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

test('uri: what stands in headers, queries and pages is escaped', () => {
  assert.equal(encodePath('/a b/é?#%[x]&+;'), '/a%20b/%C3%A9%3F%23%25[x]&+;')
  assert.equal(escapeArgument('a b&c+d;e=f/g'), 'a%20b%26c%2Bd%3Be=f/g')
  assert.equal(escapeRefresh(`http://x/?a=b&c "'<>`), 'http://x/?a=b&c%20%22%27%3C%3E')
  for (const plain of ["/a-b.c_d~e!f$g'h(i)j*k,l:m@n=o[p]", '/'])
    assert.equal(encodePath(plain), plain)
})

const redirects: readonly (readonly [string, string])[] = [
  ['/a%20b%26c', '/a%20b&c'],
  ['/%41%7e%7f%25%22', '/A~%7f%25%22'],
  ['/a?%41', '/a?%41'],
  ['/a%3F%41', '/a?%41'],
  ['/%zz%4g%', '/zz'],
  ['/%4', '/'],
  ['/plain', '/plain'],
]

for (const [text, expected] of redirects) {
  test(`uri: redirect to ${text}`, () => assert.equal(unescapeRedirect(text), expected))
}
