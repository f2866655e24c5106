/**
 * Names to addresses while the engine runs, by the name servers of `resolver`.
 *
 * Answers are remembered as long as their records say (or as `valid=` says), a name that is being looked
 * up is not looked up again beside that, and name servers are asked in turn: one that does not answer, or
 * cannot, is passed over for the next until `resolver_timeout`.
 */
import { lookup } from 'node:dns/promises'
import type { InetAddress } from '../../net/address.ts'
import type { Endpoint } from '../addresses.ts'
import {
  dnsAliasesMax,
  resolverAttemptMs,
  resolverAttemptsMax,
  resolverCacheEntriesMax,
  resolverPartialTtlMs,
  resolverTtlMaxMs,
} from '../limits.ts'
import type { ResolverConfig } from '../resolver-directive.ts'
import {
  canonicalName,
  type DnsExchange,
  DnsTimeoutError,
  NameServer,
  sameName,
} from './dns-exchange.ts'
import { DnsFormatError, type DnsRecord, type DnsResponse, type DnsType } from './dns-message.ts'

export interface ResolvedAddress {
  readonly family: 4 | 6
  readonly host: string
}

export interface Resolution {
  readonly addresses: readonly ResolvedAddress[]
  /** How long the answer still holds; 0: for this time only. */
  readonly ttlMs: number
}

export interface ServiceTarget {
  readonly host: string
  readonly port: number
  /** The lowest comes first. */
  readonly priority: number
  readonly weight: number
}

export interface ServiceResolution {
  readonly targets: readonly ServiceTarget[]
  readonly ttlMs: number
}

export interface ResolverOptions {
  readonly timeoutMs: number
  readonly now?: () => number
  /** A number in [0, 1): where in the list of addresses a caller begins. */
  readonly chance?: () => number
  readonly connect?: (server: InetAddress) => DnsExchange
}

/** Codes of RFC 1035 §4.1.1 in nginx's words, and what is none of them. */
const reasons: Readonly<Record<number, string>> = {
  1: 'Format error',
  2: 'Server failure',
  3: 'Host not found',
  4: 'Unimplemented',
  5: 'Operation refused',
  110: 'Operation timed out',
}

const codeNotFound = 3
const codeTimedOut = 110

/** A name that could not be resolved, in nginx's words. */
export class ResolveError extends Error {
  readonly code = 'TRIJET_RESOLVE'
  /** The answer's code, or 110 when there was no answer. */
  readonly reason: number

  constructor(name: string, reason: number) {
    super(`${name} could not be resolved (${reason}: ${reasons[reason] ?? 'Unknown error'})`)
    this.name = 'ResolveError'
    this.reason = reason
  }

  /** True: the name has no addresses. False: nobody could say. */
  get isNotFound(): boolean {
    return this.reason === codeNotFound
  }
}

/** Records of one question, at the end of the name's aliases. */
interface Answer {
  readonly records: readonly DnsRecord[]
  readonly ttlMs: number
}

interface Remembered {
  readonly addresses: readonly ResolvedAddress[]
  readonly expiresAt: number
}

export class Resolver {
  readonly #config: ResolverConfig
  readonly #timeoutMs: number
  readonly #now: () => number
  readonly #chance: () => number
  readonly #servers: NameServers
  readonly #remembered = new Map<string, Remembered>()
  readonly #underWay = new Map<string, Promise<Remembered>>()

  constructor(config: ResolverConfig, options: ResolverOptions) {
    this.#config = config
    this.#timeoutMs = options.timeoutMs
    this.#now = options.now ?? performance.now.bind(performance)
    this.#chance = options.chance ?? Math.random
    const connect = options.connect ?? ((server: InetAddress) => new NameServer(server))
    this.#servers = new NameServers(config.servers, connect)
  }

