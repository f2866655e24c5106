/**
 * Keeps the addresses of `resolve` servers up to date: looks each name up again when its records expire.
 *
 * What was found holds until something else is found: a name server that fails takes no peer away, only
 * the answer that a name has no addresses (any more) does. Addresses are kept in one order, so that all
 * workers, who each look for themselves, come to the same group.
 *
 * ```text
 *   start ─▶ look up ─▶ changed? ─▶ onChange(members) ─▶ Group.next
 *              ▲                                │
 *              └──────── when the TTL is over ──┘
 * ```
 */
import type { Address } from '../net/address.ts'
import { formatAddress } from '../net/address.ts'
import { ResolveError, type ResolvedAddress, type Resolver } from './dns/resolver.ts'
import { refreshMinMs, refreshRetryMs } from './limits.ts'
import type { Member, Members } from './members.ts'
import type { UpstreamConfig } from './parse-upstream.ts'
import type { ServerConfig } from './server-directive.ts'

export interface MemberWatchOptions {
  /** What it asks; `Resolver` is one. */
  readonly resolver: Pick<Resolver, 'resolve' | 'resolveService'>
  /** Addresses of servers that are not looked up again. */
  readonly fixed: Members
  /** All members, whenever some changed. */
  readonly onChange: (members: Members) => void
  /** A name could not be looked up; what is known of it stays unless it has no addresses. */
  readonly onFailure: (error: ResolveError) => void
  /** Runs a step later; returns what calls it off. */
  readonly schedule?: (step: () => void, delayMs: number) => () => void
}

interface Found {
  readonly members: readonly Member[]
  readonly ttlMs: number
}

export class MemberWatch {
  readonly #servers: readonly ServerConfig[]
  readonly #options: MemberWatchOptions
  readonly #schedule: NonNullable<MemberWatchOptions['schedule']>
  readonly #members: Map<ServerConfig, readonly Member[]>
  readonly #callOff = new Map<ServerConfig, () => void>()
  #closed = false

  constructor({ servers }: Pick<UpstreamConfig, 'servers'>, options: MemberWatchOptions) {
    this.#servers = servers.filter(({ resolve }) => resolve)
    this.#options = options
    this.#schedule = options.schedule ?? scheduleTimer
    this.#members = new Map(options.fixed)
  }

  /** Members as they are known now. */
  get members(): Members {
    return new Map(this.#members)
  }

  /** Looks all names up for the first time; resolves when each was found or has failed. */
  async start(): Promise<void> {
    await Promise.all(this.#servers.map((server) => this.#refresh(server)))
  }

  close(): void {
    this.#closed = true
    for (const callOff of this.#callOff.values()) callOff()
    this.#callOff.clear()
  }

  async #refresh(server: ServerConfig): Promise<void> {
    const found = await this.#find(server)
    if (this.#closed) return
    const delayMs = found === undefined ? refreshRetryMs : Math.max(found.ttlMs, refreshMinMs)
    const again = (): void => void this.#refresh(server)
    this.#callOff.set(server, this.#schedule(again, Math.min(delayMs, timerMaxMs)))
    if (found !== undefined) this.#update(server, found.members)
  }

  /** `undefined`: nobody could say. */
  async #find(server: ServerConfig): Promise<Found | undefined> {
    const { resolver, onFailure } = this.#options
    try {
      return server.service === undefined
        ? await findHost(resolver, server)
        : await findService(resolver, server, server.service)
    } catch (error) {
      if (!(error instanceof ResolveError)) throw error
      if (!this.#closed) onFailure(error)
      return error.isNotFound ? { members: [], ttlMs: refreshRetryMs } : undefined
    }
  }

  #update(server: ServerConfig, found: readonly Member[]): void {
    const members = found.toSorted((a, b) => compareText(keyOf(a), keyOf(b)))
    const before = this.#members.get(server)
    if (before !== undefined && sameMembers(before, members)) return
    this.#members.set(server, members)
    this.#options.onChange(this.members)
  }
}

/** Longest delay of a timer: 2^31 − 1 ms. */
const timerMaxMs = 2_147_483_647

function scheduleTimer(step: () => void, delayMs: number): () => void {
  const timer = setTimeout(step, delayMs).unref()
  return () => clearTimeout(timer)
}

type Lookups = MemberWatchOptions['resolver']

async function findHost(resolver: Lookups, { endpoint }: ServerConfig): Promise<Found> {
  if (endpoint.family !== 'name') return { members: [], ttlMs: Infinity }
  const { addresses, ttlMs } = await resolver.resolve(endpoint.host)
  return { members: addresses.map((found) => ({ address: withPort(found, endpoint.port) })), ttlMs }
}

/**
 * SRV records: the targets of the highest priority (the lowest number) are the server, those of others its
 * backups; of a server that is a backup itself only the former are used. Weights of records count where
 * the configuration has none.
 */
async function findService(
  resolver: Lookups,
  server: ServerConfig,
  service: string,
): Promise<Found> {
  const { endpoint } = server
  if (endpoint.family !== 'name') return { members: [], ttlMs: Infinity }
  const { targets, ttlMs } = await resolver.resolveService(serviceName(service, endpoint.host))
  const highest = Math.min(...targets.map(({ priority }) => priority))
  const used = server.backup ? targets.filter(({ priority }) => priority === highest) : targets
  const found = await Promise.all(
    used.map(async (target) => {
      const { addresses, ttlMs: hostTtlMs } = await resolveTarget(resolver, target.host)
      const weight = server.weight === 1 ? Math.max(target.weight, 1) : server.weight
      const backup = server.backup || target.priority !== highest
      const members = addresses.map((each) => ({
        address: withPort(each, target.port),
        weight,
        backup,
      }))
      return { members, ttlMs: hostTtlMs }
    }),
  )
  return {
    members: found.flatMap(({ members }) => members),
    ttlMs: Math.min(ttlMs, ...found.map((each) => each.ttlMs)),
  }
}

/** A target without addresses is none; that does not make the others useless. */
async function resolveTarget(
  resolver: Lookups,
  host: string,
): Promise<{ readonly addresses: readonly ResolvedAddress[]; readonly ttlMs: number }> {
  try {
    return await resolver.resolve(host)
  } catch (error) {
    if (error instanceof ResolveError && error.isNotFound)
      return { addresses: [], ttlMs: refreshRetryMs }
    throw error
  }
}

/** `http` stands for `_http._tcp`; a name with a dot is taken as it is. */
export function serviceName(service: string, host: string): string {
  return service.includes('.') ? `${service}.${host}` : `_${service}._tcp.${host}`
}

function withPort({ family, host }: ResolvedAddress, port: number): Address {
  return { family, host, port }
}

function keyOf({ address, weight = 0, backup = false }: Member): string {
  return `${formatAddress(address)} ${weight} ${backup}`
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function sameMembers(a: readonly Member[], b: readonly Member[]): boolean {
  return a.length === b.length && a.every((member, i) => keyOf(member) === keyOf(b[i]!))
}
