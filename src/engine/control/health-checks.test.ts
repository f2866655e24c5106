import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configurationFromText } from '../conf/includes.ts'
import { print } from '../conf/printer.ts'
import { httpModules } from '../http/built-in-modules.ts'
import { Redaction } from './access/redaction.ts'
import { type ApiHandler, createApi } from './api.ts'
import { healthChecks } from './endpoints/health-checks.ts'
import { httpGroups } from './endpoints/upstream-groups.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const files = `
load_module modules/njt_http_dyn_upstream_module.so;
http {
    upstream demo { zone demo 64k; server 127.0.0.1:1; }
    upstream dem { zone dem 64k; server 127.0.0.1:1; health_check mandatory persistent; }
    upstream fixed { zone fixed 64k; server 127.0.0.1:1; health_check uri=/own; }
    upstream bare { server 127.0.0.1:1; }
}
stream {
    upstream demo { zone sdemo 64k; server 127.0.0.1:1; }
}`

interface Answer {
  readonly status: number
  readonly text: string
}

type Send = (method: string, path: string, body?: unknown) => Promise<Answer>

function start(): { readonly send: Send; readonly plane: MemoryPlane } {
  const { main, diagnostics } = configurationFromText(files, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  const plane = new MemoryPlane(main, '/t')
  const api: ApiHandler = createApi([healthChecks, httpGroups], plane)
  const send: Send = async (method, path, body) => {
    const content = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const init = { method, ...(content !== undefined && { body: content }) }
    const request = new Request(`http://127.0.0.1:8081/api${path}`, init)
    const response = await api(request, { remoteAddress: '127.0.0.1' })
    return { status: response.status, text: await response.text() }
  }
  return { send, plane }
}

function reply(status: number, code: number, msg: string): Answer {
  return { status, text: `{\n  "code": ${code},\n   "msg": ${JSON.stringify(msg)}\n }` }
}

const done = reply(200, 0, 'success')

function checksIn(plane: MemoryPlane): readonly string[] {
  const text = print(plane.state().tree)
  return [...text.matchAll(/health_check [^;]*;/g)].map(([directive]) => directive)
}

const fixed = ['health_check mandatory persistent;', 'health_check uri=/own;']

test('a check comes, is shown, and goes', async () => {
  const { send, plane } = start()
  const body = {
    interval: '3s',
    jitter: '1s',
    fails: 2,
    port: 8080,
    http: { uri: '/health', header: ['Server', 'X-A ~ ^b c'], body: '!~ down', status: '200 204' },
    ssl: { enable: true, ntls: false, name: 'demo.test', serverName: true },
  }
  assert.deepEqual(await send('POST', '/v1/hc/http/demo', body), done)
  const words = [
    'type=http interval=3s jitter=1s fails=2 port=8080 uri=/health header=Server',
    '"header=X-A ~ ^b c" "body=!~ down" "status=200 204" ssl=on ssl_name=demo.test ssl_server_name=on',
  ]
  assert.deepEqual(checksIn(plane), [`health_check ${words.join(' ')};`, ...fixed])
  const shown = await send('GET', '/v1/hc/http/demo')
  assert.deepEqual(JSON.parse(shown.text), {
    ...body,
    visit_interval: '0s',
    timeout: '5s',
    passes: 1,
    http: { only_check_port: false, ...body.http },
    ssl: {
      enable: true,
      session_reuse: false,
      protocols: 'TLSv1.2 TLSv1.3',
      ciphers: 'DEFAULT',
      name: 'demo.test',
      serverName: true,
      verify: false,
      verifyDepth: 1,
    },
  })
  assert.deepEqual(await send('DELETE', '/v1/hc/http/demo'), done)
  assert.deepEqual(checksIn(plane), fixed)
  assert.equal(plane.state().instructions.size, 0)
})

test('the list has groups and types, those of the files among them', async () => {
  const { send } = start()
  await send('POST', '/v1/hc/http/demo', {})
  await send('POST', '/v1/hc/grpc/demo', { grpc: { service: 'shop' } })
  await send('POST', '/v1/hc/smysql/demo', { sql: { user: 'u', password: 'p', db: 'd' } })
  const { text } = await send('GET', '/v1/hc')
  assert.deepEqual(JSON.parse(text), [
    { upstream: 'demo', type: 'http' },
    { upstream: 'fixed', type: 'http' },
    { upstream: 'demo', type: 'grpc' },
    { upstream: 'demo', type: 'smysql' },
  ])
  const shown = await send('GET', '/v1/hc/smysql/demo')
  assert.deepEqual(JSON.parse(shown.text).sql, { useSsl: true, user: 'u', db: 'd' })
})

