import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configurationFromText } from '../../conf/includes.ts'
import { print } from '../../conf/printer.ts'
import type { Directive } from '../../conf/tree.ts'
import { httpModules } from '../../http/built-in-modules.ts'
import { createApi } from '../api.ts'
import { configuration } from '../endpoints/configuration.ts'
import { history } from '../endpoints/history.ts'
import { runningConfiguration } from '../endpoints/running-configuration.ts'
import { MemoryPlane } from '../memory-plane.fixture.ts'
import { type Access, everything } from './grant.ts'
import { Redaction } from './redaction.ts'

const pem = '-----BEGIN RSA PRIVATE KEY-----\nsecret-a\n-----END RSA PRIVATE KEY-----'
const admin: Access = { name: undefined, grant: everything }
const reader: Access = { ...admin, grant: { ...everything, scope: 'read' } }
const redaction = new Redaction(httpModules)

function read(text: string): Directive {
  const { main, diagnostics } = configurationFromText(text, 't.conf')
  assert.deepEqual(diagnostics, [])
  return main
}

test('secrets of a configuration are shown to admins only', () => {
  const main = read(
    `http { server { listen 80; ssl_certificate_key "data:${pem}"; secure_link_secret secret-b;
      location / { proxy_set_header Authorization "Basic secret-c"; proxy_set_header X plain; } }
      map $a $key { default "data:${pem}"; }
      server { listen 81; ssl_certificate_key key.pem; } }`,
  )
  const shown = print(redaction.visibleTree(reader, main))
  assert.doesNotMatch(shown, /secret-/)
  assert.match(shown, /proxy_set_header X plain/)
  assert.match(shown, /proxy_set_header Authorization \[redacted\];/)
  assert.match(shown, /ssl_certificate_key data:\[redacted\];/)
  assert.match(shown, /ssl_certificate_key key\.pem;/)
  assert.match(shown, /BEGIN RSA PRIVATE KEY-----\[redacted\]-----END/)
  read(shown)
  assert.equal(redaction.tree(main), redaction.tree(main))
  assert.equal(redaction.visibleTree(admin, main), main)
  const plain = read('events {} http { server { listen [::]:1; } }')
  assert.equal(redaction.tree(plain), plain, 'what hides nothing is the same object')
})

test('directives are found in texts, in JSON, and in JSON within JSON', () => {
  const text = `secure_link_secret "a b";\n  add_more_header X-Token secret-d 'secret \\'e';
proxy_set_header X-Api-Key secret-f; proxy_set_header Accept "x;y"; root "secure";`
  const shown = `secure_link_secret [redacted];\n  add_more_header X-Token [redacted] [redacted];
proxy_set_header X-Api-Key [redacted]; proxy_set_header Accept "x;y"; root "secure";`
  assert.equal(redaction.text(text), shown)
  assert.equal(redaction.text(`+ ${text}`), `+ ${shown}`)
  const nest = (inner: string): string =>
    JSON.stringify({ entries: [{ after: JSON.stringify({ text: inner }) }], n: 1 })
  assert.equal(redaction.text(nest(text)), nest(shown))
  const key = JSON.stringify({ cert_info: { key: `data:${pem}` } })
  assert.doesNotMatch(redaction.text(key), /secret-/)
  const other = '{ "entries": [ {"after": "root \\"secure\\";"} ] }'
  assert.equal(redaction.text(other), other, 'what hides nothing is not written anew')
})

test('fields of messages that are declared are known by their names', () => {
  const of = (key: string, value: string): string =>
    JSON.stringify({ headers: [{ key, value, always: 0 }] })
  assert.equal(redaction.text(of('X-Api-Key', 'k')), of('X-Api-Key', '[redacted]'))
  assert.equal(redaction.text(of('Set-Cookie', 'k')), of('Set-Cookie', '[redacted]'))
  assert.equal(redaction.text(of('X-Served-By', 'k')), of('X-Served-By', 'k'))
})

test('modules that are loaded later have their secrets hidden from then on', () => {
  const own = new Redaction([])
  const main = read('events {} gate_key secret-g;')
  assert.match(print(own.tree(main)), /secret-g/)
  const row = { contexts: ['main'], args: [1, 1], syntax: 'gate_key word' } as const
  const gate_key = { ...row, value: { describe: 'word', parse: () => '' }, default: '', doc: '' }
  own.learn([
    { kind: 'module', id: 'acme.gate', directives: { gate_key: { ...gate_key, secret: 'words' } } },
  ])
  assert.match(print(own.tree(main)), /gate_key \[redacted\];/)
  assert.equal(own.text('gate_key secret-g;'), 'gate_key [redacted];')
})

test('every way to look at a change hides what it holds', async () => {
  const files = read('events {} http { server { listen 80; server_name a; location / { } } }')
  const plane = new MemoryPlane(files, '/t')
  const options = { timeoutMs: 1000, inFlightMax: 10, redaction }
  const api = createApi([runningConfiguration, configuration, history], plane, options)
  const send = async (access: Access, method: string, path: string, body?: unknown) => {
    const text = body === undefined ? null : JSON.stringify(body)
    const request = new Request(`http://h/api${path}`, { method, body: text })
    return (await api(request, { remoteAddress: '10.0.0.7', access })).text()
  }
  const values = ['secure_link_secret secret-h;', 'add_header X-Api-Key secret-i;']
  for (const value of values) {
    const path = '/http/server[80 a]/location[/]'
    const answer = await send(admin, 'PATCH', '/v2/config', [{ op: 'add', path, value }])
    assert.match(answer, /success/)
  }
  const places = [
    '/v2/config',
    '/v2/config?format=json',
    '/v2/history',
    '/v1/config/http_dyn_header',
  ]
  for (const path of places) {
    assert.match(await send(admin, 'GET', path), /secret-i/, path)
    const shown = await send(reader, 'GET', path)
    assert.doesNotMatch(shown, /secret-[hi]/, path)
    assert.match(shown, /\[redacted\]/, path)
  }
})
