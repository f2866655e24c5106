import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directives } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { print } from '../conf/printer.ts'
import type { Directive } from '../conf/tree.ts'
import { joinWords } from '../conf/words.ts'
import { type ApiHandler, createApi } from './api.ts'
import { configuration } from './endpoints/configuration.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'
import type { ChangeRequest, ChangeResult } from './plane.ts'

const files = `
http {
    log_format short '$remote_addr ' "$status";
    map $arg_k $mapped { hostnames; default none; a one; }
    split_clients $remote_addr $variant { 12.5% a; * b; }
    split_clients_2 $colour { 10% blue; * green; }
    limit_conn_zone $remote_addr zone=conns:64k;
    limit_req_zone $remote_addr zone=reqs:64k rate=5r/s;
    add_header X-All "$host" always;
    server { listen 8080; server_name one.test "One.Alias";
        allow 10.0.0.0/8; deny 10.1.2.3; allow unix:; deny all;
        location / { proxy_pass http://127.0.0.1:1; auth_basic dialogue; auth_basic_user_file users; }
        location ^~ /kept { access_log logs/a.log short buffer=32k; access_log logs/b.log;
            add_header A 1; add_header B "2 3" always;
            location ~ \\.php$ { access_log off; limit_conn conns 3; limit_req zone=reqs burst=5 nodelay; }
        }
        location = /fault { fault_inject type=delay delay_duration=1s header=X:y; }
        location ( $arg_v = 2 ) { return 200; }
    }
    server { listen 8081; return 200; }
}
stream {
    map $remote_addr $word { default nothing; }
    server { listen 9000; server_name a b; proxy_pass 127.0.0.1:1; }
    server { listen 9001; return text; }
}`

/** Refuses, as workers do, what it cannot compile: any configuration with that word in it. */
class PickyPlane extends MemoryPlane {
  asked = 0

  override async change(request: ChangeRequest): Promise<ChangeResult> {
    this.asked += 1
    const tried = this.state().edit(request.edits(this.state()))
    const msg = /unbearable-\d/.exec(print(tried.tree))?.[0]
    if (msg !== undefined) return { kind: 'refused', reply: { code: 4, msg: `${msg} in place:1` } }
    return super.change(request)
  }
}

