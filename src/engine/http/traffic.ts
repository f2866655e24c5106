/**
 * Traffic of one location: requests that ended there are counted by virtual server, by location, by keys of
 * one's choosing, and by the upstream servers that were asked.
 *
 * The texts of all keys are there already: those of servers and locations since they were compiled, the
 * others as values of variables. Nothing is put together for a request.
 */
import { filterTableOf } from '../modules/traffic/filter-table.ts'
import type { FilterLimit, FilterKey } from '../modules/traffic/traffic-values.ts'
import type { TrafficCounter } from '../modules/traffic/traffic-counter.ts'
import type { TrafficStyle } from '../modules/traffic/traffic-row.ts'
import type { TrafficTable } from '../modules/traffic/traffic-table.ts'
import type { TrafficZone } from '../modules/traffic/traffic-zone.ts'
import type { LocationKind, LocationPattern } from './location.ts'
import type { Request } from './request.ts'
import { visibleStatus } from './status.ts'
import type { UpstreamTrail } from './upstream-trail.ts'

/** Servers without a name are counted under this one. */
const namelessServer = '_'

/** How traffic of a location is counted. */
export interface TrafficRules {
  readonly server: string
  readonly location: LocationPattern | undefined
  /** Under the name that the client asked for instead of the server's. */
  readonly byHost: boolean
  readonly filters: readonly FilterKey[]
  readonly filterLimit: FilterLimit | undefined
  readonly style: TrafficStyle
}

/** Timings of an upstream's record. */
const requestTiming = 0
const responseTiming = 1

/** The name under which traffic of a virtual server is counted. */
export function serverTrafficName({ name }: { readonly name: string }): string {
  return name === '' ? namelessServer : name
}

export class LocationTraffic {
  readonly #zone: TrafficZone
  readonly #rules: TrafficRules
  readonly #location: string
  #server: TrafficCounter | undefined = undefined
  #here: TrafficCounter | undefined = undefined

  constructor(zone: TrafficZone, rules: TrafficRules) {
    this.#zone = zone
    this.#rules = rules
    this.#location = rules.location === undefined ? '' : locationName(rules.location)
  }

  /** Counts a request that is over. */
  count(request: Request): void {
    const now = Date.now()
    const ms = request.begunAt > 0 ? performance.now() - request.begunAt : now - request.startedAt
    const bytesIn = request.head.end + request.body.received
    const status = visibleStatus(request.response.status)
    const { bytesSent } = request
    const server = this.#serverOf(request)
    if (server.count(status, bytesIn, bytesSent, now)) server.time(requestTiming, ms)
    if (this.#location !== '') {
      const here = (this.#here ??= this.#counterHere())
      if (here.count(status, bytesIn, bytesSent, now)) here.time(requestTiming, ms)
    }
    for (const filter of this.#rules.filters) {
      const counter = this.#filtered(filter, request)
      if (counter?.count(status, bytesIn, bytesSent, now) === true) counter.time(requestTiming, ms)
    }
    const { trail } = request
    if (trail !== undefined && trail.count > 0) this.#countAttempts(trail, ms, now)
  }

  #serverOf({ host }: Request): TrafficCounter {
    const { byHost, server, style } = this.#rules
    if (byHost && host !== '') return this.#zone.servers.counterOf('', host, style)
    return (this.#server ??= this.#zone.servers.hold('', server, style))
  }

  #counterHere(): TrafficCounter {
    const { server, style } = this.#rules
    return this.#zone.locations.hold(server, this.#location, style)
  }

  /** What has no value is counted under no key. */
  #filtered({ key, group }: FilterKey, request: Request): TrafficCounter | undefined {
    const name = key.evaluate(request)
    if (name === '') return undefined
    const { style, filterLimit } = this.#rules
    if (group === undefined) return this.#zone.servers.counterOf('', name, style)
    const text = group.evaluate(request)
    const table: TrafficTable = filterTableOf(this.#zone, text, filterLimit)
    return table.counterOf(text, name, style)
  }

  #countAttempts(trail: UpstreamTrail, ms: number, now: number): void {
    const { upstreams } = this.#zone
    for (let i = 0; i < trail.count; i += 1) {
      const attempt = trail.attempts[i]!
      if (attempt.group === '') continue
      const counter = upstreams.counterOf(attempt.group, attempt.peer, this.#rules.style)
      const { status, bytesSent, bytesReceived } = attempt
      if (!counter.count(status, bytesReceived, bytesSent, now)) continue
      counter.time(requestTiming, ms)
      counter.time(responseTiming, attempt.responseMs)
    }
  }
}

const modifiers: Readonly<Record<LocationKind, string>> = {
  exact: '= ',
  noRegex: '^~ ',
  prefix: '',
  regex: '~ ',
  named: '',
  condition: '',
}

/** As it is written in the configuration. */
function locationName({ kind, text }: LocationPattern): string {
  return `${modifiers[kind]}${text}`
}
