import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { createInstance, removeInstance } from '../core/shared-memory.ts'
import {
  balancers,
  Clock,
  createTestGroup,
  groupConfig,
  peerConfig,
  portOf,
  serve,
} from './group.fixture.ts'
import type { Group } from './group.ts'
import { openPeerZone, type PeerZone } from './peer-zone.ts'
import { PeerWalk } from './walk.ts'

const roundRobin = balancers['round robin']!
const noMapping = !existsSync('/dev/shm') && 'needs /dev/shm'

function openZone(
  t: TestContext,
  bytes = 65_536,
): { readonly zone: PeerZone; readonly instance: string } {
  const instance = createInstance(t.fullName)
  t.after(() => removeInstance(instance))
  return { zone: openPeerZone({ instance, name: 'peers', bytes }), instance }
}

function ports(group: Group): readonly number[] {
  return group.peers.map(({ address }) => portOf(address))
}

function sequence(group: Group, length: number): string {
  return Array.from({ length }, () => serve(group)).join(' ')
}

for (const where of ['private', 'zone'] as const) {
  const options = { skip: where === 'zone' && noMapping }
  const create = (t: TestContext, clock = new Clock()): Group => {
    const zone = where === 'zone' ? openZone(t).zone : undefined
    return createTestGroup(
      roundRobin,
      [1, 2, 3].map((port) => peerConfig(port)),
      { zone, now: clock.now },
    )
  }

  test(`${where}: the next version takes over the state of peers that stay`, options, (t) => {
    const clock = new Clock()
    const first = create(t, clock)
    const walk = new PeerWalk(first, '')
    assert.equal(portOf(walk.next()?.address), 1)
    const failing = new PeerWalk(first, '')
    assert.equal(portOf(failing.next()?.address), 2)
    failing.done(true)
    const second = first.next(
      groupConfig(
        roundRobin,
        [4, 2, 1].map((port) => peerConfig(port)),
      ),
    )
    first.close()
    second.activate()
    assert.deepEqual(ports(second), [4, 2, 1])
    assert.deepEqual(
      second.peers.map(({ state }) => state.active),
      [0, 0, 1],
    )
    assert.deepEqual(
      second.peers.map((peer) => peer.status()),
      ['up', 'unavail', 'up'],
    )
    assert.deepEqual(
      second.peers.map(({ id }) => id),
      [3, 1, 0],
    )
    walk.done(false)
    assert.deepEqual(
      second.peers.map(({ state }) => state.active),
      [0, 0, 0],
    )
    assert.doesNotMatch(sequence(second, 6), /2/)
    second.close()
  })

  test(`${where}: turns go on where they were`, options, (t) => {
    const peers = [peerConfig(1, { weight: 3 }), peerConfig(2), peerConfig(3, { weight: 2 })]
    const undisturbed = createTestGroup(roundRobin, peers)
    const expected = sequence(undisturbed, 12)
    const zone = where === 'zone' ? openZone(t).zone : undefined
    let group = createTestGroup(roundRobin, peers, { zone })
    const seen: number[] = []
    for (let i = 0; i < 12; i += 1) {
      seen.push(serve(group))
      const next = group.next(groupConfig(roundRobin, [...peers]))
      group.close()
      group = next
    }
    assert.equal(seen.join(' '), expected)
  })

  test(`${where}: a version that is never used leaves no trace`, options, (t) => {
    const group = create(t)
    const before = group.peers.map(({ state }) => state.effectiveWeight)
    group.activate()
    const heavier = [1, 2, 3, 4].map((port) => peerConfig(port, { weight: 9 }))
    group.next(groupConfig(roundRobin, heavier)).close()
    assert.deepEqual(before, [0, 0, 0], 'nothing is set before the first version is active either')
    assert.deepEqual(
      group.peers.map(({ state }) => state.effectiveWeight),
      [1, 1, 1],
    )
    assert.equal(sequence(group, 6), '1 2 3 1 2 3')
  })

  test(`${where}: peers with one address are peers of their own`, options, (t) => {
    const zone = where === 'zone' ? openZone(t).zone : undefined
    const group = createTestGroup(roundRobin, [peerConfig(1), peerConfig(1)], { zone })
    const walks = [new PeerWalk(group, ''), new PeerWalk(group, '')]
    for (const walk of walks) walk.next()
    assert.deepEqual(
      group.peers.map(({ state }) => state.active),
      [1, 1],
    )
    for (const walk of walks) walk.done(false)
  })
}

