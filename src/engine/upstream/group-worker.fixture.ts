/** A worker of group.test.ts: serves clients of the group in the zone, then holds one peer of each. */
import { balancers, createTestGroup, peerConfig, portOf, serve } from './group.fixture.ts'
import { openPeerZone } from './peer-zone.ts'
import { PeerWalk } from './walk.ts'

const { rounds, ...options } = JSON.parse(process.argv[2]!) as {
  rounds: number
  instance: string
  name: string
  bytes: number
}
const peers = [peerConfig(1, { weight: 2 }), peerConfig(2), peerConfig(3, { maxConns: 5 })]
const group = createTestGroup(balancers['round robin']!, peers, { zone: openPeerZone(options) })

const seen: Record<string, number> = {}
for (let i = 0; i < rounds; i += 1) {
  const port = serve(group)
  seen[port] = (seen[port] ?? 0) + 1
}
const walk = new PeerWalk(group, '')
const held = new Set<number>()
while (held.size < 3) {
  const port = portOf(walk.next()?.address)
  held.add(port)
  // The use of the peer does not end: this process is killed with it.
  walk.peer = undefined
}
process.send!(seen)
process.on('message', () => {})
