import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeTempPrefix } from '../../../test/support/temp-prefix.ts'
import { directives } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { type ApiHandler, createApi } from './api.ts'
import { DynamicState } from './dynamic-state.ts'
import { history, rollback } from './endpoints/history.ts'
import { httpGroups } from './endpoints/upstream-groups.ts'
import { upstreamMembers } from './endpoints/upstream-members.ts'
import { groupsOf } from './group-index.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'
import { placeEdit } from './place.ts'

const files = `
load_module modules/njt_http_dyn_upstream_module.so;
http {
    upstream app { zone app 64k; server 127.0.0.1:1; server 127.0.0.1:2 weight=2; server 127.0.0.1:3 backup; keepalive 8; }
    upstream hashed { zone hashed 64k; hash $uri; server 127.0.0.1; }
    upstream names { zone names 64k; resolver 127.0.0.1; server app.test:80 resolve; }
    upstream static { server 127.0.0.1:1; }
    server { listen 8080; location / { proxy_pass http://app; } }
}
stream {
    upstream tcp { zone tcp 64k; server 127.0.0.1:1; server unix:/run/x.sock; }
}`

interface Bench {
  readonly plane: MemoryPlane
  readonly send: (method: string, path: string, body?: unknown) => Promise<Answer>
}

interface Answer {
  readonly status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- documents of many shapes
  readonly body: any
}

