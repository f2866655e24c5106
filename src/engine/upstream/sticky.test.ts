import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { constantValue, type ComplexValue } from '../core/complex-value.ts'
import { appendValue, type VariableHost } from '../core/variables.ts'
import { Clock, createTestGroup, groupConfig, peerConfig, portOf } from './group.fixture.ts'
import { Group } from './group.ts'
import type { PeerConfig } from './peer.ts'
import type { StickyConfig, StickyCookie, StickyLearn } from './sticky.ts'
import { PeerWalk } from './walk.ts'

/** What a test's request has for variables: `created` and `looked`. */
class Client implements VariableHost {
  readonly values: Record<string, string>

  constructor(values: Record<string, string>) {
    this.values = values
  }

  get(): undefined {
    return undefined
  }

  append(): boolean {
    return false
  }
}

function variable(name: string): ComplexValue {
  return {
    text: `$${name}`,
    constant: undefined,
    slots: [0],
    evaluate: (host) => (host as Client).values[name] ?? '',
    append: (host, sink) => void appendValue((host as Client).values[name], sink),
  }
}

const cookie: StickyCookie = {
  kind: 'cookie',
  name: 'srv',
  value: variable('cookie'),
  expiresSeconds: undefined,
  domain: undefined,
  path: undefined,
  sameSite: undefined,
  httpOnly: false,
  secure: false,
}

const learn: StickyLearn = {
  kind: 'learn',
  create: [variable('created')],
  lookup: [variable('first'), variable('looked')],
  zone: 'sessions',
  bytes: 32_768,
  timeoutMs: 1000,
  atHead: false,
}

function groupOf(sticky: StickyConfig, peers: readonly PeerConfig[], clock = new Clock()): Group {
  const config = groupConfig({ kind: 'round_robin' }, peers)
  return new Group({ ...config, sticky }, { now: clock.now })
}

/** The port of the peer that serves a client, and the cookie it is given. */
function serve(group: Group, values: Record<string, string>): [number, string | undefined] {
  const host = new Client(values)
  const walk = new PeerWalk(group, '', group.sticky!.choose(host))
  const peer = walk.next()
  if (peer === undefined) return [0, undefined]
  const told = group.sticky!.remember(host, peer)
  walk.done(false)
  return [portOf(peer.address), told]
}

suite('cookie', () => {
  test('a client is told its server and comes back to it', () => {
    const group = groupOf(cookie, [peerConfig(1), peerConfig(2), peerConfig(3)])
    const [port, told] = serve(group, {})
    const value = /^srv=([0-9a-f]{32})$/.exec(told ?? '')?.[1] ?? ''
    assert.notEqual(value, '')
    for (let i = 0; i < 5; i += 1)
      assert.deepEqual(serve(group, { cookie: value }), [port, undefined])
    const [, other] = serve(group, { cookie: 'nonsense' })
    assert.match(other ?? '', /^srv=/)
  })

  test('its attributes', () => {
    const full: StickyCookie = {
      ...cookie,
      expiresSeconds: Infinity,
      domain: constantValue('.example.com'),
      path: '/a',
      sameSite: constantValue('strict'),
      httpOnly: true,
      secure: true,
    }
    const group = groupOf(full, [peerConfig(1, { route: 'one' }), peerConfig(2)])
    assert.equal(
      serve(group, {})[1],
      'srv=one; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000; domain=.example.com; path=/a; httponly; secure; samesite=strict',
    )
    const hour = groupOf({ ...cookie, expiresSeconds: 3600 }, [peerConfig(1)])
    assert.match(serve(hour, {})[1] ?? '', /; expires=\w{3}, .* GMT; max-age=3600$/)
  })

  test('a server that cannot be used loses its clients, one that drains keeps them', () => {
    const group = groupOf(cookie, [
      peerConfig(1, { route: 'a', drain: true }),
      peerConfig(2, { route: 'b', down: true }),
      peerConfig(3, { route: 'c' }),
    ])
    assert.deepEqual(serve(group, { cookie: 'a' }), [1, undefined])
    assert.deepEqual(serve(group, { cookie: 'b' }), [3, 'srv=c'])
    for (let i = 0; i < 5; i += 1) assert.equal(serve(group, {})[0], 3)
  })

  test('a server that fails is left for the next', () => {
    const group = groupOf(cookie, [peerConfig(1, { route: 'a' }), peerConfig(2, { route: 'b' })])
    const walk = new PeerWalk(group, '', 'b')
    assert.equal(portOf(walk.next()?.address), 2)
    walk.done(true)
    assert.equal(portOf(walk.next()?.address), 1)
    walk.done(false)
    assert.equal(walk.next(), undefined)
  })
})

test('route: the first variable that is not empty names the server', () => {
  const config: StickyConfig = { kind: 'route', values: [variable('first'), variable('second')] }
  const group = groupOf(config, [peerConfig(1, { route: 'a' }), peerConfig(2, { route: 'b' })])
  for (let i = 0; i < 3; i += 1) {
    assert.deepEqual(serve(group, { second: 'b' }), [2, undefined])
    assert.deepEqual(serve(group, { first: 'a', second: 'b' }), [1, undefined])
  }
})

suite('learn', () => {
  test('a session goes to the server that began it, in every version of the group', () => {
    const peers = [peerConfig(1), peerConfig(2), peerConfig(3)]
    const group = groupOf(learn, peers)
    const [port] = serve(group, { created: 's1' })
    const later = group.next({ ...group.config, peers: [...peers, peerConfig(4)] })
    for (let i = 0; i < 8; i += 1) assert.equal(serve(later, { looked: 's1' })[0], port)
  })

  test('a session that nobody used is forgotten after its time', () => {
    const clock = new Clock()
    const group = groupOf(learn, [peerConfig(1, { route: 'a' }), peerConfig(2)], clock)
    serve(group, { created: 's1' })
    const name = group.sticky!.choose(new Client({ looked: 's1' }))
    assert.notEqual(name, '')
    clock.ms += 900
    assert.equal(group.sticky!.choose(new Client({ looked: 's1' })), name)
    clock.ms += 900
    assert.equal(group.sticky!.choose(new Client({ looked: 's1' })), name)
    clock.ms += 1100
    assert.equal(group.sticky!.choose(new Client({ looked: 's1' })), '')
    assert.equal(group.sticky!.choose(new Client({ looked: 'unknown' })), '')
  })
})

test('least_time goes by what servers took and by what they have to do', () => {
  const group = createTestGroup({ kind: 'least_time', time: 'header' }, [
    peerConfig(1),
    peerConfig(2),
  ])
  const [slow, fast] = group.peers
  for (let i = 0; i < 4; i += 1) {
    slow!.state.recordTime('header', 100)
    fast!.state.recordTime('header', 20)
  }
  const walks = Array.from({ length: 6 }, () => new PeerWalk(group, ''))
  const ports = walks.map((walk) => portOf(walk.next()?.address))
  // The fifth client of the fast one would wait as long as the first of the slow one.
  assert.deepEqual(ports.slice(0, 4), [2, 2, 2, 2])
  assert.ok(ports.includes(1))
  for (const walk of walks) walk.done(false)
  fast!.state.recordTime('header', 2000)
  const walk = new PeerWalk(group, '')
  assert.equal(portOf(walk.next()?.address), 1)
  walk.done(false)
})
