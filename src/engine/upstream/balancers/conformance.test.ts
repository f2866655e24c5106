/** What every balancing method must do, run over all of them. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { balancers, Clock, createTestGroup, peerConfig, portOf, serve } from '../group.fixture.ts'
import type { PeerConfig } from '../peer.ts'
import type { Group } from '../group.ts'
import { PeerWalk } from '../walk.ts'

/** Many clients, each with a key of its own; an address, because `ip_hash` asks for one. */
const keys = Array.from({ length: 300 }, (_, i) => `10.${i % 7}.${i}.1`)

/** Ports that one client gets that fails everywhere. */
function tryAll(group: Group, key: string): readonly number[] {
  const walk = new PeerWalk(group, key)
  const ports: number[] = []
  for (let peer = walk.next(); peer !== undefined; peer = walk.next()) {
    ports.push(portOf(peer.address))
    walk.done(true)
  }
  return ports
}

function sorted(ports: readonly number[]): readonly number[] {
  return ports.toSorted((a, b) => a - b)
}

function servedPorts(group: Group): ReadonlySet<number> {
  return new Set(keys.map((key) => serve(group, key)))
}

for (const [name, balancer] of Object.entries(balancers)) {
  const create = (peers: readonly PeerConfig[], clock = new Clock()): Group =>
    createTestGroup(balancer, peers, { now: clock.now })

  suite(name, () => {
    test('uses every peer that is up and none that is down', () => {
      const group = create([peerConfig(1), peerConfig(2, { down: true }), peerConfig(3)])
      assert.deepEqual(servedPorts(group), new Set([1, 3]))
    })

    test('a client tries every peer once, then there is no live upstream', () => {
      const group = create([peerConfig(1), peerConfig(2), peerConfig(3), peerConfig(4)])
      for (const key of keys.slice(0, 20)) {
        const peers = [1, 2, 3, 4].map((port) => peerConfig(port, { maxFails: 0 }))
        assert.deepEqual(sorted(tryAll(create(peers), key)), [1, 2, 3, 4])
      }
      tryAll(group, keys[0]!)
      assert.deepEqual(tryAll(group, keys[1]!), [])
    })

    test('a backup is used only when no primary peer is left', () => {
      const group = create([peerConfig(1), peerConfig(2), peerConfig(9, { backup: true })])
      assert.deepEqual(servedPorts(group), new Set([1, 2]))
      assert.deepEqual(tryAll(group, keys[0]!).at(-1), 9)
      const other = create([peerConfig(1, { down: true }), peerConfig(9, { backup: true })])
      assert.deepEqual(servedPorts(other), new Set([9]))
    })

    test('a peer with max_conns connections gets no more until one ends', () => {
      const group = create([peerConfig(1, { maxConns: 2 }), peerConfig(2, { maxConns: 1 })])
      const walks = keys.slice(0, 4).map((key) => new PeerWalk(group, key))
      const ports = walks.map((walk) => portOf(walk.next()?.address))
      assert.deepEqual(sorted(ports), [0, 1, 1, 2])
      assert.deepEqual(
        group.peers.map(({ state }) => state.active),
        [2, 1],
      )
      walks[ports.indexOf(2)]!.done(false)
      assert.equal(serve(group, keys[5]), 2)
    })

    test('max_fails failures put a peer out of use for fail_timeout, then one client tries it', () => {
      const clock = new Clock()
      const peers = [peerConfig(1, { maxFails: 2, failTimeoutMs: 1000 }), peerConfig(2)]
      const group = create(peers, clock)
      const bad = group.primary.peers[0]!
      failOnce(group, bad.index)
      assert.equal(bad.status(), 'up')
      failOnce(group, bad.index)
      assert.equal(bad.status(), 'unavail')
      assert.deepEqual(servedPorts(group), new Set([2]))
      clock.ms += 1000
      assert.deepEqual(servedPorts(group), new Set([2]), 'still within fail_timeout')
      clock.ms += 1
      const probe = walkTo(group, bad.index)
      assert.deepEqual(servedPorts(group), new Set([2]), 'one client at a time tries it')
      probe.done(false)
      assert.deepEqual(servedPorts(group), new Set([1, 2]))
      assert.equal(bad.state.totals().outages, 1)
    })

    test('the only peer of a group is used in spite of its failures', () => {
      const group = create([peerConfig(1)])
      for (const key of keys.slice(0, 5)) assert.deepEqual(tryAll(group, key), [1])
      assert.equal(group.peers[0]!.state.fails, 0)
      assert.equal(group.peers[0]!.state.totals().failures, 5)
    })

    test('a group of hundreds is walked to its end', () => {
      const group = create(Array.from({ length: 100 }, (_, i) => peerConfig(i + 1)))
      assert.equal(new Set(tryAll(group, keys[0]!)).size, 100)
    })
  })
}

/** A walk that has got that peer: other clients are served meanwhile. */
function walkTo(group: Group, index: number): PeerWalk {
  for (const key of keys) {
    const walk = new PeerWalk(group, key)
    if (walk.next()?.index === index) return walk
    walk.done(false)
  }
  throw new Error(`no client gets peer ${index}`)
}

function failOnce(group: Group, index: number): void {
  walkTo(group, index).done(true)
}