function createBench(text: string = files, prefix = '/t'): Bench {
  const { main, diagnostics } = configurationFromText(text, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  const plane = new MemoryPlane(main, prefix)
  const api = createApi([upstreamMembers, httpGroups, history, rollback], plane)
  return { plane, send: (...request) => send(api, ...request) }
}

async function send(
  api: ApiHandler,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const content = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
  const at = path.startsWith('/') ? path : `/v1/upstream_api/${path}`
  const request = new Request(`http://127.0.0.1:8081/api${at}`, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

/** The `server` lines of a group, as they stand in the tree. */
function servers({ tree }: DynamicState, name: string, subsystem: 'http' | 'stream' = 'http') {
  const group = groupsOf(tree, subsystem).find(name)!
  return [...directives(group.block!)]
    .filter((node) => node.name === 'server')
    .map(({ args }) => args.join(' '))
}

const app = 'http/upstreams/app/servers'
const defaults = {
  weight: 1,
  max_conns: 0,
  max_fails: 1,
  fail_timeout: '10s',
  slow_start: '0s',
  route: '',
  backup: false,
  down: false,
}

function fault(status: number, code: string, text: string) {
  return { status, error: { status, text, code } }
}

async function refused(answer: Promise<Answer>) {
  const { status, body } = await answer
  assert.match(body.request_id, /^[0-9a-f]{32}$/)
  assert.equal(body.href, 'https://njet.org/en/docs/http/njt_http_api_module.html')
  return { status, error: body.error }
}

test('members are listed with their numbers', async () => {
  const { send: ask } = createBench()
  const { status, body } = await ask('GET', `${app}/`)
  assert.equal(status, 200)
  assert.deepEqual(body, [
    { id: 0, server: '127.0.0.1:1', ...defaults },
    { id: 1, server: '127.0.0.1:2', ...defaults, weight: 2 },
    { id: 2, server: '127.0.0.1:3', ...defaults, backup: true },
  ])
  assert.deepEqual((await ask('GET', `${app}/1`)).body, body[1])
  const { route: _, ...streamDefaults } = defaults
  assert.deepEqual((await ask('GET', 'stream/upstreams/tcp/servers')).body, [
    { id: 0, server: '127.0.0.1:1', ...streamDefaults },
    { id: 1, server: 'unix:/run/x.sock', ...streamDefaults },
  ])
  const [hashed] = (await ask('GET', 'http/upstreams/hashed/servers/')).body
  assert.equal(hashed.server, '127.0.0.1:80', 'the port that http has')
})

test('a member is added behind the others and keeps its number', async () => {
  const { plane, send: ask } = createBench()
  const made = await ask('POST', `${app}/`, { server: '127.0.0.1:4', weight: 3, drain: true })
  assert.equal(made.status, 201)
  assert.deepEqual(made.body, { id: 3, server: '127.0.0.1:4', ...defaults, weight: 3, drain: true })
  assert.deepEqual((await ask('GET', `${app}/3`)).body, made.body)
  assert.deepEqual(servers(plane.state(), 'app'), [
    '127.0.0.1:1',
    '127.0.0.1:2 weight=2',
    '127.0.0.1:3 backup',
    '127.0.0.1:4 weight=3 drain',
  ])
  await ask('POST', `${app}/`, { server: '127.0.0.1:5' })
  await ask('DELETE', `${app}/3`)
  assert.deepEqual(
    (await ask('GET', app)).body.map(({ id }: { id: number }) => id),
    [0, 1, 2, 4],
  )
  assert.deepEqual(
    [...plane.state().instructions.entries()].map(([key]) => key),
    ['/ins/ups_peer/app/4'],
  )
})

test('what is not named in a change stays as it is', async () => {
  const { plane, send: ask } = createBench()
  const changed = await ask('PATCH', `${app}/1`, { down: true, max_fails: 0, fail_timeout: '1m' })
  assert.equal(changed.status, 200)
  assert.deepEqual(changed.body, {
    id: 1,
    server: '127.0.0.1:2',
    ...defaults,
    weight: 2,
    max_fails: 0,
    fail_timeout: '60s',
    down: true,
  })
  const line = '127.0.0.1:2 weight=2 max_fails=0 fail_timeout=60s down'
  assert.equal(servers(plane.state(), 'app')[1], line)
  await ask('PATCH', `${app}/1`, { server: '127.0.0.9:2', route: 'b' })
  assert.equal(
    servers(plane.state(), 'app')[1],
    '127.0.0.9:2 weight=2 max_fails=0 fail_timeout=60s route=b down',
  )
  assert.deepEqual((await ask('PATCH', `${app}/1`, await shown(ask))).status, 200)
})

async function shown(ask: Bench['send']): Promise<unknown> {
  return (await ask('GET', `${app}/1`)).body
}

test('a member that is as the files say needs no instruction', async () => {
  const { plane, send: ask } = createBench()
  await ask('PATCH', `${app}/1`, { weight: 7 })
  await ask('PATCH', `${app}/1`, { weight: 2 })
  assert.equal(plane.state().instructions.size, 0)
})

test('all members may go, those of the files, too', async () => {
  const { plane, send: ask } = createBench()
  const left = await ask('DELETE', `${app}/0`)
  assert.equal(left.status, 200)
  assert.deepEqual(
    left.body.map(({ id }: { id: number }) => id),
    [1, 2],
  )
  await ask('DELETE', `${app}/1`)
  assert.deepEqual((await ask('DELETE', `${app}/2`)).body, [])
  assert.deepEqual(servers(plane.state(), 'app'), [])
  assert.equal((await ask('POST', `${app}/`, { server: '[::1]:9' })).body.id, 3)
  await ask('POST', '/v2/rollback', { to: 1 })
  assert.deepEqual(servers(plane.state(), 'app'), ['127.0.0.1:2 weight=2', '127.0.0.1:3 backup'])
  await ask('POST', '/v2/rollback', { to: 0 })
  assert.equal(servers(plane.state(), 'app').length, 3)
})

test('the order of members does not depend on how they came about', async () => {
  const { plane, send: ask } = createBench()
  for (const port of [11, 12, 13]) await ask('POST', `${app}/`, { server: `127.0.0.1:${port}` })
  await ask('DELETE', `${app}/1`)
  await ask('PATCH', `${app}/3`, { weight: 5 })
  await ask('PATCH', `${app}/0`, { weight: 9 })
  const now = servers(plane.state(), 'app')
  assert.deepEqual(now, [
    '127.0.0.1:1 weight=9',
    '127.0.0.1:3 backup',
    '127.0.0.1:11 weight=5',
    '127.0.0.1:12',
    '127.0.0.1:13',
  ])
  assert.deepEqual(servers(rebasedState(plane), 'app'), now)
})

/** What any process comes to that begins with the files and the instructions in force. */
function rebasedState(plane: MemoryPlane): DynamicState {
  const { files: tree, instructions } = plane.state()
  const all = [...instructions.entries()].map(([key, body]) => ({ key, body }))
  const { state, leftOut } = DynamicState.rebase(tree, all.toReversed(), '/t')
  assert.deepEqual(leftOut, [])
  return state
}

test('numbers outlive what somebody else writes into the group', async () => {
  const { plane, send: ask } = createBench()
  await ask('POST', `${app}/`, { server: '127.0.0.1:11' })
  await ask('POST', `${app}/`, { server: '127.0.0.1:12' })
  await ask('DELETE', `${app}/3`)
  await ask('PATCH', `${app}/0`, { weight: 4 })
  const numbers = (await ask('GET', app)).body
  const place = { steps: [['http'], ['upstream', 'app']], target: 'keepalive' } as const
  await plane.change({
    edits: () => [placeEdit(place, 'keepalive 99;')],
    action: 'test',
    actor: { peer: 'test', name: undefined },
    dryRun: false,
    timeoutMs: 1000,
  })
  assert.deepEqual((await ask('GET', app)).body, numbers)
  await ask('PATCH', `${app}/4`, { weight: 6 })
  await ask('DELETE', `${app}/0`)
  assert.deepEqual(servers(plane.state(), 'app'), [
    '127.0.0.1:2 weight=2',
    '127.0.0.1:3 backup',
    '127.0.0.1:12 weight=6',
  ])
  assert.equal((await ask('POST', `${app}/`, { server: '127.0.0.1:13' })).body.id, 5)
})

test('names are added where they can be looked up', async () => {
  const { plane, send: ask } = createBench()
  const path = 'http/upstreams/names/servers/'
  const made = await ask('POST', path, { server: 'other.test:81' })
  assert.equal(made.status, 201)
  assert.equal(made.body.server, 'other.test:81')
  await ask('POST', path, { server: 'service.test', service: 'http' })
  assert.deepEqual(servers(plane.state(), 'names'), [
    'app.test:80 resolve',
    'other.test:81 resolve',
    'service.test service=http resolve',
  ])
  assert.deepEqual(
    await refused(ask('POST', `${app}/`, { server: 'other.test:81' })),
    fault(400, 'UpstreamConfNoResolver', 'no resolver defined to resolve'),
  )
  assert.deepEqual(
    await refused(ask('PATCH', `${path}0`, { server: '127.0.0.1:1' })),
    fault(400, 'UpstreamServer Immutable', 'server address is immutable'),
  )
  assert.deepEqual(
    await refused(ask('PATCH', `${app}/0`, { server: 'other.test:81' })),
    fault(405, 'DomainName', "domain name isn't supported"),
  )
  assert.equal((await ask('PATCH', `${path}0`, { server: 'app.test:80', weight: 2 })).status, 200)
})

test('groups are shown with the peers that they have', async () => {
  const { send: ask } = createBench()
  const { status, body } = await ask('GET', 'http/upstreams/')
  assert.equal(status, 200)
  assert.deepEqual(
    body.map(({ name, zone }: { name: string; zone: string }) => [name, zone]),
    [
      ['app', 'app'],
      ['hashed', 'hashed'],
      ['names', 'names'],
    ],
  )
  const [{ peers, keepalive, zombies }] = body
  assert.deepEqual([keepalive, zombies, peers.length], [0, 0, 3])
  assert.deepEqual(peers[1], {
    id: 1,
    server: '127.0.0.1:2',
    name: '127.0.0.1:2',
    backup: false,
    weight: 2,
    state: 'up',
    active: 0,
    requests: 0,
    responses: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, codes: {}, total: 0 },
    sent: 0,
    received: 0,
    fails: 0,
    unavail: 0,
    health_checks: { checks: 0, fails: 0, unhealthy: 0 },
    downtime: 0,
  })
  assert.deepEqual((await ask('GET', 'http/upstreams/app?fields=zone')).body, {
    name: 'app',
    zone: 'app',
  })
  assert.deepEqual((await ask('GET', 'http/upstreams/app?fields=')).body, { name: 'app' })
  await ask('PATCH', `${app}/0`, { drain: true })
  await ask('PATCH', `${app}/1`, { down: true })
  const { body: group } = await ask('GET', 'http/upstreams/app/')
  assert.deepEqual(
    group.peers.map(({ state }: { state: string }) => state),
    ['draining', 'down', 'up'],
  )
})

const addition = 'http/upstreams/app/servers/'

const refusals: readonly (readonly [
  method: string,
  path: string,
  body: unknown,
  expected: readonly [status: number, code: string, text: string],
])[] = [
  ['GET', 'http', undefined, [404, 'PathNotFound', 'path not found']],
  ['GET', 'udp/upstreams/', undefined, [404, 'PathNotFound', 'path not found']],
  ['GET', 'http/upstreams/app/peers', undefined, [404, 'PathNotFound', 'path not found']],
  ['GET', `${app}/1/2`, undefined, [404, 'PathNotFound', 'path not found']],
  ['GET', 'http/upstreams/other', undefined, [404, 'UpstreamNotFound', 'upstream not found']],
  ['GET', 'http/upstreams/tcp', undefined, [404, 'UpstreamNotFound', 'upstream not found']],
  ['GET', `${app}/x`, undefined, [400, 'UpStreamBadServerId', 'invalid server id']],
  ['GET', `${app}/-1`, undefined, [400, 'UpStreamBadServerId', 'invalid server id']],
  ['GET', `${app}/9`, undefined, [404, 'UpStreamServerNotFound', 'server not found']],
  ['PATCH', `${app}/9`, {}, [404, 'UpStreamServerNotFound', 'server not found']],
  ['DELETE', `${app}/9`, undefined, [404, 'UpStreamServerNotFound', 'server not found']],
  ['PUT', `${app}/1`, {}, [405, 'MethodNotSupported', 'method not supported']],
  ['DELETE', `${app}/`, undefined, [405, 'MethodNotSupported', 'method not supported']],
  ['POST', 'http/upstreams/', {}, [405, 'MethodNotSupported', 'method not supported']],
  ['GET', 'http/upstreams/static', undefined, [400, 'UpstreamStatic', 'upstream is static']],
  [
    'POST',
    'http/upstreams/static/servers',
    { server: '127.0.0.1:1' },
    [400, 'UpstreamStatic', 'upstream is static'],
  ],
  ['POST', addition, 'x'.repeat(6_000_000), [405, 'TooLargePostBody', 'too large post body']],
  ['POST', addition, '{', [415, 'JsonError', 'json error']],
  ['POST', addition, '[]', [405, 'InvalidJsonBody', 'invalid json body']],
  ['POST', addition, {}, [400, 'UpstreamConfFormatError', 'missing "server" argument']],
  ['POST', addition, { server: '127.0.0.1' }, [400, 'UpstreamBadAddress', 'no port in server']],
  ['POST', addition, { server: 'name.test' }, [400, 'UpstreamBadAddress', 'no port in server']],
  [
    'POST',
    addition,
    { server: '127.0.0.1:99999' },
    [400, 'UpstreamBadAddress', 'invalid "server" argument'],
  ],
  [
    'POST',
    addition,
    { server: 'a;b:80' },
    [400, 'UpstreamBadAddress', 'invalid "server" argument'],
  ],
  [
    'POST',
    addition,
    { server: '{a}:80' },
    [400, 'UpstreamBadAddress', 'invalid "server" argument'],
  ],
  ['POST', addition, { server: 7 }, [400, 'UpstreamBadAddress', 'invalid "server" argument']],
  [
    'POST',
    addition,
    { server: '127.0.0.1:1', weight: 0 },
    [400, 'UpstreamBadWeight', 'invalid weight'],
  ],
  ['PATCH', `${app}/0`, { weight: '5' }, [400, 'UpstreamBadWeight', 'invalid weight']],
  [
    'PATCH',
    `${app}/0`,
    { route: 'r'.repeat(33) },
    [400, 'UpstreamBadRoute', 'route is longer than 32'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { max_conns: -1 },
    [400, 'UpstreamConfFormatError', 'invalid value of "max_conns"'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { fail_timeout: 'soon' },
    [400, 'UpstreamConfFormatError', 'invalid value of "fail_timeout"'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { down: 'yes' },
    [400, 'UpstreamConfFormatError', 'invalid value of "down"'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { colour: 1 },
    [400, 'UpstreamConfFormatError', 'unknown parameter "colour"'],
  ],
  [
    'PATCH',
    `${app}/0`,
    { backup: true },
    [400, 'UpstreamConfFormatError', '"backup" cannot be changed'],
  ],
  ['PATCH', `${app}/0`, { id: 4 }, [400, 'UpstreamConfFormatError', '"id" cannot be changed']],
  [
    'PATCH',
    'stream/upstreams/tcp/servers/0',
    { drain: true },
    [400, 'UpstreamConfFormatError', 'unknown parameter "drain"'],
  ],
  [
    'POST',
    'http/upstreams/hashed/servers',
    { server: '127.0.0.1:1', backup: true },
    [400, 'UpstreamNoBackup', 'upstream has no backup'],
  ],
  ['POST', addition, { server: '127.0.0.1:1', id: 1 }, [409, 'EntryExists', 'server id exists']],
]

for (const [method, path, body, [status, code, text]] of refusals) {
  const shownBody = JSON.stringify(body)?.slice(0, 60) ?? ''
  test(`${method} ${path} ${shownBody} is refused`, async () => {
    const { plane, send: ask } = createBench()
    assert.deepEqual(await refused(ask(method, path, body)), fault(status, code, text))
    assert.equal(plane.state().instructions.size, 0)
  })
}

test('a group that goes takes what was changed of it along', async () => {
  const { plane, send: ask } = createBench()
  const group = { upstream_name: 'live', upstream_body: 'zone live 64k; server 127.0.0.1:1;' }
  const added = await ask('POST', '/v1/dyn_ups', { type: 'add', ...group })
  assert.equal(added.body.code, 0)
  await ask('POST', 'http/upstreams/live/servers', { server: '127.0.0.1:2' })
  await ask('DELETE', 'http/upstreams/live/servers/0')
  assert.deepEqual(servers(plane.state(), 'live'), ['127.0.0.1:2'])
  assert.deepEqual(servers(rebasedState(plane), 'live'), ['127.0.0.1:2'])
  const del = { type: 'del', upstream_name: 'live' }
  assert.equal((await ask('PUT', '/v1/dyn_ups', del)).body.code, 0)
  assert.equal(plane.state().instructions.size, 0)
})

test('files that lack a server leave out what was changed of it, and nothing else', async () => {
  const { plane, send: ask } = createBench()
  await ask('PATCH', `${app}/1`, { weight: 9 })
  await ask('POST', `${app}/`, { server: '127.0.0.1:11' })
  const all = [...plane.state().instructions.entries()].map(([key, body]) => ({ key, body }))
  const text = files.replace(
    ' server 127.0.0.1:2 weight=2;',
    ' server 127.0.0.8:8; server 127.0.0.9:9;',
  )
  const { main } = configurationFromText(text, '/t/conf/trijet.conf')
  const { state, leftOut } = DynamicState.rebase(main, all, '/t')
  assert.deepEqual(
    leftOut.map(({ instruction, reason }) => [instruction.key, reason]),
    [['/ins/ups_peer/app/1', 'server "127.0.0.1:2" is not in upstream "app"']],
  )
  assert.equal(servers(state, 'app').at(-1), '127.0.0.1:11')
})

test('a group that keeps its members in a file has one instruction for all', async (t) => {
  const prefix = makeTempPrefix(t)
  const path = prefix.write('app.state', 'server 127.0.0.1:1;\nserver 127.0.0.1:2 weight=2;\n')
  const text = `http { upstream kept { zone kept 64k; state ${path}; } }`
  const { plane, send: ask } = createBench(text, prefix.path)
  const kept = 'http/upstreams/kept/servers'
  const list = async () =>
    (await ask('GET', kept)).body.map(({ id, server }: { id: number; server: string }) => [
      id,
      server,
    ])
  assert.deepEqual(await list(), [
    [0, '127.0.0.1:1'],
    [1, '127.0.0.1:2'],
  ])
  assert.equal((await ask('POST', kept, { server: '127.0.0.1:3' })).body.id, 2)
  await ask('DELETE', `${kept}/0`)
  assert.deepEqual(await list(), [
    [1, '127.0.0.1:2'],
    [2, '127.0.0.1:3'],
  ])
  assert.deepEqual(
    [...plane.state().instructions.entries()].map(([key]) => key),
    ['/ins/ups_peer/kept/state'],
  )
  assert.deepEqual(servers(plane.state(), 'kept'), ['127.0.0.1:2 weight=2', '127.0.0.1:3'])
  writeFileSync(path, 'server 127.0.0.1:2 weight=2;\nserver 127.0.0.1:3;\n')
  assert.deepEqual(servers(rebasedState(plane), 'kept'), servers(plane.state(), 'kept'))
  await ask('POST', '/v2/rollback', { to: 0 })
  assert.deepEqual(servers(plane.state(), 'kept'), ['127.0.0.1:1', '127.0.0.1:2 weight=2'])
  assert.deepEqual(await list(), [
    [0, '127.0.0.1:1'],
    [1, '127.0.0.1:2'],
  ])
})
