import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configurationFromText } from '../conf/includes.ts'
import { print } from '../conf/printer.ts'
import { type ApiHandler, createApi } from './api.ts'
import { configuration } from './endpoints/configuration.ts'
import { history, rollback } from './endpoints/history.ts'
import { httpGroups, streamGroups } from './endpoints/upstream-groups.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const files = `
load_module modules/njt_http_dyn_upstream_module.so;
load_module modules/njt_stream_dyn_upstream_module.so;
http {
    upstream Fixed { zone fixed 64k; ip_hash; server 127.0.0.1:1; keepalive 4; keepalive_timeout 5s; }
    server { listen 8080; }
}
stream {
    upstream other { hash $remote_addr consistent; server 127.0.0.1:1; }
    server { listen 9000; return stream; }
}`

function createPlane(text: string = files): { api: ApiHandler; plane: MemoryPlane } {
  const { main, diagnostics } = configurationFromText(text, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  const plane = new MemoryPlane(main, '/t')
  const endpoints = [httpGroups, streamGroups, configuration, history, rollback]
  return { api: createApi(endpoints, plane), plane }
}

interface Answer {
  readonly status: number
  readonly text: string
}

async function send(
  api: ApiHandler,
  method: string,
  body?: unknown,
  path = '/v1/dyn_ups',
): Promise<Answer> {
  const content = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
  const request = new Request(`http://127.0.0.1:8081/api${path}`, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  return { status: response.status, text: await response.text() }
}

const ok: Answer = { status: 200, text: '{"code":0,"msg":"success."}' }

function refused(code: number, msg: string): Answer {
  return { status: 200, text: JSON.stringify({ code, msg }) }
}

function bad(msg: string): Answer {
  return { status: 400, text: JSON.stringify({ code: 4, msg }) }
}

const upstream_body = 'zone shop 64k; least_conn; server 127.0.0.1:2'
const add = { type: 'add', upstream_name: 'shop', upstream_body }
const del = { type: 'del', upstream_name: 'shop' }
const file = '/t/logs/trijet_0_add_upstream.txt'

test('a group comes, is listed, and goes without a trace, in either block', async () => {
  for (const [path, key] of [
    ['/v1/dyn_ups', '/ins/ups/http_shop'],
    ['/v1/dyn_stream_ups', '/ins/stream_ups/shop'],
  ] as const) {
    const { api, plane } = createPlane()
    const before = print(plane.state().tree)
    assert.deepEqual(await send(api, 'POST', add, path), ok)
    assert.match(print(plane.state().tree), /upstream shop \{\s+zone shop 64k;\s+least_conn;/)
    assert.equal(plane.state().instructions.get(key), JSON.stringify(add))
    assert.deepEqual(JSON.parse((await send(api, 'GET', undefined, path)).text), {
      upstreams: [{ upstream_name: 'shop', upstream_body }],
    })
    const exists = refused(5, 'error:upstream[SHOP] exist!')
    assert.deepEqual(await send(api, 'POST', { ...add, upstream_name: 'SHOP' }, path), exists)
    assert.deepEqual(await send(api, 'PUT', { ...del, upstream_name: ' Shop' }, path), ok)
    assert.equal(print(plane.state().tree), before)
    const missing = refused(4, 'error:no find upstream [shop]!')
    assert.deepEqual(await send(api, 'PUT', del, path), missing)
  }
})

test('refuses what is not of its form, in order', async () => {
  const { api } = createPlane()
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['POST', '{}', 'json parser error!'],
    ['POST', '{"type":', 'json parser error!'],
    ['POST', '[1,2,3,4,5]', 'json error!!!'],
    ['POST', { ...add, addr_port: '1' }, 'invalid parameter:addr_port!'],
    ['POST', { ...add, type: undefined }, 'type error!!!'],
    ['POST', { ...add, type: 'update' }, 'type error!!!'],
    ['PUT', add, 'no support method when add upstream!'],
    ['POST', del, 'no support method when del upstream!'],
    ['POST', { ...add, upstream_name: undefined }, 'upstream_name is null!'],
    ['POST', { ...add, upstream_name: ' ' }, 'upstream_name is null!'],
    ['POST', { ...add, upstream_name: 7 }, 'upstream_name error!'],
    ...['a b', 'a;b', 'a{', '"a"', 'a#', 'a/b', '+', '$a'].map(
      (upstream_name) => ['POST', { ...add, upstream_name }, 'upstream_name error!'] as const,
    ),
    ['POST', { ...add, upstream_body: [] }, 'upstream_body error!'],
  ]
  for (const [method, body, message] of cases) {
    assert.deepEqual(await send(api, method, body), bad(message), JSON.stringify(body))
  }
  assert.equal((await send(api, 'DELETE')).status, 404)
  assert.equal((await send(api, 'POST', add, '/v1/dyn_ups/x')).status, 404)
})

