/**
 * The metrics of the whole engine: processes, connections, changes, upstream peers, limits, and the traffic
 * that zones of traffic count.
 */
import { hostname } from 'node:os'
import type { ProcessReport } from '../diagnostics.ts'
import { processReports, unreadiness } from '../diagnostics.ts'
import { sharedUpstreams } from '../members/upstream-view.ts'
import type { ControlPlane } from '../plane.ts'
import { Family } from './exposition.ts'
import { limitFamilies } from './limit-metrics.ts'
import { type PeerFigures, UpstreamZones } from './peers.ts'
import { httpDialect, streamDialect } from './traffic-dialect.ts'
import { connectionCountsOf } from './traffic-display.ts'
import { declaredZone, readTraffic } from './traffic-report.ts'
import { trafficFamilies } from './traffic-text.ts'

export async function engineMetrics(plane: ControlPlane, now: number): Promise<string> {
  const reports = await processReports(plane, now)
  const families = [
    ...stateFamilies(plane, reports),
    ...processFamilies(reports, now),
    ...connectionFamilies(plane),
    ...peerFamilies(plane),
    ...limitFamilies(plane),
    ...trafficOf(plane, now),
  ]
  return families.join('')
}

function stateFamilies(plane: ControlPlane, reports: readonly ProcessReport[]): readonly Family[] {
  const { revision } = plane.version()
  const waiting = unreadiness(reports).length
  return [
    new Family('trijet_ready', 'gauge', '1 while all workers serve.').add(
      {},
      waiting === 0 ? 1 : 0,
    ),
    new Family('trijet_changes_total', 'counter', 'Changes that were committed.').add({}, revision),
    new Family(
      'trijet_instructions',
      'gauge',
      'Instructions of the dynamic interface that are in force or wait to be.',
    ).add({}, plane.state().instructions.size),
  ]
}

function processFamilies(reports: readonly ProcessReport[], now: number): readonly Family[] {
  const states = new Family('trijet_processes', 'gauge', 'Processes, by role and state.')
  const restarts = new Family(
    'trijet_process_restarts',
    'gauge',
    'How often the place was taken anew.',
  )
  const uptime = new Family('trijet_process_uptime_seconds', 'gauge', 'Since its start.')
  const memory = new Family('trijet_process_memory_bytes', 'gauge', 'Memory, by kind.')
  const delay = new Family(
    'trijet_process_event_loop_delay_seconds',
    'gauge',
    'Quantiles of the delay of the event loop over the last seconds.',
  )
  const use = new Family(
    'trijet_process_event_loop_utilization',
    'gauge',
    'Share of time that its main thread has a processor.',
  )
  const connections = new Family('trijet_worker_connections', 'gauge', 'Open connections.')
  const counts = new Map<string, { labels: { role: string; state: string }; count: number }>()
  for (const { role, pid, state, restarts: again, vitals, residentBytes } of reports) {
    const known = counts.get(`${role} ${state}`) ?? { labels: { role, state }, count: 0 }
    counts.set(`${role} ${state}`, known)
    known.count += 1
    const labels = { role, pid }
    restarts.add(labels, again)
    if (residentBytes !== undefined) memory.add({ ...labels, kind: 'resident' }, residentBytes)
    if (vitals === undefined) continue
    uptime.add(labels, (now - vitals.startedAt) / 1000)
    memory.add({ ...labels, kind: 'heap_used' }, vitals.heapUsedBytes)
    memory.add({ ...labels, kind: 'heap_total' }, vitals.heapTotalBytes)
    memory.add({ ...labels, kind: 'external' }, vitals.externalBytes)
    delay.add({ ...labels, quantile: '0.5' }, vitals.delayP50Ms / 1000)
    delay.add({ ...labels, quantile: '0.9' }, vitals.delayP90Ms / 1000)
    delay.add({ ...labels, quantile: '0.99' }, vitals.delayP99Ms / 1000)
    delay.add({ ...labels, quantile: '1' }, vitals.delayMaxMs / 1000)
    use.add(labels, vitals.utilization)
    if (role === 'worker') connections.add({ pid }, vitals.connections)
  }
  for (const { labels, count } of counts.values()) states.add(labels, count)
  return [states, restarts, uptime, memory, delay, use, connections]
}

