import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { configurationFromText } from '../conf/includes.ts'
import { print } from '../conf/printer.ts'
import { type ApiHandler, createApi } from './api.ts'
import { history, rollback } from './endpoints/history.ts'
import { httpLocations } from './endpoints/http-locations.ts'
import { DynamicState } from './dynamic-state.ts'
import { locationDepthMax } from './limits.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const files = `
load_module modules/njt_http_location_module.so;
http {
    server { listen 8080; return 200 unnamed; }
    server {
        listen 8080;
        server_name one.test "One.Alias";
        location / { return 200 one; }
        location ^~ /kept { return 200 kept; }
        location ~ \\.php$ { return 200 php; }
    }
    server { listen 127.0.0.1:8081 ssl; server_name two.test; }
    server { server_name usual.test; }
}
stream { server { listen 9000; return stream; } }`

function createPlane(text: string = files): { api: ApiHandler; plane: MemoryPlane } {
  const { main, diagnostics } = configurationFromText(text, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  const plane = new MemoryPlane(main, '/t')
  return { api: createApi([httpLocations, history, rollback], plane), plane }
}

interface Answer {
  readonly status: number
  readonly text: string
}

async function send(
  api: ApiHandler,
  method: string,
  body?: unknown,
  path: string = '/v1/dyn_loc',
): Promise<Answer> {
  const content = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
  const request = new Request(`http://127.0.0.1:8081/api${path}`, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  return { status: response.status, text: await response.text() }
}

const ok: Answer = { status: 200, text: '{"code":0,"msg":"success."}' }

function refused(code: number, msg: string, data?: readonly string[]): Answer {
  return { status: 200, text: JSON.stringify({ ...(data && { data }), code, msg }) }
}

function bad(msg: string): Answer {
  return { status: 400, text: JSON.stringify({ code: 4, msg }) }
}

const place = { addr_port: '0.0.0.0:8080', server_name: 'one.test' }
const file = '/t/logs/trijet_0_add_location.txt'

function adding(...all: readonly object[]): Record<string, unknown> {
  return { type: 'add', ...place, locations: all }
}

function deleting(location_name: string, more: object = {}): Record<string, unknown> {
  return { type: 'del', ...place, location_name, ...more }
}

async function locations(api: ApiHandler): Promise<readonly Record<string, unknown>[]> {
  return JSON.parse((await send(api, 'GET')).text).locations
}

test('adds behind what the server has, lists, and deletes without a trace', async () => {
  const { api, plane } = createPlane()
  const before = print(plane.state().tree)
  const fields = {
    location_rule: '=',
    location_name: '/x',
    location_body: 'expires 1h; if ($arg_a) { return 204; } # a comment',
    proxy_pass: 'http://127.0.0.1:1',
  }
  const body = JSON.stringify(adding(fields))
  assert.deepEqual(await send(api, 'POST', body), ok)
  const key = `/ins/loc/l_${crc32('0.0.0.0:8080one.test=/x')}`
  assert.equal(plane.state().instructions.get(key), body, 'as it was sent')
  assert.match(
    print(plane.state().tree),
    /return 200 php; }\s+location = \/x \{\s+expires 1h;[^}]+}[^}]+proxy_pass http:\/\/127\.0\.0\.1:1;\s*}/,
  )
  assert.deepEqual(await locations(api), [{ ...place, ...fields }])
  assert.deepEqual(await send(api, 'PUT', deleting('/x', { location_rule: '=' })), ok)
  assert.equal(print(plane.state().tree), before)
  assert.deepEqual(await locations(api), [])
})

test('several locations of a request come together and go one by one', async () => {
  const { api, plane } = createPlane()
  const nested = {
    location_name: '/a',
    locations: [{ location_name: '/a/b', locations: [{ location_name: '/a/b/c' }] }],
  }
  const expression = { location_rule: '~', location_name: '"^/n{2}$"' }
  assert.deepEqual(await send(api, 'POST', adding(nested, { location_name: '/b' }, expression)), ok)
  assert.equal(plane.state().instructions.size, 3)
  assert.match(
    print(plane.state().tree),
    /location \/a \{\s+location \/a\/b \{\s+location \/a\/b\/c \{\s*}\s*}\s*}/,
  )
  assert.deepEqual(
    await send(api, 'PUT', deleting('/a/b')),
    refused(4, 'not find  location [/a/b]!'),
    'what is within another goes with it only',
  )
  assert.deepEqual(await send(api, 'PUT', deleting('/a')), ok)
  // Another address and name of the same server, and the text without its quotes.
  const alias = { addr_port: '127.0.0.1:8080', server_name: 'one.ALIAS' }
  const rule = { location_rule: ' ~ ', ...alias }
  assert.deepEqual(await send(api, 'PUT', deleting("'^/n{2}$'", rule)), ok)
  assert.deepEqual(
    (await locations(api)).map(({ location_name }) => location_name),
    ['/b'],
  )
})

