/**
 * The peers of upstream groups in figures: what the configuration says of them, put together with what their
 * zone shows. Read by the API of members and by metrics.
 *
 * ```text
 *   member 0  server 10.0.0.1:80           ─▶ peer 0        10.0.0.1:80
 *   member 1  server app.example:80 resolve ─▶ peer 1048576  10.0.0.7:80   parent 1
 *                                           └▶ peer 1048577  10.0.0.8:80   parent 1
 * ```
 */
import { type Latencies, noLatencies } from '../../core/latency-histogram.ts'
import type { Statuses } from '../../core/status-counts.ts'
import type { HealthTotals } from '../../upstream/health/health-cells.ts'
import { serverMark } from '../../upstream/peer-statistics.ts'
import type { PeerState } from '../../upstream/peer-state.ts'
import type { FoundGroup, FoundPeer, ZoneContent, ZoneReader } from '../../upstream/zone-reader.ts'
import { readServer, serverText, toArgs } from '../members/member-fields.ts'
import type { UpstreamMember, UpstreamView } from '../members/upstream-view.ts'

export type PeerCondition = 'up' | 'draining' | 'down' | 'unavail' | 'checking' | 'unhealthy'

export interface PeerFigures {
  readonly id: number
  /** The member whose name was looked up. */
  readonly parent: number | undefined
  readonly member: UpstreamMember
  /** `10.0.0.1:80`, `unix:/path` */
  readonly address: string
  readonly weight: number
  readonly state: PeerCondition
  readonly active: number
  /** Requests, or connections of streams. */
  readonly requests: number
  readonly responses: Statuses
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Attempts that failed, and how often that put the peer out of use. */
  readonly fails: number
  readonly unavail: number
  readonly downtimeMs: number
  /** By the monotonic clock; 0 where it is in use, or was never selected. */
  readonly downSince: number
  readonly selectedAt: number
  /** Averages; 0 before the first. */
  readonly connectMs: number
  readonly headerMs: number
  readonly responseMs: number
  readonly latency: Latencies
  readonly health: HealthTotals
}

export interface UpstreamFigures {
  readonly peers: readonly PeerFigures[]
  /** Connections that wait for their next request. */
  readonly keepalive: number
  /** Peers that are members no more and still have connections. */
  readonly zombies: number
}

/** Numbers of addresses that were looked up begin here; members have lower ones. */
export const childIdFirst = 1_048_576

/** The zones that one request looks at, each read once. */
export class UpstreamZones {
  readonly #reader: Pick<ZoneReader, 'read'>
  readonly #contents = new Map<string, ZoneContent>()

  constructor(reader: Pick<ZoneReader, 'read'>) {
    this.#reader = reader
  }

  /** What the zone of a group says of it; the group has one. */
  figuresOf(upstream: UpstreamView): UpstreamFigures {
    const found = this.find(upstream)
    const rest = new Set(found.peers)
    const peers = upstream.members.flatMap((member) => peersOf(member, upstream, rest))
    const zombies = [...rest].filter(({ state }) => state.active > 0).length
    return { peers, keepalive: found.idle, zombies }
  }

  find({ name, zone }: UpstreamView): FoundGroup {
    const { name: zoneName, bytes } = zone!
    const key = `${zoneName} ${bytes}`
    const content = this.#contents.get(key) ?? this.#reader.read(zoneName, bytes)
    this.#contents.set(key, content)
    return content.groupOf(name)
  }
}

/** Takes the peers of a member out of `rest`. */
function peersOf(
  member: UpstreamMember,
  { name, subsystem }: UpstreamView,
  rest: Set<FoundPeer>,
): readonly PeerFigures[] {
  const config = readServer(toArgs(member), subsystem)
  const address = serverText(config)
  const isName = config.endpoint.family === 'name'
  const mark = serverMark(name, config.text)
  const found = [...rest].filter(
    (peer) => peer.state.statistics?.server === mark && (isName || peer.address === address),
  )
  if (isName) {
    for (const peer of found) rest.delete(peer)
    const children = found.map((peer) => ({ ...peer, id: childIdFirst + peer.state.id }))
    children.sort((a, b) => a.id - b.id)
    return children.map((child) => figures(member, child, member.id))
  }
  const [own] = found
  if (own !== undefined) rest.delete(own)
  return [figures(member, { address, state: own?.state, id: member.id }, undefined)]
}

interface Identified {
  readonly id: number
  readonly address: string
  readonly state: PeerState | undefined
}

const noStatuses: Statuses = { codes: new Map(), classes: [0, 0, 0, 0, 0], total: 0 }
const noHealth: HealthTotals = { checks: 0, fails: 0, unhealthy: 0, lastPassed: undefined }

function figures(
  member: UpstreamMember,
  { id, address, state }: Identified,
  parent: number | undefined,
): PeerFigures {
  const totals = state?.totals()
  const statistics = state?.statistics?.totals()
  return {
    id,
    parent,
    member,
    address,
    weight: parent === undefined ? member.weight : (state?.weight ?? member.weight),
    state: conditionOf(member, state),
    active: state?.active ?? 0,
    requests: statistics?.requests ?? 0,
    responses: statistics?.responses ?? noStatuses,
    sentBytes: statistics?.sentBytes ?? 0,
    receivedBytes: statistics?.receivedBytes ?? 0,
    fails: totals?.failures ?? 0,
    unavail: totals?.outages ?? 0,
    downtimeMs: totals?.downtimeMs ?? 0,
    downSince: totals?.downSince ?? 0,
    selectedAt: totals?.selectedAt ?? 0,
    connectMs: state?.averageMs('connect') ?? 0,
    headerMs: state?.averageMs('header') ?? 0,
    responseMs: state?.averageMs('last_byte') ?? 0,
    latency: statistics?.latency ?? noLatencies,
    health: state?.health.totals() ?? noHealth,
  }
}

function conditionOf(member: UpstreamMember, state: PeerState | undefined): PeerCondition {
  if (member.down) return 'down'
  if (state === undefined) return member.drain ? 'draining' : 'up'
  const checked = state.health.status
  if (checked !== undefined) return checked
  const hasFailed = member.max_fails > 0 && state.fails >= member.max_fails
  if (hasFailed || state.breaker.isOut) return 'unavail'
  return member.drain ? 'draining' : 'up'
}