function connectionFamilies(plane: ControlPlane): readonly Family[] {
  const { active, reading, writing, waiting, accepted, handled, requests } =
    connectionCountsOf(plane).totals()
  const states = new Family('trijet_http_connections', 'gauge', 'Connections of HTTP, by state.')
  for (const [state, value] of Object.entries({ active, reading, writing, waiting })) {
    states.add({ state }, value)
  }
  return [
    states,
    new Family('trijet_http_accepted_total', 'counter', 'Connections that were accepted.').add(
      {},
      accepted,
    ),
    new Family('trijet_http_handled_total', 'counter', 'Connections that were served.').add(
      {},
      handled,
    ),
    new Family('trijet_http_requests_total', 'counter', 'Requests that began.').add({}, requests),
  ]
}

const conditions = ['up', 'draining', 'down', 'unavail', 'checking', 'unhealthy'] as const

/** Peers of all groups with a zone, of both subsystems. */
function peerFamilies(plane: ControlPlane): readonly Family[] {
  const families = new PeerFamilies()
  const zones = new UpstreamZones(plane.peerZones)
  const state = plane.state()
  for (const subsystem of ['http', 'stream'] as const) {
    for (const upstream of sharedUpstreams(state, { subsystem, prefix: plane.prefix })) {
      for (const peer of zones.figuresOf(upstream).peers) {
        families.add({ subsystem, upstream: upstream.name, peer: peer.address, id: peer.id }, peer)
      }
    }
  }
  return families.all
}

/** One family for each figure of a peer. */
class PeerFamilies {
  readonly #state = new Family('trijet_upstream_peer_state', 'gauge', '1 for the state it is in.')
  readonly #active = new Family('trijet_upstream_peer_active', 'gauge', 'Connections under way.')
  readonly #requests = new Family(
    'trijet_upstream_peer_requests_total',
    'counter',
    'Requests, or connections of streams, that it was given.',
  )
  readonly #responses = new Family(
    'trijet_upstream_peer_responses_total',
    'counter',
    'Responses, by status.',
  )
  readonly #bytes = new Family(
    'trijet_upstream_peer_bytes_total',
    'counter',
    'Bytes, by direction.',
  )
  readonly #fails = new Family(
    'trijet_upstream_peer_fails_total',
    'counter',
    'Attempts that failed.',
  )
  readonly #outages = new Family(
    'trijet_upstream_peer_unavailable_total',
    'counter',
    'How often failures put it out of use.',
  )
  readonly #checks = new Family(
    'trijet_upstream_peer_checks_total',
    'counter',
    'Health checks, by result.',
  )
  readonly #latency = new Family(
    'trijet_upstream_peer_response_seconds',
    'histogram',
    'Until the last byte of a response.',
  )

  add(labels: Readonly<Record<string, string | number>>, peer: PeerFigures): void {
    for (const state of conditions) {
      this.#state.add({ ...labels, state }, peer.state === state ? 1 : 0)
    }
    this.#active.add(labels, peer.active)
    this.#requests.add(labels, peer.requests)
    for (const [code, count] of peer.responses.codes) {
      this.#responses.add({ ...labels, code }, count)
    }
    this.#bytes.add({ ...labels, direction: 'sent' }, peer.sentBytes)
    this.#bytes.add({ ...labels, direction: 'received' }, peer.receivedBytes)
    this.#fails.add(labels, peer.fails)
    this.#outages.add(labels, peer.unavail)
    const { checks, fails } = peer.health
    this.#checks.add({ ...labels, result: 'passed' }, checks - fails)
    this.#checks.add({ ...labels, result: 'failed' }, fails)
    this.#latency.addLatencies(labels, peer.latency)
  }

  get all(): readonly Family[] {
    const counted = [this.#requests, this.#responses, this.#bytes, this.#fails, this.#outages]
    return [this.#state, this.#active, ...counted, this.#checks, this.#latency]
  }
}

/** What zones of traffic count, under the names it has on their own pages. */
function trafficOf(plane: ControlPlane, now: number): readonly Family[] {
  const source = { tree: plane.state().tree, memory: plane.zones }
  const connections = connectionCountsOf(plane).totals()
  const head = { host: hostname(), version: '', now, connections, sumKey: '*' }
  return [httpDialect, streamDialect].flatMap((dialect) => {
    const zone = declaredZone(source, dialect)
    if (zone === undefined) return []
    return trafficFamilies(readTraffic(zone, source, dialect), head, dialect)
  })
}
