/** The built-in balancing methods by the name of their directive. */
import type { Balancer, BalancerConfig, Tier } from './balancer.ts'
import { createConsistentHash } from './balancers/consistent-hash.ts'
import { hash } from './balancers/hash.ts'
import { ipHash } from './balancers/ip-hash.ts'
import { leastConnections } from './balancers/least-connections.ts'
import { type Chance, createRandom } from './balancers/random.ts'
import { roundRobin } from './balancers/round-robin.ts'

type Kind = BalancerConfig['kind']

type Factory<Config> = (config: Config, tier: Tier, chance: Chance) => Balancer

const factories: { readonly [K in Kind]: Factory<Extract<BalancerConfig, { kind: K }>> } = {
  round_robin: () => roundRobin,
  least_conn: () => leastConnections,
  hash: ({ consistent }, tier) => (consistent ? createConsistentHash(tier) : hash),
  random: ({ two }, _tier, chance) => createRandom(two, chance),
  ip_hash: () => ipHash,
}

/** The balancer of a group's version; `tier` holds its primary peers. */
export function createBalancer(config: BalancerConfig, tier: Tier, chance: Chance): Balancer {
  const create = factories[config.kind] as Factory<BalancerConfig>
  return create(config, tier, chance)
}