function createPlane(text: string = files): { api: ApiHandler; plane: PickyPlane } {
  const { main, diagnostics } = configurationFromText(text, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  const plane = new PickyPlane(main, '/t')
  return { api: createApi([configuration], plane), plane }
}

type Json = Readonly<Record<string, unknown>>

async function send(
  api: ApiHandler,
  method: string,
  key: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly json: Json }> {
  const content = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
  const url = `http://127.0.0.1:8081/api/v1/config/${key}`
  const request = new Request(url, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  return { status: response.status, json: JSON.parse(await response.text()) }
}

async function get(api: ApiHandler, key: string): Promise<Json> {
  const { status, json } = await send(api, 'GET', key)
  assert.equal(status, 200)
  return json
}

async function put(api: ApiHandler, key: string, body: unknown): Promise<Json> {
  const { status, json } = await send(api, 'PUT', key, body)
  assert.equal(status, 200)
  return json
}

const success: Json = { code: 0, msg: 'success.' }
const one = { listens: ['0.0.0.0:8080'], serverNames: ['one.test'] }

/** A document for locations of the first server. */
function located(...locations: readonly Json[]): Json {
  return { servers: [{ ...one, locations }] }
}

/** What a dump says of a location of the first server. */
async function locationOf(
  api: ApiHandler,
  key: string,
  ...names: readonly string[]
): Promise<Json> {
  const { servers } = (await get(api, key)) as { servers: Json[] }
  let { locations } = servers[0] as { locations: Json[] }
  let found: Json | undefined
  for (const name of names) {
    found = locations.find(({ location }) => location === name)
    locations = (found?.['locations'] ?? []) as Json[]
  }
  const { location: _, locations: __, ...fields } = found!
  return fields
}

/** Simple directives of the configuration that have a word in them, as text. */
function linesWith(plane: MemoryPlane, word: string): string[] {
  const found: string[] = []
  const collect = (node: Directive): void => {
    for (const child of directives(node.block!)) {
      if (child.block !== undefined) collect(child)
      else found.push(`${joinWords([child.name, ...child.args])};`)
    }
  }
  collect(plane.state().tree)
  return found.filter((line) => line.includes(word))
}

const prefix = 'servers[0.0.0.0:8080,one.test]'

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

test('http_log: where, in which form, and what it does not know of stays', async () => {
  const { api, plane } = createPlane()
  const usual = { path: 'logs/access.log', formatName: 'combined' }
  assert.deepEqual(await locationOf(api, 'http_log', '/'), {
    accessLogOn: true,
    accessLogs: [usual],
  })
  const kept = [
    { path: 'logs/a.log', formatName: 'short' },
    { path: 'logs/b.log', formatName: 'combined' },
  ]
  assert.deepEqual(await locationOf(api, 'http_log', '^~ /kept'), {
    accessLogOn: true,
    accessLogs: kept,
  })
  const php = ['^~ /kept', '~ \\.php$'] as const
  assert.deepEqual(await locationOf(api, 'http_log', ...php), {
    accessLogOn: false,
    accessLogs: [],
  })
  const on = { location: php[0], locations: [{ location: php[1], accessLogOn: true }] }
  assert.deepEqual(await put(api, 'http_log', located(on)), success)
  assert.deepEqual(await locationOf(api, 'http_log', ...php), {
    accessLogOn: true,
    accessLogs: kept,
  })
  const json = { name: 'json', format: '{"s":"$status"}', escape: 'json' }
  const document = {
    ...located(
      { location: '/', accessLogOn: false },
      { location: php[0], accessLogs: [kept[0]!, { path: 'logs/c.log', formatName: 'json' }] },
    ),
    accessLogFormats: [json, { name: 'short', format: "it's $uri" }],
  }
  assert.deepEqual(await put(api, 'http_log', document), success)
  assert.deepEqual(linesWith(plane, 'access_log'), [
    'access_log off;',
    'access_log logs/a.log short buffer=32k;',
    'access_log logs/c.log json;',
  ])
  const { accessLogFormats } = await get(api, 'http_log')
  assert.deepEqual(accessLogFormats, [
    { name: 'short', format: "it's $uri", escape: 'default' },
    json,
  ])
})

test('http_vts, otel: switches, and the one filter', async () => {
  const { api, plane } = createPlane()
  const off = located({ location: '/', vhost_traffic_status: false })
  assert.deepEqual(
    await put(api, 'http_vts', { ...off, vhost_traffic_status_filter_by_set_key: '$uri "by uri"' }),
    success,
  )
  assert.deepEqual(await locationOf(api, 'http_vts', '/'), { vhost_traffic_status: false })
  assert.equal(
    (await get(api, 'http_vts'))['vhost_traffic_status_filter_by_set_key'],
    '$uri "by uri"',
  )
  assert.deepEqual(await put(api, 'http_vts', { vhost_traffic_status_filter_by_set_key: '$uri' }), {
    data: [
      'vhost_traffic_status_filter_by_set_key should have two parameters: a key and its group',
    ],
    code: 4,
    msg: 'update dyn conf error.',
  })
  assert.deepEqual(
    await put(api, 'http_vts', { vhost_traffic_status_filter_by_set_key: '' }),
    success,
  )
  assert.deepEqual(linesWith(plane, 'set_key'), [])
  assert.deepEqual(
    await put(api, 'otel', located({ location: '/', opentelemetry: false })),
    success,
  )
  assert.deepEqual(linesWith(plane, 'opentelemetry'), ['opentelemetry off;'])
  assert.deepEqual(await locationOf(api, 'otel', '/'), { opentelemetry: false })
})

test('http_dyn_bwlist: one list of two families', async () => {
  const { api, plane } = createPlane()
  const all4 = { rule: 'deny', addr: '0.0.0.0', mask: '0.0.0.0' }
  const all6 = { rule: 'deny', addr: '::', mask: '::' }
  assert.deepEqual(await locationOf(api, 'http_dyn_bwlist', '/'), {
    accessIpv4: [
      { rule: 'allow', addr: '10.0.0.0', mask: '255.0.0.0' },
      { rule: 'deny', addr: '10.1.2.3', mask: '255.255.255.255' },
      all4,
    ],
    accessIpv6: [all6],
  })
  const rules = [
    { rule: 'allow', addr: '192.168.4.0', mask: '255.255.252.0' },
    { rule: 'deny', addr: '192.168.0.0', mask: '16' },
    { rule: 'allow', addr: '1.2.3.4' },
  ]
  assert.deepEqual(
    await put(api, 'http_dyn_bwlist', located({ location: '/', accessIpv4: rules })),
    success,
  )
  assert.deepEqual(linesWith(plane, '192.168').concat(linesWith(plane, '1.2.3.4/')), [
    'allow 192.168.4.0/22;',
    'deny 192.168.0.0/16;',
    'allow 1.2.3.4/32;',
  ])
  assert.deepEqual(linesWith(plane, 'unix:'), ['allow unix:;', 'allow unix:;', 'deny unix:;'])
  const v6 = [
    { rule: 'deny', addr: '2001:db8::', mask: 'ffff:ffff::' },
    { rule: 'allow', addr: '::1' },
  ]
  assert.deepEqual(
    await put(api, 'http_dyn_bwlist', located({ location: '/', accessIpv6: v6 })),
    success,
  )
  const found = await locationOf(api, 'http_dyn_bwlist', '/')
  assert.deepEqual(found['accessIpv6'], [
    { rule: 'deny', addr: '2001:db8::', mask: 'ffff:ffff::' },
    { rule: 'allow', addr: '::1', mask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' },
  ])
  assert.equal((found['accessIpv4'] as unknown[]).length, 3)
  assert.deepEqual(await put(api, 'http_dyn_bwlist', located({ location: '/', ...found })), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_bwlist', '/'), found)
  for (const [entry, msg] of [
    [{ rule: 'deny', addr: 'x' }, ' addr "x" is no address of accessIpv4'],
    [{ rule: 'deny', addr: '::1' }, ' addr "::1" is no address of accessIpv4'],
    [{ rule: 'deny', addr: '1.1.1.1', mask: '33' }, ' mask "33" is no mask of accessIpv4'],
    [
      { rule: 'deny', addr: '1.1.1.1', mask: '255.0.255.0' },
      ' mask "255.0.255.0" is no mask of accessIpv4',
    ],
  ] as const) {
    assert.deepEqual(
      await put(api, 'http_dyn_bwlist', located({ location: '/', accessIpv4: [entry] })),
      { data: [`${prefix}.locations[/]${msg}`], code: 4, msg: 'update dyn conf error.' },
    )
  }
})

test('http_dyn_limit: limits of the location, rates of the zones', async () => {
  const { api, plane } = createPlane()
  const shared = {
    limit_rate: '0',
    limit_rate_after: '0',
    limit_conns_scope: 'up_share',
    limit_conns: [],
    limit_conn_dry_run: 'off',
    limit_conn_log_level: 'error',
    limit_conn_status: 503,
    limit_reqs_scope: 'up_share',
    limit_reqs: [],
    limit_req_dry_run: 'off',
    limit_req_log_level: 'error',
    limit_req_status: 503,
  }
  assert.deepEqual(await locationOf(api, 'http_dyn_limit', '/'), shared)
  assert.deepEqual(await locationOf(api, 'http_dyn_limit', '^~ /kept', '~ \\.php$'), {
    ...shared,
    limit_conns_scope: 'location',
    limit_conns: [{ zone: 'conns', conn: 3 }],
    limit_reqs_scope: 'location',
    limit_reqs: [{ zone: 'reqs', burst: 5, delay: 'nodelay' }],
  })
  const wanted = {
    limit_rate: '100k',
    limit_conns_scope: 'location',
    limit_conns: [{ zone: 'conns', conn: 7 }],
    limit_conn_status: 429,
    limit_reqs_scope: 'location',
    limit_reqs: [{ zone: 'reqs', burst: 9, delay: '3' }],
    limit_req_dry_run: 'on',
  }
  const rates = { limit_rps: [{ zone: 'reqs', rate: '50r/s' }] }
  assert.deepEqual(
    await put(api, 'http_dyn_limit', { ...located({ location: '/', ...wanted }), ...rates }),
    success,
  )
  assert.deepEqual(await locationOf(api, 'http_dyn_limit', '/'), { ...shared, ...wanted })
  assert.deepEqual((await get(api, 'http_dyn_limit'))['limit_rps'], rates.limit_rps)
  assert.deepEqual(linesWith(plane, 'limit_req zone'), [
    'limit_req zone=reqs burst=9 delay=3;',
    'limit_req zone=reqs burst=5 nodelay;',
  ])
  // A dump that comes back changes nothing.
  const dump = await get(api, 'http_dyn_limit')
  assert.equal((await put(api, 'http_dyn_limit', dump))['code'], 0)
  assert.deepEqual((await get(api, 'http_dyn_limit'))['servers'], dump['servers'])
  assert.equal(linesWith(plane, 'limit_conn conns').length, 2)
  const conns = [{ zone: 'conns', conn: 1 }]
  for (const [fields, fault] of [
    [{ limit_conns: conns }, ' dyn limit conn is up_share scope, so not update'],
    [
      { limit_conns_scope: 'up_share', limit_conns: conns },
      ' dyn limit conn is up_share scope, so not update',
    ],
    [{ limit_reqs: [] }, ' dyn limit req is up_share scope, so not update'],
    [
      { limit_conns_scope: 'location', limit_conns: [{ zone: 'x', conn: 1 }] },
      ' limit conn zone:x is not exist',
    ],
    [
      { limit_conns_scope: 'location', limit_conns: [{ zone: 'conns', conn: 0 }] },
      ' conn should be from 1 to 65535',
    ],
    [{ limit_conn_status: 200 }, ' limit_conn_status should be from 400 to 599'],
    [{ limit_rate: 'fast' }, ' limit_rate "fast" is invalid'],
    [
      { limit_reqs_scope: 'location', limit_reqs: [{ zone: 'reqs', delay: 'no' }] },
      ' delay "no" is invalid',
    ],
  ] as const) {
    assert.deepEqual(await put(api, 'http_dyn_limit', located({ location: '/', ...fields })), {
      data: [`${prefix}.locations[/]${fault}`],
      code: 4,
      msg: 'update dyn conf error.',
    })
  }
  for (const [zone, rate, fault] of [
    ['none', '1r/s', ' update rps zone:none is not exist'],
    ['reqs', '0r/s', ' update rps zone:reqs  rate invalid'],
    ['reqs', 'x', ' update rps zone:reqs  rate invalid'],
  ]) {
    const { data } = await put(api, 'http_dyn_limit', { limit_rps: [{ zone, rate }] })
    assert.deepEqual(data, [`limit_rps${fault}`])
  }
})

test('maps of both subsystems', async () => {
  const { api } = createPlane()
  const http = {
    keyFrom: '$arg_k',
    keyTo: '$mapped',
    values: [
      { valueFrom: 'default', valueTo: 'none' },
      { valueFrom: 'a', valueTo: 'one' },
    ],
    isVolatile: false,
    hosnames: true,
  }
  assert.deepEqual(await get(api, 'http_dyn_map'), { maps: [http] })
  const changed = {
    ...http,
    values: [{ valueFrom: '~^(x|y)$', valueTo: 'a "b" $1;' }],
    isVolatile: true,
  }
  assert.deepEqual(await put(api, 'http_dyn_map', { maps: [changed] }), success)
  assert.deepEqual(await get(api, 'http_dyn_map'), { maps: [changed] })
  const faults = [
    [{ ...http, keyTo: 'mapped' }, 'keyTo mapped is invalid, it should start with $'],
    [{ ...http, keyFrom: '' }, 'keyFrom  is invalid, it should start with $'],
    [{ ...http, keyTo: '$none' }, 'keyTo $none not found in conf'],
    [{ ...http, values: [{ valueFrom: ' ' }] }, 'valueFrom is empty'],
  ] as const
  for (const [map, fault] of faults) {
    assert.deepEqual((await put(api, 'http_dyn_map', { maps: [map] }))['data'], [fault])
  }
  const stream = {
    keyFrom: '$remote_addr',
    keyTo: '$word',
    values: [{ valueFrom: 'x', valueTo: '' }],
  }
  assert.deepEqual(await put(api, 'stream_dyn_map', { maps: [stream, http] }), {
    data: ['keyTo $mapped not found in conf'],
    code: 1,
    msg: 'partial success.',
  })
  const { maps } = (await get(api, 'stream_dyn_map')) as { maps: Json[] }
  assert.deepEqual(maps[0]!['values'], stream.values)
})

test('shares of variants', async () => {
  const { api, plane } = createPlane()
  assert.deepEqual(await get(api, 'http_split_clients'), {
    http: { split_clients: { _key: '$remote_addr $variant', a: 12.5, b: 87.5 } },
  })
  assert.deepEqual(await get(api, 'http_split_clients_2'), {
    http: { split_clients_2: { blue: 10, green: 90 } },
  })
  const shares = (fields: Json): Json => ({ http: { split_clients_2: fields } })
  assert.deepEqual(await put(api, 'http_split_clients_2', shares({ blue: 0, red: 100 })), success)
  assert.deepEqual(await get(api, 'http_split_clients_2'), shares({ blue: 0, red: 100 }))
  assert.deepEqual(
    await put(api, 'http_split_clients', {
      http: { split_clients: [{ _key: '$variant', a: 100, b: 0 }] },
    }),
    success,
  )
  assert.deepEqual(linesWith(plane, '%'), ['100% a;', '0% blue;', '100% red;'])
  for (const [fields, fault] of [
    [{ blue: 10, green: 80 }, ' total percentage should be 100'],
    [{ blue: 101 }, ' percentage of "blue" should be from 0 to 100'],
    [{ blue: 'all' }, ' percentage of "blue" should be from 0 to 100'],
    [{ _key: '$none', a: 100 }, ' _key "$none" is not in the configuration'],
  ] as const) {
    assert.deepEqual((await put(api, 'http_split_clients_2', shares(fields)))['data'], [
      `split_clients_2${fault}`,
    ])
  }
  const none = createPlane('http { }').api
  assert.deepEqual(await get(none, 'http_split_clients_2'), { http: {} })
  assert.deepEqual((await put(none, 'http_split_clients_2', shares({ a: 100 })))['data'], [
    'split_clients_2 is not in the configuration',
  ])
})

test('http_dyn_fault_inject: only what a type needs is written', async () => {
  const { api, plane } = createPlane()
  const at = '= /fault'
  const delay = {
    fault_inject_type: 'delay',
    delay_percentage: 100,
    delay_duration: '1s',
    header: 'X:y',
  }
  assert.deepEqual(await locationOf(api, 'http_dyn_fault_inject', at), delay)
  assert.deepEqual(await locationOf(api, 'http_dyn_fault_inject', '/'), {
    fault_inject_type: 'none',
  })
  const set = (location: string, fields: Json): Promise<Json> =>
    put(api, 'http_dyn_fault_inject', located({ location, ...fields }))
  assert.deepEqual(await set(at, { fault_inject_type: 'delay_abort', status_code: 503 }), success)
  assert.deepEqual(linesWith(plane, 'type='), [
    'fault_inject type=delay_abort delay_duration=1s delay_percentage=100 status_code=503 abort_percentage=100 header=X:y;',
  ])
  const all = { delay_percentage: 5, abort_percentage: 6, status_code: 418, delay_duration: '2ms' }
  assert.deepEqual(await set('/', { fault_inject_type: 'abort', ...all }), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_fault_inject', '/'), {
    fault_inject_type: 'abort',
    abort_percentage: 6,
    status_code: 418,
  })
  assert.deepEqual(await set(at, { fault_inject_type: 'none' }), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_fault_inject', at), {
    fault_inject_type: 'none',
  })
  for (const [fields, fault] of [
    [{ fault_inject_type: 'delay' }, ' delay_duration is not set'],
    [{ fault_inject_type: 'abort' }, ' status_code is not set'],
    [
      { ...all, fault_inject_type: 'delay', delay_duration: '0ms' },
      ' delay_duration should be at least 1ms',
    ],
    [
      { ...all, fault_inject_type: 'abort', status_code: 601 },
      ' status_code should be from 200 to 600',
    ],
    [
      { ...all, fault_inject_type: 'abort', abort_percentage: 0 },
      ' abort_percentage should be from 1 to 100',
    ],
  ] as const) {
    assert.deepEqual((await set(at, fields))['data'], [`${prefix}.locations[${at}]${fault}`])
  }
})

test('http_dyn_header: names, and variables that nobody has', async () => {
  const { api } = createPlane()
  assert.deepEqual(await locationOf(api, 'http_dyn_header', '/'), {
    headers: [{ key: 'X-All', value: '$host', always: 1 }],
  })
  const set = (key: string, value: string): Promise<Json> =>
    put(api, 'http_dyn_header', located({ location: '/', headers: [{ key, value, always: 1 }] }))
  assert.deepEqual((await set('X Y', 'v'))['data'], [
    `${prefix}.locations[/] header key "X Y" is no name of a field`,
  ])
  const { explain } = (await import('./declarations/http-headers.ts')).httpHeaderFields.items(
    located({ location: '/', headers: [] }),
  )[0]!
  assert.equal(
    explain?.('unknown "nope" variable in /t/conf:1'),
    ' header contains undefined variables $nope',
  )
})

test('http_dyn_auth: one source takes the place of the other', async () => {
  const { api, plane } = createPlane()
  const file = { auth_basic: 'dialogue', auth_type: 'file', auth_param: 'users' }
  assert.deepEqual(await locationOf(api, 'http_dyn_auth', '/'), file)
  assert.deepEqual(await locationOf(api, 'http_dyn_auth', '^~ /kept'), { auth_basic: 'off' })
  const set = (fields: Json): Promise<Json> =>
    put(api, 'http_dyn_auth', located({ location: '/', ...fields }))
  assert.deepEqual(await set({ auth_type: 'kv', auth_param: 'staff' }), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_auth', '/'), {
    ...file,
    auth_type: 'kv',
    auth_param: 'staff',
  })
  assert.deepEqual(linesWith(plane, 'user_file'), [])
  assert.deepEqual(await set({ auth_basic: 'off' }), success)
  assert.deepEqual(await set({ auth_type: 'file', auth_param: 'others' }), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_auth', '/'), {
    auth_basic: 'off',
    auth_type: 'file',
    auth_param: 'others',
  })
  assert.deepEqual((await set({ auth_param: '' }))['data'], [
    `${prefix}.locations[/] auth_param is empty`,
  ])
  const kept = located({ location: '^~ /kept', auth_param: 'x' })
  assert.deepEqual((await put(api, 'http_dyn_auth', kept))['data'], [
    `${prefix}.locations[^~ /kept] auth_type is not set`,
  ])
})