test('refuses what is not of its form, in order', async () => {
  const { api, plane } = createPlane()
  const one = { location_name: '/x' }
  const deep = JSON.parse(
    '{"location_name":"/","locations":['.repeat(locationDepthMax) +
      '{"location_name":"/"}' +
      ']}'.repeat(locationDepthMax),
  )
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['POST', '{"a":1}', 'json parser error!'],
    ['POST', '[{"type":"add"}]', 'json error!!!'],
    ['POST', { ...adding(one), more: 1 }, 'invalid parameter:more!'],
    ['PUT', { ...deleting('/x'), location_body: '' }, 'invalid parameter:location_body!'],
    ['POST', { ...adding(one), addr_port: 1 }, 'addr_port error!!!'],
    ['POST', { ...adding(one), addr_port: ' ' }, 'addr_port null!!!'],
    ['POST', { ...adding(one), type: 'set' }, 'type error!!!'],
    ['PUT', { ...deleting('/x'), type: 'add' }, 'no support method when add location!'],
    ['POST', { ...adding(one), type: 'del' }, 'no support method when del location!'],
    ['POST', { ...adding(one), server_name: 1 }, 'server_name error!'],
    ['POST', { ...adding(), locations: undefined }, 'locations error!!!'],
    ['POST', adding(), 'locations error!!!'],
    ['POST', { ...adding(), locations: one }, 'locations error!!!'],
    ['POST', adding([]), 'locations error!!!'],
    ['POST', adding({ ...one, locations: 'x' }), 'locations error!!!'],
    ['POST', adding(deep), 'locations error!!!'],
    ['POST', adding({ ...one, location_mode: '=' }), 'invalid parameter:location_mode!'],
    ['POST', adding({ location_body: '' }), 'location_name is null!'],
    ['POST', adding({ location_name: ' ' }), 'location_name is null!'],
    ['POST', adding({ location_name: 1 }), 'location_name error!'],
    ['POST', adding({ ...one, location_rule: '==' }), 'location_rule error!'],
    ['POST', adding({ ...one, location_rule: 1 }), 'location_rule error!'],
    ['POST', adding({ ...one, location_body: 1 }), 'location_body error!'],
    ['POST', adding({ ...one, proxy_pass: '' }), 'proxy_pass error!'],
    ['PUT', deleting(''), 'location_name is null!'],
    ['PUT', deleting('/x', { location_rule: '!' }), 'location_rule error!'],
  ]
  for (const [method, body, message] of cases) {
    const what = `${method} ${JSON.stringify(body).slice(0, 200)}`
    assert.deepEqual(await send(api, method, body), bad(message), what)
  }
  assert.equal(plane.state().instructions.size, 0)
})

test('refuses what the engine has no place for', async () => {
  const { api, plane } = createPlane()
  const zone = '"zone" directive no support of dynamic!'
  const exist = (name: string): Answer => refused(5, `error:location[${name}] exist!`)
  const cases: readonly (readonly [object, Answer])[] = [
    [{ location_name: '/' }, exist('/')],
    [{ location_name: '/kept' }, exist('/kept')],
    [{ location_name: '~ \\.php$' }, exist('~ \\.php$')],
    [{ location_name: '( $uri = /x' }, refused(4, 'unexpected end of condition, expecting ")"')],
    [{ location_name: '( $uri == /x )' }, refused(4, 'invalid condition "=="')],
    [{ location_name: '( $uri = /x ) {} location /y' }, refused(4, 'location_name error!!!')],
    [{ location_name: '/x {} location /y' }, refused(4, 'location_name error!!!')],
    [{ location_name: '/x { return 200; } #' }, refused(4, 'location_name error!!!')],
    [{ location_name: '/x; return 200; location /y' }, refused(4, 'location_name error!!!')],
    [{ location_name: '/x /y /z' }, refused(4, 'location_name error!!!')],
    [{ location_name: '"/x' }, refused(4, 'location_name error!!!')],
    [
      { location_name: '/x', location_body: 'return 200; } location /y {' },
      refused(4, `unexpected "}" in ${file}:2`),
    ],
    [
      { location_name: '/x', location_body: 'if ($a) { return 200;' },
      refused(4, `unexpected end of file, expecting "}" in ${file}:3`),
    ],
    [{ location_name: '/x', proxy_pass: 'http://a; }' }, refused(4, `unexpected "}" in ${file}:3`)],
    [
      { location_name: '/x', location_body: 'if ($a) {\nzone a 1m; }' },
      refused(4, 'directive is not allowed here in location_body', [`${zone} in ${file}:3`]),
    ],
    [
      { location_name: '/x', locations: [{ location_name: '/x/y' }, { location_name: '/x/y' }] },
      refused(5, 'location exist!'),
    ],
  ]
  for (const [fields, reply] of cases) {
    assert.deepEqual(await send(api, 'POST', adding(fields)), reply, JSON.stringify(fields))
  }
  const twice = adding({ location_name: '/x' }, { location_rule: '^~', location_name: '/x' })
  assert.deepEqual(await send(api, 'POST', twice), refused(5, 'location exist!'))
  const half = adding({ location_name: '/x' }, { location_name: '/' })
  assert.deepEqual(await send(api, 'POST', half), exist('/'), 'all or none')
  assert.equal(plane.state().instructions.size, 0)
})

