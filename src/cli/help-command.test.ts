import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builtInModules } from '../engine/process/built-ins.ts'
import { type DirectiveEntry, entriesOf } from './directive-entries.ts'
import { entryText } from './help-command.ts'
import { nearestWords } from './nearest-words.ts'

const entries = entriesOf(builtInModules)

function entryOf(name: string, module: string): DirectiveEntry {
  const found = entries.find((entry) => entry.name === name && entry.module === module)
  assert.ok(found !== undefined, `${name} of ${module}`)
  return found
}

test('an entry says what stands in the row', () => {
  assert.equal(
    entryText(entryOf('proxy_pass', 'http.proxy')),
    `proxy_pass URL;

    Passes requests to another server.

    Default:  none
    Context:  location, if in location, limit_except
    Module:   http.proxy
`,
  )
  assert.match(
    entryText(entryOf('server', 'http.core')),
    /^server \{ \.\.\. \}\n[^]*may stand more/,
  )
})

test('defaults are written as in a configuration', () => {
  const cases: readonly (readonly [name: string, module: string, fallback: string | undefined])[] =
    [
      ['client_header_timeout', 'http.core', 'client_header_timeout 1m;'],
      ['ssl_buffer_size', 'http.ssl', 'ssl_buffer_size 16k;'],
      ['proxy_pass_request_headers', 'http.proxy', 'proxy_pass_request_headers on;'],
      ['proxy_http_version', 'http.proxy', 'proxy_http_version 1.0;'],
      ['doc_api', 'control.doc', undefined],
      ['proxy_set_header', 'http.proxy', undefined],
    ]
  for (const [name, module, fallback] of cases) {
    assert.equal(entryOf(name, module).fallback, fallback, name)
  }
})

test('every directive has a syntax that begins with its name, and a text that ends', () => {
  for (const { name, syntax, doc, contexts, module } of entries) {
    const where = `${name} of ${module}`
    assert.ok(syntax === name || syntax.startsWith(`${name} `) || syntax === `${name};`, where)
    assert.match(doc, /^[A-Z$"'].*[.!]$/s, where)
    assert.ok(contexts.length > 0, where)
  }
})

test('what was mistyped is found', () => {
  const names = entries.map(({ name }) => name)
  const unique = [...new Set(names)]
  assert.equal(nearestWords('proxy_psas', unique)[0], 'proxy_pass')
  assert.equal(nearestWords('proxypass', unique)[0], 'proxy_pass')
  assert.ok(nearestWords('proxy_set', unique).includes('proxy_set_header'))
  assert.deepEqual(nearestWords('zzzzzzzz', unique), [])
})
