import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { configurationFromText } from '../../conf/includes.ts'
import { createInstance, removeInstance } from '../../core/shared-memory.ts'
import { monotonicMs } from '../../core/monotonic.ts'
import { balancers, groupConfig, peerConfig } from '../../upstream/group.fixture.ts'
import { Group } from '../../upstream/group.ts'
import type { PeerConfig } from '../../upstream/peer.ts'
import { openPeerZone } from '../../upstream/peer-zone.ts'
import { PeerWalk } from '../../upstream/walk.ts'
import { MemoryPlane } from '../memory-plane.fixture.ts'
import { upstreamJson } from '../members/member-view.ts'
import { findUpstream } from '../members/upstream-view.ts'
import { childIdFirst, type UpstreamFigures, UpstreamZones } from './peers.ts'

const noMapping = !existsSync('/dev/shm') && 'needs /dev/shm'
const options = { subsystem: 'http', prefix: '/t' } as const

interface Bench {
  /** The group as a worker has it. */
  readonly group: (peers: readonly PeerConfig[]) => Group
  readonly figures: () => UpstreamFigures
  readonly json: () => Readonly<Record<string, any>> // oxlint-disable-line typescript/no-explicit-any
}

function createBench(t: TestContext, servers: string): Bench {
  const instance = createInstance(t.name)
  t.after(() => removeInstance(instance))
  const text = `http { upstream app { zone app 64k; resolver 127.0.0.1; ${servers} } }`
  const { main } = configurationFromText(text, '/t/conf/trijet.conf')
  const plane = new MemoryPlane(main, '/t', instance)
  const upstream = findUpstream(plane.state(), 'app', options)!
  const zone = openPeerZone({ instance, name: 'app', bytes: 65_536 })
  const figures = (): UpstreamFigures => new UpstreamZones(plane.peerZones).figuresOf(upstream)
  return {
    group: (peers) => {
      const group = new Group(groupConfig(balancers['round robin']!, peers, 'app'), { zone })
      group.activate()
      return group
    },
    figures,
    json: () => upstreamJson(upstream, figures()),
  }
}

test('a peer that failed is shown as such, with the time it is out', { skip: noMapping }, (t) => {
  const { group, json } = createBench(t, 'server 127.0.0.1:1; server 127.0.0.1:2;')
  const walk = new PeerWalk(group([peerConfig(1), peerConfig(2)]), '')
  walk.next()
  const before = monotonicMs()
  walk.done(true)
  walk.next()
  walk.recordTime('header', 3)
  const { peers } = json()
  assert.deepEqual(
    peers.map(({ state, active, fails, unavail }: Record<string, unknown>) => {
      return { state, active, fails, unavail }
    }),
    [
      { state: 'unavail', active: 0, fails: 1, unavail: 1 },
      { state: 'up', active: 1, fails: 0, unavail: 0 },
    ],
  )
  assert.ok(peers[0].downtime <= Math.ceil(monotonicMs() - before))
  assert.ok(Math.abs(Date.parse(peers[0].downstart) - Date.now()) < 60_000)
  assert.equal(peers[1].downstart, undefined)
  assert.equal(peers[1].header_time, 3)
  assert.equal(peers[1].response_time, undefined)
})

test('two members of one address have their own figures', { skip: noMapping }, (t) => {
  const { group, figures } = createBench(t, 'server 127.0.0.1:1; server 127.0.0.1:1;')
  const walk = new PeerWalk(group([peerConfig(1), peerConfig(1)]), '')
  walk.next()
  const { peers } = figures()
  assert.deepEqual(new Set(peers.map(({ id }) => id)), new Set([0, 1]))
  assert.deepEqual(new Set(peers.map(({ requests }) => requests)), new Set([0, 1]))
})

test('addresses of a name are peers of their own', { skip: noMapping }, (t) => {
  const { group, figures } = createBench(
    t,
    'server app.test:80 resolve weight=3; server 127.0.0.1:80;',
  )
  const of = (host: string): PeerConfig =>
    peerConfig(80, { server: 'app.test:80', weight: 3, address: { family: 4, host, port: 80 } })
  group([of('127.0.0.1'), of('127.0.0.2'), peerConfig(80)])
  const { peers } = figures()
  assert.deepEqual(
    peers.map(({ address, parent, weight }) => [address, parent, weight]),
    [
      ['127.0.0.1:80', 0, 3],
      ['127.0.0.2:80', 0, 3],
      ['127.0.0.1:80', undefined, 1],
    ],
  )
  assert.ok(peers.slice(0, 2).every(({ id }) => id >= childIdFirst))
  assert.equal(peers[2]!.id, 1)
})

test(
  'a peer that is no member any more counts while it has connections',
  { skip: noMapping },
  (t) => {
    const { group, figures } = createBench(t, 'server 127.0.0.1:1;')
    const walk = new PeerWalk(group([peerConfig(1), peerConfig(2)]), '')
    assert.equal(figures().zombies, 0)
    walk.next()
    walk.done(false)
    const second = walk.next()
    assert.equal(second!.name, '127.0.0.1:2')
    assert.equal(figures().zombies, 1)
  },
)

test('a group that no worker has is shown without figures', { skip: noMapping }, (t) => {
  const { figures } = createBench(t, 'server 127.0.0.1:1 down; server 127.0.0.1:2 drain;')
  const { peers, keepalive, zombies } = figures()
  assert.deepEqual(
    peers.map(({ state, requests }) => [state, requests]),
    [
      ['down', 0],
      ['draining', 0],
    ],
  )
  assert.deepEqual([keepalive, zombies], [0, 0])
})