const post = (path: string, body: unknown = {}) => ({ method: 'POST', path, body })

const refusals: readonly {
  readonly name: string
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown }
  readonly answer: Answer
}[] = [
  {
    name: 'a type that is none',
    request: post('/v1/hc/ftp/demo'),
    answer: reply(404, 1, 'Type not allow'),
  },
  {
    name: 'a type that is a name of every object',
    request: post('/v1/hc/constructor/demo'),
    answer: reply(404, 1, 'Type not allow'),
  },
  {
    name: 'a group that is none',
    request: post('/v1/hc/http/de'),
    answer: reply(404, 2, 'not find upstream'),
  },
  {
    name: 'a group of the other subsystem',
    request: post('/v1/hc/stcp/fixed'),
    answer: reply(404, 2, 'not find upstream'),
  },
  {
    name: 'a group without a zone',
    request: post('/v1/hc/http/bare'),
    answer: reply(404, 2, 'not find upstream'),
  },
  {
    name: 'a check that the files have',
    request: post('/v1/hc/http/fixed'),
    answer: reply(409, 8, 'The health check already configured '),
  },
  {
    name: 'a body that is no JSON',
    request: post('/v1/hc/http/demo', '{'),
    answer: reply(400, 9, 'The request body parse error '),
  },
  {
    name: 'no body',
    request: { method: 'POST', path: '/v1/hc/http/demo' },
    answer: reply(400, 9, 'The request body parse error '),
  },
  {
    name: 'an unknown field',
    request: post('/v1/hc/http/demo', { intervall: '1s' }),
    answer: reply(400, 9, 'The request body parse error unknown field "intervall"'),
  },
  {
    name: 'a group of fields that the type does not have',
    request: post('/v1/hc/http/demo', { stream: { send: 'x' } }),
    answer: reply(400, 9, 'The request body parse error unknown field "stream"'),
  },
  {
    name: 'national cryptography',
    request: post('/v1/hc/http/demo', { ssl: { enable: true, ntls: true } }),
    answer: reply(400, 9, 'The request body parse error unknown field "ssl.ntls"'),
  },
  {
    name: 'a value of another kind',
    request: post('/v1/hc/http/demo', { http: { uri: 5 } }),
    answer: reply(400, 9, 'The request body parse error invalid value of "http.uri"'),
  },
  {
    name: 'a time that is none',
    request: post('/v1/hc/http/demo', { interval: 'soon' }),
    answer: reply(400, 9, 'The request body parse error invalid parameter "interval=soon"'),
  },
  {
    name: 'a status that is none',
    request: post('/v1/hc/http/demo', { http: { status: '20' } }),
    answer: reply(400, 9, 'The request body parse error invalid status "20"'),
  },
  {
    name: 'a text that no configuration could hold',
    request: post('/v1/hc/http/demo', { http: { body: `~ ${'x'.repeat(5000)}` } }),
    answer: reply(
      400,
      9,
      'The request body parse error too long parameter "body=~ xxx..." started',
    ),
  },
  {
    name: 'a path that is too long',
    request: { method: 'GET', path: '/v1/hc/http/demo/more' },
    answer: reply(404, 10, 'The request uri not found '),
  },
  {
    name: 'another method',
    request: { method: 'PUT', path: '/v1/hc/http/demo', body: {} },
    answer: reply(405, 11, 'The request method not allow '),
  },
  {
    name: 'another method for all',
    request: { method: 'DELETE', path: '/v1/hc' },
    answer: reply(405, 11, 'The request method not allow '),
  },
  {
    name: 'a check to be shown that is none',
    request: { method: 'GET', path: '/v1/hc/http/demo' },
    answer: reply(404, 12, 'Not found health check '),
  },
  {
    name: 'a check to be deleted that is the files',
    request: { method: 'DELETE', path: '/v1/hc/http/fixed' },
    answer: reply(404, 12, 'Not found health check '),
  },
  {
    name: 'a port that is none',
    request: post('/v1/hc/http/demo', { port: 65_536 }),
    answer: reply(500, 13, 'port only allowed in 1-65535'),
  },
  {
    name: 'TLS by UDP',
    request: post('/v1/hc/sudp/demo', { ssl: { enable: true } }),
    answer: reply(500, 14, 'UDP does not support tls'),
  },
  {
    name: 'TLS settings of MySQL',
    request: post('/v1/hc/smysql/demo', { sql: { db: 'd' }, ssl: { enable: false } }),
    answer: reply(500, 15, 'SMYSQL not allow config ssl block info'),
  },
  {
    name: 'no database',
    request: post('/v1/hc/smysql/demo', { sql: { db: '' } }),
    answer: reply(500, 16, 'SMYSQL db must be set and should not be empty'),
  },
  {
    name: 'verification without an authority',
    request: post('/v1/hc/http/demo', { ssl: { enable: true, verify: true } }),
    answer: reply(400, 4, 'Trusted CA certificate must be configured'),
  },
  {
    name: 'a key without a certificate',
    request: post('/v1/hc/http/demo', { ssl: { enable: true, certificateKey: 'k.pem' } }),
    answer: reply(400, 5, 'Certificate must be configured'),
  },
  {
    name: 'a certificate without a key',
    request: post('/v1/hc/http/demo', { ssl: { enable: true, certificate: 'c.pem' } }),
    answer: reply(400, 6, 'Certificate key must be configured'),
  },
]

