/** Metrics of upstream peers: those of all groups with a zone, of both subsystems. */
import { sharedUpstreams } from '../members/upstream-view.ts'
import type { ControlPlane } from '../plane.ts'
import { Labels, labelsOf } from './labels.ts'
import { familiesOf, type Labelled, type Measuring, type Metric } from './metric.ts'
import { type PeerFigures, UpstreamZones } from './peers.ts'

export function* peerFamilies(plane: ControlPlane): Measuring {
  const zones = new UpstreamZones(plane.peerZones)
  const state = plane.state()
  const peers: Labelled<PeerFigures>[] = []
  for (const subsystem of ['http', 'stream'] as const) {
    for (const upstream of sharedUpstreams(state, { subsystem, prefix: plane.prefix })) {
      for (const of of zones.figuresOf(upstream).peers) {
        const { address: peer, id } = of
        peers.push({ labels: new Labels({ subsystem, upstream: upstream.name, peer, id }), of })
      }
      yield undefined
    }
  }
  yield* familiesOf(peerMetrics, peers)
}

const conditions = ['up', 'draining', 'down', 'unavail', 'checking', 'unhealthy'] as const

const states = labelsOf('state', conditions)
const directions = labelsOf('direction', ['sent', 'received'])
const results = labelsOf('result', ['passed', 'failed'])

const codes = new Map<number, Labels>()

function codeLabels(code: number): Labels {
  return codes.getOrInsertComputed(code, () => new Labels({ code }))
}

const peerMetrics: readonly Metric<Labelled<PeerFigures>>[] = [
  {
    name: 'trijet_upstream_peer_state',
    type: 'gauge',
    help: '1 for the state it is in.',
    measure: (samples, { labels, of }) => {
      for (const state of conditions) {
        samples.add(of.state === state ? 1 : 0, labels, states[state])
      }
    },
  },
  {
    name: 'trijet_upstream_peer_active',
    type: 'gauge',
    help: 'Connections under way.',
    measure: (samples, { labels, of }) => samples.add(of.active, labels),
  },
  {
    name: 'trijet_upstream_peer_requests_total',
    type: 'counter',
    help: 'Requests, or connections of streams, that it was given.',
    measure: (samples, { labels, of }) => samples.add(of.requests, labels),
  },
  {
    name: 'trijet_upstream_peer_responses_total',
    type: 'counter',
    help: 'Responses, by status.',
    measure: (samples, { labels, of }) => {
      for (const [code, count] of of.responses.codes) samples.add(count, labels, codeLabels(code))
    },
  },
  {
    name: 'trijet_upstream_peer_bytes_total',
    type: 'counter',
    help: 'Bytes, by direction.',
    measure: (samples, { labels, of }) => {
      samples.add(of.sentBytes, labels, directions.sent)
      samples.add(of.receivedBytes, labels, directions.received)
    },
  },
  {
    name: 'trijet_upstream_peer_fails_total',
    type: 'counter',
    help: 'Attempts that failed.',
    measure: (samples, { labels, of }) => samples.add(of.fails, labels),
  },
  {
    name: 'trijet_upstream_peer_unavailable_total',
    type: 'counter',
    help: 'How often failures put it out of use.',
    measure: (samples, { labels, of }) => samples.add(of.unavail, labels),
  },
  {
    name: 'trijet_upstream_peer_checks_total',
    type: 'counter',
    help: 'Health checks, by result.',
    measure: (samples, { labels, of: { health } }) => {
      samples.add(health.checks - health.fails, labels, results.passed)
      samples.add(health.fails, labels, results.failed)
    },
  },
  {
    name: 'trijet_upstream_peer_response_seconds',
    type: 'histogram',
    help: 'Until the last byte of a response.',
    measure: (samples, { labels, of }) => samples.addHistogram({ latencies: of.latency }, labels),
  },
]
