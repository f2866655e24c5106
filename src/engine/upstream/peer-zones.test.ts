import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { createInstance, removeInstance } from '../core/shared-memory.ts'
import { balancers, groupConfig, peerConfig } from './group.fixture.ts'
import { Group } from './group.ts'
import { PeerZones } from './peer-zones.ts'
import { PeerWalk } from './walk.ts'

const options = { skip: !existsSync('/dev/shm') && 'needs /dev/shm' }
const config = groupConfig(balancers['round robin']!, [peerConfig(1), peerConfig(2)])

function start(t: TestContext): { readonly instance: string; readonly files: () => number } {
  const instance = createInstance(t.fullName)
  t.after(() => removeInstance(instance))
  const files = (): number =>
    readdirSync('/dev/shm').filter((file) => file.startsWith(`trijet.${instance}.`)).length
  return { instance, files }
}

test('one zone of a name and size, which another group may leave to say', options, (t) => {
  const zones = new PeerZones(start(t))
  const zone = zones.open('a', 65_536)
  assert.equal(zones.open('a', 65_536), zone)
  assert.equal(zones.open('a', undefined), zone)
  assert.notEqual(zones.open('a', 131_072), zone)
  assert.equal(zones.open('b', undefined), undefined)
})

test('the memory of a zone goes with its last group and last connection', options, (t) => {
  const { instance, files } = start(t)
  const zones = new PeerZones({ instance })
  for (let round = 0; round < 3; round += 1) {
    const group = new Group(config, { zone: zones.open('a', 65_536) })
    const next = group.next(config)
    const walk = new PeerWalk(next, '')
    walk.next()
    group.close()
    next.close()
    assert.equal(files(), 1, 'a connection is under way')
    walk.done(false)
    assert.equal(files(), 0)
  }
})

test('the memory of a zone stays while another process keeps something there', options, (t) => {
  const { instance, files } = start(t)
  const ours = new Group(config, { zone: new PeerZones({ instance }).open('a', 65_536) })
  const theirs = new Group(config, { zone: new PeerZones({ instance }).open('a', 65_536) })
  ours.close()
  assert.equal(files(), 1)
  const again = new Group(config, { zone: new PeerZones({ instance }).open('a', 65_536) })
  const walk = new PeerWalk(theirs, '')
  walk.next()
  assert.equal(again.peers[0]!.state.active, 1)
  walk.done(false)
  theirs.close()
  again.close()
  assert.equal(files(), 0)
})
