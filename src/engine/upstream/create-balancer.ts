/** The built-in balancing methods by the name of their directive. */
import type { Balancer, BalancerConfig, Tier } from './balancer.ts'
import { createConsistentHash } from './balancers/consistent-hash.ts'
import { hash } from './balancers/hash.ts'
import { ipHash } from './balancers/ip-hash.ts'
import { createLeastLoaded, type LoadOf } from './balancers/least-loaded.ts'
import { expectedTime } from './balancers/least-time.ts'
import { type Chance, createRandom } from './balancers/random.ts'
import type { TimeKind } from './peer-state.ts'
import { roundRobin } from './balancers/round-robin.ts'

type Kind = BalancerConfig['kind']

type Factory<Config> = (config: Config, tier: Tier, chance: Chance) => Balancer

const factories: { readonly [K in Kind]: Factory<Extract<BalancerConfig, { kind: K }>> } = {
  round_robin: () => roundRobin,
  least_conn: () => createLeastLoaded(connections),
  least_time: ({ time }) => createLeastLoaded((peer) => expectedTime(peer, time)),
  hash: ({ consistent }, tier) => (consistent ? createConsistentHash(tier) : hash),
  random: ({ two, time }, _tier, chance) => createRandom(two ? loadBy(time) : undefined, chance),
  ip_hash: () => ipHash,
}

const connections: LoadOf = (peer) => peer.state.active

function loadBy(time: TimeKind | undefined): LoadOf {
  return time === undefined ? connections : (peer) => expectedTime(peer, time)
}

/** The balancer of a group's version; `tier` holds its primary peers. */
export function createBalancer(config: BalancerConfig, tier: Tier, chance: Chance): Balancer {
  const create = factories[config.kind] as Factory<BalancerConfig>
  return create(config, tier, chance)
}
