import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createPlane,
  get,
  type Json,
  linesWith,
  located,
  locationOf,
  one,
  prefix,
  put,
  success,
} from './declarations.fixture.ts'

test('a document merges by server and location, nested ones included', async () => {
  const { api, plane } = createPlane()
  assert.deepEqual(await get(api, 'proxy_pass'), {
    servers: [
      {
        listens: ['0.0.0.0:8080'],
        serverNames: ['one.test', 'One.Alias'],
        locations: [{ location: '/', proxy_pass: 'http://127.0.0.1:1' }],
      },
    ],
  })
  const other = { listens: ['8080'], serverNames: ['one.alias'] }
  const document = {
    servers: [
      { ...one, locations: [{ location: '/', proxy_pass: 'http://127.0.0.1:2' }] },
      { ...other, locations: [{ location: '/', proxy_pass: 'http://127.0.0.1:3/a b' }] },
    ],
  }
  assert.deepEqual(await put(api, 'proxy_pass', document), success)
  assert.deepEqual(linesWith(plane, 'http://'), ['proxy_pass "http://127.0.0.1:3/a b";'])
  assert.equal([...plane.state().instructions.entries()].length, 1)
  const nested = located({
    location: '^~ /kept',
    locations: [{ location: '~ \\.php$', headers: [{ key: 'N', value: '$uri' }] }],
  })
  assert.deepEqual(await put(api, 'http_dyn_header', nested), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_header', '^~ /kept', '~ \\.php$'), {
    headers: [{ key: 'N', value: '$uri', always: 0 }],
  })
  const conditional = located({ location: '( $arg_v = 2 )', headers: [{ key: 'C', value: '' }] })
  assert.deepEqual(await put(api, 'http_dyn_header', conditional), success)
  assert.deepEqual(linesWith(plane, 'add_header C'), ['add_header C "";'])
})

test('what cannot be done is told item by item; the rest is done', async () => {
  const { api } = createPlane()
  const headers = [{ key: 'X', value: 'y' }]
  const document = {
    servers: [
      {
        ...one,
        locations: [{ location: '/', headers }, { headers }, { location: '/no', headers }],
      },
      {
        listens: ['0.0.0.0:8080'],
        serverNames: ['none.test'],
        locations: [{ location: '/', headers }],
      },
      { listens: [], serverNames: ['x'], locations: [] },
      { listens: ['8080'], locations: [] },
    ],
  }
  const data = [
    `${prefix}.locations index 1 not set location name`,
    `${prefix}.locations[/no] location not found`,
    'servers[0.0.0.0:8080,none.test].locations[/] can`t find server by listen[0.0.0.0:8080] server_name[none.test]',
    ' server parameters error, listens or serverNames is empty,at position 2',
    ' server parameters error, listens or serverNames is empty,at position 3',
  ]
  assert.deepEqual(await put(api, 'http_dyn_header', document), {
    data,
    code: 1,
    msg: 'partial success.',
  })
  assert.deepEqual(await locationOf(api, 'http_dyn_header', '/'), {
    headers: [{ key: 'X', value: 'y', always: 0 }],
  })
  assert.deepEqual(await put(api, 'http_dyn_header', located({ location: '/no', headers })), {
    data: [data[1]],
    code: 4,
    msg: 'update dyn conf error.',
  })
  assert.deepEqual(await put(api, 'http_dyn_header', { servers: [] }), success)
})

test('what the engine refuses is found among what it takes', async () => {
  const { api, plane } = createPlane(
    `http { server { listen 8080; server_name one.test;
       ${Array.from({ length: 40 }, (_, i) => `location /${i} { }`).join('\n')} } }`,
  )
  const bad = new Set([3, 17, 18, 39])
  const locations = Array.from({ length: 40 }, (_, i) => ({
    location: `/${i}`,
    headers: [{ key: 'X', value: bad.has(i) ? `unbearable-${i % 10}` : 'fine' }],
  }))
  assert.deepEqual(await put(api, 'http_dyn_header', located(...locations)), {
    data: [...bad].map((i) => `${prefix}.locations[/${i}] unbearable-${i % 10} in place:1`),
    code: 1,
    msg: 'partial success.',
  })
  assert.equal(linesWith(plane, 'X fine').length, 36)
  assert(plane.asked < 40, `asked ${plane.asked} times`)
  assert.deepEqual(await put(api, 'http_dyn_header', located(locations[3]!)), {
    data: [`${prefix}.locations[/3] unbearable-3 in place:1`],
    code: 4,
    msg: 'update dyn conf error.',
  })
})

test('documents that are not of their shape', async () => {
  const { api, plane } = createPlane()
  const before = plane.state().tree
  const cases: readonly (readonly [key: string, body: Json, msg: string])[] = [
    ['http_log', { other: 1 }, 'unknown field "other"'],
    ['proxy_pass', {}, '"servers" is required'],
    ['proxy_pass', { servers: {} }, '"servers" must be a list'],
    ['proxy_pass', { servers: [1] }, '"servers[0]" must be an object'],
    ['http_log', { servers: [{ listens: 'x' }] }, '"servers[0].listens" must be a list'],
    [
      'http_log',
      located({ location: '/', on: true }),
      'unknown field "servers[0].locations[0].on"',
    ],
    [
      'http_log',
      located({ location: '/', locations: [{ location: '/x', accessLogOn: 1 }] }),
      `"${prefix}.locations[/].locations[0].accessLogOn" must be true or false`,
    ],
    [
      'http_dyn_limit',
      located({ location: '/', limit_conn_log_level: 'loud' }),
      '"servers[0].locations[0].limit_conn_log_level" must be one of info, notice, warn, error',
    ],
    ['http_split_clients_2', {}, 'http field is required'],
    ['http_split_clients_2', { http: {} }, 'split_clients_2 field is required'],
  ]
  for (const [key, body, msg] of cases) {
    assert.deepEqual(await put(api, key, body), { code: 3, msg }, JSON.stringify(body))
  }
  assert.equal(plane.state().tree, before)
})

test('a dump that comes back is taken, and says the same', async () => {
  const keys = await get(createPlane().api, '')
  const merged = (keys as unknown as readonly string[]).filter(
    (key) => !['stream_ssl', 'dyn_upstream', 'dyn_stream_upstream'].includes(key),
  )
  assert(merged.length >= 15)
  for (const key of merged) {
    const { api } = createPlane()
    const dump = await get(api, key)
    const answer = await put(api, key, dump)
    // A server that returns a text has no target to exchange.
    const fault = key === 'stream_proxy_pass' ? 1 : 0
    assert.equal(answer['code'], fault, `${key}: ${JSON.stringify(answer)}`)
    assert.deepEqual(await get(api, key), dump, key)
  }
})

test('a dump of many servers comes in pieces, and in order', async () => {
  const many = 3000
  const text = Array.from({ length: many }, (_, i) => {
    return `server { listen 8080; server_name s${i}.test; location / { add_header A ${i}; } }`
  })
  const { api } = createPlane(`http { ${text.join('\n')} }`)
  const request = new Request('http://127.0.0.1/api/v1/config/http_dyn_header')
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  const pieces: string[] = []
  for await (const piece of response.body!) pieces.push(Buffer.from(piece).toString())
  assert(pieces.length > 3, `${pieces.length} pieces`)
  assert(pieces.every((piece) => piece.length < 128 * 1024))
  const { servers } = JSON.parse(pieces.join('')) as { servers: Json[] }
  assert.deepEqual(
    servers.map(({ serverNames }) => serverNames),
    Array.from({ length: many }, (_, i) => [`s${i}.test`]),
  )
})
