/** Every directive of every module that takes a key or a password by value says so, and is hidden. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directive, type Directive } from '../conf/tree.ts'
import { blockOf } from '../conf/block.ts'
import { print } from '../conf/printer.ts'
import { Redaction } from '../control/access/redaction.ts'
import type { Row } from '../core/module.ts'
import type { Secret } from '../core/secret.ts'
import { sslFile, sslFiles, certificateFiles } from '../modules/ssl-values.ts'
import { builtInModules } from './built-ins.ts'

const rows = builtInModules.flatMap(({ directives }) => Object.entries<Row<unknown>>(directives))
const redaction = new Redaction(builtInModules)

/** Words of rows that sound like a secret. */
const suspicious = /secret|passw|token|credential|api.?key|private|authorization|cookie/i

/** Those that sound like one and hold none, with what they hold. */
const harmless: Readonly<Record<string, string>> = {
  gzip_proxied: 'words that name fields',
  server_tokens: 'whether the name of the engine is shown',
  auth_basic: 'the name of a realm',
  auth_basic_user_file: 'the name of a file, or of a key',
  auth_basic_kv: 'the start of keys',
  auth_delay: 'a time',
  proxy_cookie_domain: 'domains',
  proxy_cookie_path: 'paths',
  proxy_cookie_flags: 'flags',
  userid: 'whether a cookie is set',
  userid_name: 'the name of a cookie',
  userid_domain: 'a domain',
  userid_expires: 'a time',
  userid_flags: 'flags',
  userid_mark: 'a letter',
  userid_p3p: 'what a policy says',
  userid_path: 'a path',
  userid_service: 'a number',
  sticky: 'the name of a cookie, or where one is found',
  opentelemetry_sensitive_header_names: 'a pattern of names',
  opentelemetry_sensitive_header_values: 'a pattern of values, not a value',
  opentelemetry_capture_headers: 'whether fields are told',
  ssl_session_tickets: 'whether there are tickets',
  privileged_agent: 'whether there is one',
  api_loopback: 'a scope',
  api_certificate: 'the subject of a certificate',
}

test('a directive that sounds like a secret is one, or it is known why not', () => {
  const found = rows
    .filter(([name, { syntax, doc }]) => suspicious.test(`${name} ${syntax} ${doc}`))
    .filter(([, { secret }]) => secret === undefined)
    .map(([name]) => name)
  assert.deepEqual(
    [...new Set(found)].filter((name) => harmless[name] === undefined),
    [],
  )
})

test('a file of keys or passwords that may stand there itself is hidden', () => {
  const files: readonly unknown[] = [sslFile, sslFiles, certificateFiles]
  for (const [name, { value, secret }] of rows) {
    if (files.includes(value) && /_key$|password/.test(name)) assert.equal(secret, 'inline', name)
  }
})

/** Arguments with the word in every place where a secret may stand. */
function wordsWith(hidden: string, secret: Secret): readonly string[] {
  if (typeof secret === 'object') return secret.parameters.map((name) => `${name}=${hidden}`)
  if (secret === 'field') return ['Authorization', hidden]
  if (secret === 'assignment') return [`NAME=${hidden}`]
  return [secret === 'inline' ? `data:${hidden}` : hidden]
}

test('what a row calls secret is shown neither in trees nor in texts', () => {
  const secrets = rows.filter(([, { secret }]) => secret !== undefined)
  assert.ok(secrets.length > 15, `${secrets.length}`)
  for (const [name, { secret }] of secrets) {
    const node: Directive = directive(name, wordsWith('hid den "x"', secret!))
    const tree = directive('main', [], blockOf([node]))
    const text = print(tree)
    assert.match(text, /hid den/)
    for (const shown of [
      print(redaction.tree(tree)),
      redaction.text(text),
      redaction.text(JSON.stringify({ before: JSON.stringify({ text }) })),
    ]) {
      assert.doesNotMatch(shown, /hid|den/, name)
      assert.match(shown, /\[redacted\]/, name)
    }
  }
})