test('refuses what a group cannot be', async () => {
  const { api, plane } = createPlane()
  const before = plane.state()
  const cases: readonly (readonly [object, number, string])[] = [
    [{ upstream_name: 'fixed' }, 5, 'error:upstream[fixed] exist!'],
    [{ upstream_body: 'server 127.0.0.1:2;' }, 4, 'dyn upstream requires zone directive!'],
    [{ upstream_body: undefined }, 4, 'dyn upstream requires zone directive!'],
    [{ upstream_body: 'zone fixed 64k; server 127.0.0.1:2;' }, 4, 'upstream zone name exist!'],
    [{ upstream_body: 'zone z 1m; } upstream y { zone y 1m;' }, 4, `unexpected "}" in ${file}:2`],
    [{ upstream_body: 'zone z 1m; }' }, 4, `unexpected "}" in ${file}:3`],
    [
      { upstream_body: 'zone z 1m; server "x' },
      4,
      `unexpected end of file, expecting ";" or "}" in ${file}:4`,
    ],
  ]
  for (const [change, code, message] of cases) {
    const reply = await send(api, 'POST', { ...add, ...change })
    assert.deepEqual(reply, refused(code, message), JSON.stringify(change))
  }
  assert.deepEqual(
    await send(api, 'PUT', { ...del, upstream_name: 'fixed' }),
    refused(5, 'fail:upstream [fixed] is static!'),
  )
  assert.equal(plane.state(), before)
})

test('the name of a zone is free again when its group is gone, in both blocks', async () => {
  const { api } = createPlane()
  assert.deepEqual(await send(api, 'POST', add), ok)
  const second = { ...add, upstream_name: 'second' }
  const taken = refused(4, 'upstream zone name exist!')
  assert.deepEqual(await send(api, 'POST', second), taken)
  assert.deepEqual(await send(api, 'POST', second, '/v1/dyn_stream_ups'), taken)
  assert.deepEqual(await send(api, 'PUT', del), ok)
  assert.deepEqual(await send(api, 'POST', second, '/v1/dyn_stream_ups'), ok)
})

test('tells what is missing: the module, the block', async () => {
  const { api } = createPlane('http { }')
  const none = '{"code":-1, "msg":"no rpc handler registered"}'
  assert.equal((await send(api, 'POST', add)).text, none)
  const load = 'load_module modules/njt_http_dyn_upstream_module.so;'
  const noBlock = createPlane(`${load} stream { }`)
  assert.deepEqual(
    await send(noBlock.api, 'POST', add),
    refused(4, 'no http module when add upstream!'),
  )
})

test('dumps all groups with what they are like', async () => {
  const { api } = createPlane()
  await send(api, 'POST', add)
  const http = await send(api, 'GET', undefined, '/v1/config/dyn_upstream')
  const usual = { keepalive_requests: 1000, keepalive_time: 3_600_000 }
  const none = { state: '', resolver: '', resolver_timeout: 30_000 }
  assert.deepEqual(JSON.parse(http.text), [
    {
      name: 'Fixed',
      balance: 'ip_hash',
      zone: 'fixed',
      keepalive: 4,
      keepalive_timeout: 5_000,
      ...usual,
      ...none,
      is_static: true,
    },
    {
      name: 'shop',
      balance: 'least_conn',
      zone: 'shop',
      keepalive: 0,
      keepalive_timeout: 60_000,
      ...usual,
      ...none,
      is_static: false,
    },
  ])
  const stream = await send(api, 'GET', undefined, '/v1/config/dyn_stream_upstream')
  assert.deepEqual(JSON.parse(stream.text), [
    { name: 'other', balance: 'hash', zone: '', ...none, is_static: true },
  ])
  const names: unknown = JSON.parse((await send(api, 'GET', undefined, '/v1/config')).text)
  for (const key of ['dyn_upstream', 'dyn_stream_upstream']) {
    assert.ok(Array.isArray(names) && names.includes(key))
    assert.equal((await send(api, 'PUT', {}, `/v1/config/${key}`)).status, 404)
  }
})

test('a rollback gives a group the body that it had', async () => {
  const { api, plane } = createPlane()
  await send(api, 'POST', add)
  await send(api, 'PUT', del)
  await send(api, 'POST', { ...add, upstream_body: 'zone next 1m; server 127.0.0.1:3;' })
  assert.deepEqual(await send(api, 'POST', { to: 1 }, '/v2/rollback'), ok)
  assert.match(print(plane.state().tree), /zone shop 64k;/)
  assert.doesNotMatch(print(plane.state().tree), /zone next/)
})