test('a changed weight applies from the next turn on', () => {
  const group = createTestGroup(roundRobin, [peerConfig(1), peerConfig(2)])
  serve(group)
  const next = group.next(groupConfig(roundRobin, [peerConfig(1, { weight: 3 }), peerConfig(2)]))
  assert.equal(sequence(next, 4).split('1').length - 1, 3)
})

test('a peer that joins a group at work gets its share little by little', () => {
  const clock = new Clock()
  const peers = [peerConfig(1, { slowStartMs: 10_000 }), peerConfig(2, { slowStartMs: 10_000 })]
  const group = createTestGroup(roundRobin, peers, { now: clock.now })
  assert.equal(sequence(group, 4), '1 2 1 2', 'no slow start where all begin together')
  const joined = group.next(
    groupConfig(roundRobin, [...peers, peerConfig(3, { slowStartMs: 10_000 })]),
  )
  const share = (): number => sequence(joined, 300).split('3').length - 1
  joined.activate()
  clock.ms += 1000
  const early = share()
  clock.ms += 4000
  const middle = share()
  clock.ms += 6000
  const full = share()
  assert.ok(early < middle && middle < full, `${early} < ${middle} < ${full}`)
  assert.equal(full, 100)
})

test('the time out of use is counted', () => {
  const clock = new Clock()
  const group = createTestGroup(roundRobin, [peerConfig(1), peerConfig(2)], { now: clock.now })
  const walk = new PeerWalk(group, '')
  walk.next()
  assert.equal(walk.done(true), true)
  clock.ms += 15_000
  while (group.peers[0]!.status() === 'unavail') serve(group)
  const totals = group.peers[0]!.state.totals()
  assert.equal(totals.downtimeMs, 15_000)
  assert.equal(totals.outages, 1)
  assert.equal(totals.failures, 1)
})

test(
  'a zone without room refuses the version and keeps the one before',
  { skip: noMapping },
  (t) => {
    const { zone } = openZone(t, 256 * 4)
    const group = createTestGroup(roundRobin, [peerConfig(1), peerConfig(2)], { zone })
    const many = Array.from({ length: 4 }, (_, i) => peerConfig(i + 1))
    assert.throws(
      () => group.next(groupConfig(roundRobin, many)),
      /upstream zone "peers" has no room for another peer/,
    )
    assert.equal(sequence(group, 4), '1 2 1 2')
    const three = group.next(groupConfig(roundRobin, many.slice(0, 3)))
    assert.equal(ports(three).length, 3)
  },
)

test(
  'workers that share a zone choose as one and count as one',
  { skip: noMapping, timeout: 60_000 },
  async (t) => {
    const { zone, instance } = openZone(t)
    const peers = [peerConfig(1, { weight: 2 }), peerConfig(2), peerConfig(3, { maxConns: 5 })]
    const group = createTestGroup(roundRobin, peers, { zone })
    const worker = new URL('group-worker.fixture.ts', import.meta.url)
    const rounds = 4000
    const settings = JSON.stringify({ instance, name: 'peers', bytes: 65_536, rounds })
    const workers = [1, 2].map(() => fork(worker, [settings]))
    t.after(() => workers.forEach((child) => child.kill('SIGKILL')))
    const seen = await Promise.all(
      workers.map(async (child) => ((await once(child, 'message')) as [Record<string, number>])[0]),
    )
    const served = (port: number): number => seen.reduce((sum, each) => sum + (each[port] ?? 0), 0)
    // The peers that one worker holds at its end move the other's turns by one or two.
    for (const [port, share] of [
      [1, 2],
      [2, 1],
      [3, 1],
    ] as const) {
      const off = Math.abs(served(port) - (rounds / 2) * share)
      assert.ok(off <= 3, `peer ${port} is off by ${off}`)
    }
    assert.deepEqual(
      group.peers.map(({ state }) => state.statistics!.totals().requests),
      [served(1) + 2, served(2) + 2, served(3) + 2],
    )
    assert.deepEqual(
      group.peers.map(({ state }) => state.active),
      [2, 2, 2],
      'both hold one of each',
    )
    for (const child of workers) child.kill('SIGKILL')
    await Promise.all(workers.map((child) => once(child, 'exit')))
    zone.reclaim()
    assert.deepEqual(
      group.peers.map(({ state }) => state.active),
      [0, 0, 0],
    )
  },
)
