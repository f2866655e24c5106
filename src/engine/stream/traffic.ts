/**
 * Traffic of one virtual server of streams: sessions that ended are counted by the address they came in at,
 * by keys of one's choosing, and by the upstream servers that were tried.
 */
import { formatAddress } from '../net/address.ts'
import type { TrafficCounter } from '../modules/traffic/traffic-counter.ts'
import type { TrafficStyle } from '../modules/traffic/traffic-row.ts'
import type { FilterKey } from '../modules/traffic/traffic-values.ts'
import type { TrafficZone } from '../modules/traffic/traffic-zone.ts'
import type { StreamPort } from './ports.ts'
import type { Session } from './session.ts'
import type { UpstreamAttempt } from './session-facts.ts'

export interface StreamTrafficRules {
  readonly filters: readonly FilterKey[]
  readonly style: TrafficStyle
}

/** Timings of an upstream's record. */
const timings = { session: 0, upstreamSession: 1, connect: 2, firstByte: 3 } as const

export class ServerTraffic {
  readonly #zone: TrafficZone
  readonly #rules: StreamTrafficRules
  readonly #byPort = new WeakMap<StreamPort, TrafficCounter>()

  constructor(zone: TrafficZone, rules: StreamTrafficRules) {
    this.#zone = zone
    this.#rules = rules
  }

  /** Counts a session that is over. */
  count(session: Session): void {
    const now = Date.now()
    const ms = Math.max(now - session.startedAt, 0)
    const { bytesRead, bytesWritten } = session.client
    const server = this.#serverOf(session)
    if (server.count(session.status, bytesRead, bytesWritten, now)) server.time(timings.session, ms)
    for (const filter of this.#rules.filters) {
      const counter = this.#filtered(filter, session)
      if (counter?.count(session.status, bytesRead, bytesWritten, now) === true) {
        counter.time(timings.session, ms)
      }
    }
    for (const attempt of session.facts.attempts ?? []) this.#countAttempt(session, attempt, now)
  }

  #serverOf({ port, server }: Session): TrafficCounter {
    let counter = this.#byPort.get(port)
    if (counter === undefined) {
      const name = trafficName(port, server.names[0]?.text ?? '')
      counter = this.#zone.servers.hold('', name, this.#rules.style)
      this.#byPort.set(port, counter)
    }
    return counter
  }

  /** What has no value is counted under no key. */
  #filtered({ key, group }: FilterKey, session: Session): TrafficCounter | undefined {
    const name = key.evaluate(session)
    if (name === '') return undefined
    const { style } = this.#rules
    if (group === undefined) return this.#zone.servers.counterOf('', name, style)
    return this.#zone.filters.counterOf(group.evaluate(session), name, style)
  }

  /** An attempt that did not connect has no times. */
  #countAttempt(session: Session, attempt: UpstreamAttempt, now: number): void {
    const { group, peer, bytesSent, bytesReceived } = attempt
    if (group === '') return
    const counter = this.#zone.upstreams.counterOf(group, peer, this.#rules.style)
    const status = attempt.connectMs < 0 ? 502 : session.status
    if (!counter.count(status, bytesReceived, bytesSent, now)) return
    counter.time(timings.session, Math.max(now - session.startedAt, 0))
    counter.time(timings.upstreamSession, attempt.sessionMs)
    counter.time(timings.connect, attempt.connectMs)
    counter.time(timings.firstByte, attempt.firstByteMs)
  }
}

/** `TCP:80:127.0.0.1`, with the server's name behind it where it has one. */
export function trafficName({ protocol, address }: StreamPort, name: string): string {
  const where =
    address.family === 'unix'
      ? formatAddress(address)
      : `${protocol === 'tcp' ? 'TCP' : 'UDP'}:${address.port}:${address.host}`
  return name === '' ? where : `${where}:${name}`
}
