/** Groups for tests: peers from a short notation, a clock and chance under the test's control. */
import { constantValue } from '../core/complex-value.ts'
import type { BalancerConfig } from './balancer.ts'
import { Group, type GroupConfig, type GroupOptions } from './group.ts'
import type { PeerConfig } from './peer.ts'
import { PeerWalk } from './walk.ts'

export const balancers: Readonly<Record<string, BalancerConfig>> = {
  'round robin': { kind: 'round_robin' },
  least_conn: { kind: 'least_conn' },
  least_time: { kind: 'least_time', time: 'header' },
  hash: { kind: 'hash', key: constantValue(''), consistent: false },
  'hash consistent': { kind: 'hash', key: constantValue(''), consistent: true },
  random: { kind: 'random', two: false },
  'random two': { kind: 'random', two: true },
  'random two least_time': { kind: 'random', two: true, time: 'last_byte' },
  ip_hash: { kind: 'ip_hash' },
}

/** A peer at 127.0.0.1 and that port. */
export function peerConfig(port: number, options: Partial<PeerConfig> = {}): PeerConfig {
  return {
    server: `127.0.0.1:${port}`,
    address: { family: 4, host: '127.0.0.1', port },
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    slowStartMs: 0,
    backup: false,
    down: false,
    ...options,
  }
}

export function groupConfig(
  balancer: BalancerConfig,
  peers: readonly PeerConfig[],
  name = 'test',
): GroupConfig {
  return { name, balancer, peers }
}

export class Clock {
  ms = 1_000_000

  readonly now = (): number => this.ms
}

/** Numbers in [0, 1) that are the same in every run. */
export function seededChance(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

export function createTestGroup(
  balancer: BalancerConfig,
  peers: readonly PeerConfig[],
  options: GroupOptions = {},
): Group {
  return new Group(groupConfig(balancer, peers), { chance: seededChance(7), ...options })
}

/** The port of the peer that one client gets who is served at once, or 0 where there is none. */
export function serve(group: Group, key = ''): number {
  const walk = new PeerWalk(group, key)
  const peer = walk.next()
  if (peer !== undefined) walk.done(false)
  return portOf(peer?.address)
}

export function portOf(address: PeerConfig['address'] | undefined): number {
  return address === undefined || address.family === 'unix' ? 0 : address.port
}