test('servers of stream', async () => {
  const { api, plane } = createPlane()
  const a = { listens: ['0.0.0.0:9000'], serverNames: ['a', 'b'] }
  assert.deepEqual(await get(api, 'stream_proxy_pass'), {
    servers: [
      { ...a, proxy_pass: '127.0.0.1:1' },
      { listens: ['0.0.0.0:9001'], serverNames: [''], proxy_pass: '' },
    ],
  })
  const set = (server: Json): Promise<Json> => put(api, 'stream_proxy_pass', { servers: [server] })
  assert.deepEqual(await set({ ...a, proxy_pass: '127.0.0.1:2' }), success)
  assert.deepEqual(linesWith(plane, '9000').length, 1)
  assert.deepEqual((await set({ listens: ['9001'], proxy_pass: 'x' }))['data'], [
    'listen[9001] server_name[] has no proxy_pass',
  ])
  assert.deepEqual(
    (await set({ listens: ['9000'], serverNames: ['c'], proxy_pass: 'x' }))['data'],
    ['listen[9000] server_name[c] can not find server.'],
  )
  const counted = {
    listens: ['9001'],
    server_traffic_status: false,
    server_traffic_status_filter_by_set_key: ['$remote_addr clients', '$protocol'],
  }
  assert.deepEqual(await put(api, 'stream_dyn_sts', { servers: [counted] }), success)
  const { servers } = (await get(api, 'stream_dyn_sts')) as { servers: Json[] }
  assert.deepEqual(servers[1], { ...counted, listens: ['0.0.0.0:9001'], serverNames: [''] })
  const three = { ...counted, server_traffic_status_filter_by_set_key: ['a b c'] }
  assert.deepEqual((await put(api, 'stream_dyn_sts', { servers: [three] }))['data'], [
    'listen[9001] server_name[] "a b c" is no key with a group',
  ])
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
