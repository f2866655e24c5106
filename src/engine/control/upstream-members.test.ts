import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  app,
  type Bench,
  createBench,
  fault,
  refused,
  servers,
} from './upstream-members.fixture.ts'

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
