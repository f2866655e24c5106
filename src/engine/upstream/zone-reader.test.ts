import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { createInstance, removeInstance } from '../core/shared-memory.ts'
import { balancers, groupConfig, peerConfig, serve } from './group.fixture.ts'
import { Group } from './group.ts'
import { serverMark } from './peer-statistics.ts'
import { PeerZones } from './peer-zones.ts'
import { ZoneReader } from './zone-reader.ts'

const noMapping = !existsSync('/dev/shm') && 'needs /dev/shm'
const roundRobin = balancers['round robin']!

function start(t: TestContext, name: string): { zones: PeerZones; reader: ZoneReader } {
  const instance = createInstance(`/${name}`)
  t.after(() => removeInstance(instance))
  return { zones: new PeerZones({ instance }), reader: new ZoneReader(() => ({ instance })) }
}

test('peers of every group of a zone are found with their numbers', { skip: noMapping }, (t) => {
  const { zones, reader } = start(t, 'reader')
  const zone = zones.open('z', 65_536)
  const long = 'x'.repeat(200)
  const [a, b] = ['a', long].map(
    (name) => new Group(groupConfig(roundRobin, [peerConfig(1), peerConfig(2)], name), { zone }),
  )
  for (let i = 0; i < 6; i += 1) serve(a!)
  serve(b!)
  const content = reader.read('z', 65_536)
  const { peers } = content.groupOf('a')
  assert.deepEqual(peers.map(({ address }) => address).toSorted(), ['127.0.0.1:1', '127.0.0.1:2'])
  for (const { address, state } of peers) {
    assert.equal(state.statistics!.totals().requests, 3)
    assert.equal(state.statistics!.server, serverMark('a', address))
  }
  const others = content.groupOf(long).peers.map(({ state }) => state.statistics!.totals().requests)
  assert.deepEqual(
    others.toSorted((x, y) => x - y),
    [0, 1],
  )
  assert.deepEqual(content.groupOf('c').peers, [])
})

test('a zone that nobody has is empty, and none is made by looking', { skip: noMapping }, (t) => {
  const { zones, reader } = start(t, 'nobody')
  assert.deepEqual(reader.read('z', 65_536).groupOf('a').peers, [])
  const zone = zones.open('z', 65_536)
  const group = new Group(groupConfig(roundRobin, [peerConfig(1)], 'a'), { zone })
  group.activate()
  assert.equal(reader.read('z', 65_536).groupOf('a').peers.length, 1)
})

test('a zone that went and came back is read anew', { skip: noMapping }, (t) => {
  const { zones, reader } = start(t, 'again')
  const create = (): Group =>
    new Group(groupConfig(roundRobin, [peerConfig(1)], 'a'), { zone: zones.open('z', 65_536) })
  const first = create()
  serve(first)
  assert.equal(requestsOf(reader), 1)
  first.close()
  const second = create()
  serve(second)
  serve(second)
  assert.equal(requestsOf(reader), 2)
  second.close()
  reader.trim()
  assert.deepEqual(reader.read('z', 65_536).groupOf('a').peers, [])
})

function requestsOf(reader: ZoneReader): number {
  const [peer] = reader.read('z', 65_536).groupOf('a').peers
  return peer!.state.statistics!.totals().requests
}