  /** Addresses of a host; the first of them differs from call to call. Rejects with `ResolveError`. */
  async resolve(name: string): Promise<Resolution> {
    const key = canonicalName(name)
    const known = this.#recall(key) ?? (await this.#lookUpOnce(key))
    const first = Math.floor(this.#chance() * known.addresses.length)
    const addresses = [...known.addresses.slice(first), ...known.addresses.slice(0, first)]
    return { addresses, ttlMs: Math.max(known.expiresAt - this.#now(), 0) }
  }

  /** Targets of a service's SRV records (RFC 2782), without their addresses. Rejects with `ResolveError`. */
  async resolveService(name: string): Promise<ServiceResolution> {
    const answer = await this.#query(canonicalName(name), 'SRV')
    const targets = answer.records.flatMap((record) =>
      record.type === 'SRV' ? [targetOf(record)] : [],
    )
    // RFC 2782: the root as target says that there is no such service.
    const offered = targets.filter(({ host }) => host !== '')
    if (offered.length === 0) throw new ResolveError(name, codeNotFound)
    return { targets: offered, ttlMs: this.#ttl(answer.ttlMs) }
  }

  close(): void {
    this.#servers.close()
    this.#remembered.clear()
  }

  #recall(key: string): Remembered | undefined {
    const known = this.#remembered.get(key)
    return known !== undefined && known.expiresAt > this.#now() ? known : undefined
  }

  #lookUpOnce(key: string): Promise<Remembered> {
    const underWay = this.#underWay.get(key)
    if (underWay !== undefined) return underWay
    const started = this.#lookUp(key).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, started)
    return started
  }

  async #lookUp(key: string): Promise<Remembered> {
    const { ipv4, ipv6 } = this.#config
    const types: DnsType[] = [...(ipv4 ? ['A' as const] : []), ...(ipv6 ? ['AAAA' as const] : [])]
    const results = await Promise.allSettled(types.map((type) => this.#query(key, type)))
    const answers = results
      .filter((result) => result.status === 'fulfilled')
      .map(({ value }) => value)
    const addresses = answers.flatMap(({ records }) => records.flatMap(addressOf))
    if (addresses.length === 0) throw worstOf(key, results)
    const ttls = answers.filter(({ records }) => records.length > 0).map(({ ttlMs }) => ttlMs)
    const whole = results.every(isConclusive)
    const ttlMs = Math.min(this.#ttl(Math.min(...ttls)), whole ? Infinity : resolverPartialTtlMs)
    const remembered = { addresses, expiresAt: this.#now() + ttlMs }
    this.#remember(key, remembered)
    return remembered
  }

  #ttl(recordsMs: number): number {
    return Math.min(this.#config.validMs ?? recordsMs, resolverTtlMaxMs)
  }

  #remember(key: string, remembered: Remembered): void {
    // Put at the end: the map's order is the order of their look-ups.
    this.#remembered.delete(key)
    if (remembered.expiresAt <= this.#now()) return
    this.#remembered.set(key, remembered)
    if (this.#remembered.size <= resolverCacheEntriesMax) return
    const [oldest] = this.#remembered.keys()
    this.#remembered.delete(oldest!)
  }

  /** Follows aliases, within one answer and on to further questions. */
  async #query(name: string, type: DnsType): Promise<Answer> {
    const deadline = this.#now() + this.#timeoutMs
    let ttlMs = Infinity
    let current = name
    for (let aliases = 0; aliases <= dnsAliasesMax; aliases += 1) {
      const { rcode, answers } = await this.#ask(current, type, deadline)
      const end = endOfAliases(current, answers)
      const records = answers.filter((record) => record.type === type && sameName(record.name, end))
      for (const { ttlSeconds } of answers) ttlMs = Math.min(ttlMs, ttlSeconds * 1000)
      if (records.length > 0) return { records, ttlMs }
      if (rcode !== 0) throw new ResolveError(name, rcode)
      if (sameName(end, current)) return { records, ttlMs }
      current = end
    }
    throw new ResolveError(name, codeNotFound)
  }

  /** One question to one name server after the other until one gives an answer that counts. */
  async #ask(name: string, type: DnsType, deadline: number): Promise<DnsResponse> {
    const servers = await this.#servers.inTurn()
    let failure = codeTimedOut
    let unanswered = 0
    for (let attempt = 0; attempt < resolverAttemptsMax && servers.length > 0; attempt += 1) {
      const remaining = deadline - this.#now()
      if (remaining <= 0) break
      const server = servers[attempt % servers.length]!
      const result = await askOnce(server, { name, type }, Math.min(remaining, resolverAttemptMs))
      if (typeof result !== 'number') return result
      failure = result
      // Servers that failed at once all around will not do better in a moment; silent ones may.
      unanswered = result === codeTimedOut ? 0 : unanswered + 1
      if (unanswered >= servers.length) break
    }
    throw new ResolveError(name, failure)
  }
}

/** The response, or the code of a failure for which another server may be asked. */
async function askOnce(
  server: DnsExchange,
  question: { readonly name: string; readonly type: DnsType },
  timeoutMs: number,
): Promise<DnsResponse | number> {
  try {
    const response = await server.ask(question, timeoutMs)
    return response.rcode === 0 || response.rcode === codeNotFound ? response : response.rcode
  } catch (error) {
    if (error instanceof DnsFormatError) throw new ResolveError(question.name, codeNotFound)
    return error instanceof DnsTimeoutError ? codeTimedOut : 2
  }
}

function isConclusive(result: PromiseSettledResult<Answer>): boolean {
  return result.status === 'fulfilled' || isNotFound(result.reason)
}

function isNotFound(error: unknown): boolean {
  return error instanceof ResolveError && error.isNotFound
}

/** What to tell when no question gave an address: that nobody could say outweighs that there is none. */
function worstOf(name: string, results: readonly PromiseSettledResult<Answer>[]): unknown {
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  )
  const open = failures.find((failure) => !isNotFound(failure))
  return open ?? new ResolveError(name, codeNotFound)
}

function endOfAliases(name: string, answers: readonly DnsRecord[]): string {
  let end = name
  for (let i = 0; i < dnsAliasesMax; i += 1) {
    const alias = answers.find((record) => record.type === 'CNAME' && sameName(record.name, end))
    if (alias?.type !== 'CNAME') break
    end = canonicalName(alias.target)
  }
  return end
}

function addressOf(record: DnsRecord): readonly ResolvedAddress[] {
  if (record.type === 'A') return [{ family: 4, host: record.address }]
  return record.type === 'AAAA' ? [{ family: 6, host: record.address }] : []
}

function targetOf({ target, port, priority, weight }: DnsRecord & { type: 'SRV' }): ServiceTarget {
  return { host: canonicalName(target), port, priority, weight }
}

/** The name servers, each with its exchange; those given by name are looked up by the system once. */
class NameServers {
  readonly #endpoints: readonly Endpoint[]
  readonly #connect: (server: InetAddress) => DnsExchange
  #exchanges: readonly DnsExchange[] | undefined
  #turn = 0

  constructor(endpoints: readonly Endpoint[], connect: (server: InetAddress) => DnsExchange) {
    this.#endpoints = endpoints
    this.#connect = connect
  }

  /** All of them, each time beginning with the next. */
  async inTurn(): Promise<readonly DnsExchange[]> {
    const exchanges = this.#exchanges ?? (await this.#open())
    this.#turn = (this.#turn + 1) % Math.max(exchanges.length, 1)
    return [...exchanges.slice(this.#turn), ...exchanges.slice(0, this.#turn)]
  }

  close(): void {
    for (const exchange of this.#exchanges ?? []) exchange.close()
    this.#exchanges = undefined
  }

  async #open(): Promise<readonly DnsExchange[]> {
    const addresses = (await Promise.all(this.#endpoints.map(nameServerAddresses))).flat()
    // Another look-up may have opened them meanwhile; names that were not found are tried again.
    if (this.#exchanges !== undefined) return this.#exchanges
    const exchanges = addresses.map((address) => this.#connect(address))
    if (exchanges.length > 0) this.#exchanges = exchanges
    return exchanges
  }
}

async function nameServerAddresses(endpoint: Endpoint): Promise<readonly InetAddress[]> {
  if (endpoint.family === 'unix') return []
  if (endpoint.family !== 'name') return [endpoint]
  const found = await lookup(endpoint.host, { all: true }).catch(() => [])
  return found.map(({ address, family }) => ({
    family: family === 6 ? 6 : 4,
    host: address,
    port: endpoint.port,
  }))
}