for (const { name, request, answer } of refusals) {
  test(`refused: ${name}`, async () => {
    const { send, plane } = start()
    assert.deepEqual(await send(request.method, request.path, request.body), answer)
    assert.deepEqual(checksIn(plane), fixed)
  })
}

test('passwords are for admins', async () => {
  const { send, plane } = start()
  const body = { sql: { user: 'u', password: 'a "b" c', db: 'd' } }
  assert.deepEqual(await send('POST', '/v1/hc/smysql/demo', body), done)
  const redaction = new Redaction(httpModules)
  const words = /type=mysql user=u "?password=\[redacted\]"? db=d/
  assert.match(print(redaction.tree(plane.state().tree)), words)
  const { entries } = await plane.history({ limit: 1 })
  const text = 'health_check type=mysql password=p1; health_check "password=p 2" \'password=p 3\';'
  for (const shown of [JSON.stringify({ entries, text }), text].map((all) => redaction.text(all))) {
    assert.doesNotMatch(shown, /a \\*"b|b\\*" c|p1|p 2|p 3/)
    assert.match(shown, /password=\[redacted\]/)
  }
})

test('a check that is there already is not exchanged', async () => {
  const { send, plane } = start()
  await send('POST', '/v1/hc/http/demo', { interval: '1s' })
  const again = await send('POST', '/v1/hc/http/demo', { interval: '2s' })
  assert.deepEqual(again, reply(409, 8, 'The health check already configured '))
  assert.deepEqual(checksIn(plane), ['health_check type=http interval=1s;', ...fixed])
})

test('groups whose names begin alike have checks of their own', async () => {
  const { send } = start()
  await send('POST', '/v1/hc/http/demo', { interval: '1s' })
  await send('POST', '/v1/hc/http/dem', { interval: '2s' })
  assert.deepEqual(await send('DELETE', '/v1/hc/http/dem'), done)
  assert.equal((await send('GET', '/v1/hc/http/demo')).status, 200)
})

test('a check goes with its group, and not into the next one of that name', async () => {
  const { send, plane } = start()
  const group = { upstream_name: 'late', upstream_body: 'zone late 64k; server 127.0.0.1:1;' }
  const add = { type: 'add', ...group }
  await send('POST', '/v1/dyn_ups', add)
  assert.deepEqual(await send('POST', '/v1/hc/http/late', {}), done)
  await send('PUT', '/v1/dyn_ups', { type: 'del', upstream_name: 'late' })
  assert.equal(plane.state().instructions.size, 0)
  await send('POST', '/v1/dyn_ups', add)
  assert.deepEqual(checksIn(plane), fixed)
})