test('finds the server by address and name', async () => {
  const { api } = createPlane()
  const at = (addr_port: string, server_name?: string): object => ({
    ...adding({ location_name: '/x' }),
    addr_port,
    server_name,
  })
  const unknown = (host: string, name: string): Answer =>
    refused(4, `error:host[${host}],no find server[${name}]!`)
  assert.deepEqual(await send(api, 'POST', at('8080', 'three.test')), unknown('8080', 'three.test'))
  assert.deepEqual(await send(api, 'POST', at('8082', 'one.test')), unknown('8082', 'one.test'))
  assert.deepEqual(await send(api, 'POST', at('9000', '')), unknown('9000', ''), 'is of stream')
  assert.deepEqual(await send(api, 'POST', at('0.0.0.0:8081')), unknown('0.0.0.0:8081', ''))
  for (const [host, name] of [
    ['10.0.0.1:8080', 'One.Alias'],
    ['8080', undefined],
    ['127.0.0.1:8081', 'two.test'],
    [process.getuid?.() === 0 ? '80' : '8000', 'usual.test'],
  ] as const) {
    assert.deepEqual(await send(api, 'POST', at(host, name)), ok, host)
  }
})

test('deletes only what was added', async () => {
  const { api } = createPlane()
  assert.deepEqual(
    await send(api, 'PUT', deleting('/')),
    refused(5, 'only dynamic location,can to be delete!'),
  )
  assert.deepEqual(
    await send(api, 'PUT', deleting('/none')),
    refused(4, 'not find  location [/none]!'),
  )
  assert.deepEqual(await send(api, 'POST', adding({ location_name: '/x' })), ok)
  for (const location_rule of ['=', '^~', '~']) {
    const answer = await send(api, 'PUT', deleting('/x', { location_rule }))
    assert.notDeepEqual(answer, ok, location_rule)
  }
  assert.deepEqual(await send(api, 'PUT', deleting('/x')), ok)
})

test('a condition is a location like others, however it is written', async () => {
  const { api } = createPlane()
  const spellings = ['( $arg_v = 2 && ( $uri ~ ^/(x|y) ) )', '($arg_v = "2" && $uri ~ ^/(x|y))']
  const [first = '', second = ''] = spellings
  assert.deepEqual(await send(api, 'POST', adding({ location_name: first })), ok)
  assert.deepEqual(
    await send(api, 'POST', adding({ location_name: second })),
    refused(5, `error:location[${second}] exist!`),
  )
  assert.deepEqual(await send(api, 'POST', adding({ location_name: '( $arg_v = 2 )' })), ok)
  assert.deepEqual(await send(api, 'PUT', deleting(second)), ok)
  assert.deepEqual(
    await send(api, 'PUT', deleting(first)),
    refused(4, `not find  location [${first}]!`),
  )
})

test('says that the data plane has no module for it', async () => {
  const { api } = createPlane('http { server { listen 8080; server_name one.test; } }')
  const answer = await send(api, 'POST', adding({ location_name: '/x' }))
  assert.equal(answer.text, '{"code":-1, "msg":"no rpc handler registered"}')
})

test('rolls back, and is put on top of other files as far as they have room', async () => {
  const { api, plane } = createPlane()
  await send(api, 'POST', adding({ location_name: '/x' }))
  await send(api, 'POST', adding({ location_name: '/y' }))
  await send(api, 'PUT', deleting('/x'))
  assert.deepEqual(await send(api, 'POST', { to: 2 }, '/v2/rollback'), ok)
  assert.equal((await locations(api)).length, 2)
  const { main } = configurationFromText(
    'http { server { listen 8080; server_name one.test; location /x {} } }',
    'other',
  )
  const instructions = [...plane.state().instructions.entries()]
  const { state, leftOut } = DynamicState.rebase(
    main,
    instructions.map(([key, body]) => ({ key, body })),
    '/t',
  )
  assert.deepEqual(
    leftOut.map(({ reason }) => reason),
    ['error:location[/x] exist!'],
  )
  assert.match(print(state.tree), /location \/y/)
})

test('servers without locations of their own share what they are with the tree before', async () => {
  const { api, plane } = createPlane()
  const before = plane.state()
  await send(api, 'POST', adding({ location_name: '/x' }))
  const after = plane.state()
  const one = (state: DynamicState) => [...state.http.servers()]
  const changed = one(after).filter(
    ({ node }) => !one(before).some((server) => server.node === node),
  )
  assert.deepEqual(
    changed.map(({ names }) => names[0]),
    ['one.test'],
  )
})
