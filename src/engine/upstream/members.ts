/**
 * From servers as they are written to peers: names become addresses.
 *
 * Names without `resolve` are looked up once, when the configuration is taken into use, by the system's
 * own means (so that /etc/hosts counts); each address becomes a peer.
 */
import { lookup } from 'node:dns/promises'
import { ConfError } from '../conf/diagnostics.ts'
import type { Address } from '../net/address.ts'
import type { GroupConfig } from './group.ts'
import type { UpstreamConfig } from './parse-upstream.ts'
import type { PeerConfig } from './peer.ts'
import type { ServerConfig } from './server-directive.ts'

/** One address of a server; what SRV records say of it takes the place of what is configured. */
export interface Member {
  readonly address: Address
  readonly weight?: number
  readonly backup?: boolean
}

/** Addresses of the servers that are names. */
export type Members = ReadonlyMap<ServerConfig, readonly Member[]>

/** Looks a host name up as `getaddrinfo` does; rejects where it is not found. */
export type HostLookup = (host: string) => Promise<readonly { address: string; family: number }[]>

export const systemLookup: HostLookup = (host) => lookup(host, { all: true, order: 'verbatim' })

/** Servers whose names are looked up once, before the group is used. */
export function serversToLookUp({ servers }: UpstreamConfig): readonly ServerConfig[] {
  return servers.filter(({ endpoint, resolve }) => endpoint.family === 'name' && !resolve)
}

/** Looks the names up, all at once. Throws `ConfError` for the first that is not found. */
export async function lookUpServers(
  servers: readonly ServerConfig[],
  lookUp: HostLookup = systemLookup,
): Promise<Members> {
  const hosts = new Set(servers.map(({ endpoint }) => hostOf(endpoint)))
  const found = new Map<string, Awaited<ReturnType<HostLookup>>>()
  const find = async (host: string): Promise<void> => {
    found.set(host, await lookUp(host).catch(() => []))
  }
  await Promise.all([...hosts].map(find))
  return new Map(servers.map((server) => [server, membersOf(server, found)]))
}

function membersOf(
  { text, endpoint }: ServerConfig,
  found: ReadonlyMap<string, Awaited<ReturnType<HostLookup>>>,
): readonly Member[] {
  const addresses = found.get(hostOf(endpoint)) ?? []
  if (addresses.length === 0) throw new ConfError(`host not found in upstream "${text}"`)
  return addresses.map(({ address, family }) => ({
    address: { family: family === 6 ? 6 : 4, host: address, port: portOf(endpoint) },
  }))
}

/** The group of an upstream, given the addresses of its names; a name without any has no peers. */
export function toGroupConfig(config: UpstreamConfig, members: Members = new Map()): GroupConfig {
  const peers = config.servers.flatMap((server) => peersOf(server, members.get(server)))
  return Object.freeze({
    name: config.name,
    balancer: config.balancer,
    peers: Object.freeze(peers),
    sticky: config.sticky,
    queue: config.queue,
    health: config.health,
    breaker: config.breaker,
    retryBudget: config.retryBudget,
  })
}

function peersOf(server: ServerConfig, members: readonly Member[] = []): readonly PeerConfig[] {
  const { text, endpoint, weight, maxConns, maxFails, failTimeoutMs, slowStartMs, backup, down } =
    server
  const { drain, route } = server
  const found = endpoint.family === 'name' ? members : [{ address: endpoint }]
  return found.map((member: Member) =>
    Object.freeze({
      server: text,
      address: member.address,
      weight: member.weight ?? weight,
      maxConns,
      maxFails,
      failTimeoutMs,
      slowStartMs,
      backup: member.backup ?? backup,
      down,
      drain,
      route,
    }),
  )
}

function hostOf(endpoint: ServerConfig['endpoint']): string {
  return endpoint.family === 'unix' ? '' : endpoint.host
}

function portOf(endpoint: ServerConfig['endpoint']): number {
  return endpoint.family === 'unix' ? 0 : endpoint.port
}
