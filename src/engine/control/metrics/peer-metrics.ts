/** Metrics of upstream peers: those of all groups with a zone, of both subsystems. */
import { sharedUpstreams } from '../members/upstream-view.ts'
import type { ControlPlane } from '../plane.ts'
import { exposition, type Labelled, labelText, type Metric } from './exposition.ts'
import { type PeerFigures, UpstreamZones } from './peers.ts'

export function* peerText(plane: ControlPlane): Generator<string, void, undefined> {
  const zones = new UpstreamZones(plane.peerZones)
  const state = plane.state()
  const peers: Labelled<PeerFigures>[] = []
  for (const subsystem of ['http', 'stream'] as const) {
    for (const upstream of sharedUpstreams(state, { subsystem, prefix: plane.prefix })) {
      for (const of of zones.figuresOf(upstream).peers) {
        const { address: peer, id } = of
        peers.push({ labels: labelText({ subsystem, upstream: upstream.name, peer, id }), of })
      }
      yield ''
    }
  }
  yield* exposition(peerMetrics, peers)
}

const conditions = ['up', 'draining', 'down', 'unavail', 'checking', 'unhealthy'] as const

const peerMetrics: readonly Metric<Labelled<PeerFigures>>[] = [
  {
    name: 'trijet_upstream_peer_state',
    type: 'gauge',
    help: '1 for the state it is in.',
    measure: (samples, { labels, of }) => {
      for (const state of conditions) {
        samples.add(`${labels},state="${state}"`, of.state === state ? 1 : 0)
      }
    },
  },
  {
    name: 'trijet_upstream_peer_active',
    type: 'gauge',
    help: 'Connections under way.',
    measure: (samples, { labels, of }) => samples.add(labels, of.active),
  },
  {
    name: 'trijet_upstream_peer_requests_total',
    type: 'counter',
    help: 'Requests, or connections of streams, that it was given.',
    measure: (samples, { labels, of }) => samples.add(labels, of.requests),
  },
  {
    name: 'trijet_upstream_peer_responses_total',
    type: 'counter',
    help: 'Responses, by status.',
    measure: (samples, { labels, of }) => {
      for (const [code, count] of of.responses.codes) samples.add(`${labels},code="${code}"`, count)
    },
  },
  {
    name: 'trijet_upstream_peer_bytes_total',
    type: 'counter',
    help: 'Bytes, by direction.',
    measure: (samples, { labels, of }) => {
      samples.add(`${labels},direction="sent"`, of.sentBytes)
      samples.add(`${labels},direction="received"`, of.receivedBytes)
    },
  },
  {
    name: 'trijet_upstream_peer_fails_total',
    type: 'counter',
    help: 'Attempts that failed.',
    measure: (samples, { labels, of }) => samples.add(labels, of.fails),
  },
  {
    name: 'trijet_upstream_peer_unavailable_total',
    type: 'counter',
    help: 'How often failures put it out of use.',
    measure: (samples, { labels, of }) => samples.add(labels, of.unavail),
  },
  {
    name: 'trijet_upstream_peer_checks_total',
    type: 'counter',
    help: 'Health checks, by result.',
    measure: (samples, { labels, of: { health } }) => {
      samples.add(`${labels},result="passed"`, health.checks - health.fails)
      samples.add(`${labels},result="failed"`, health.fails)
    },
  },
  {
    name: 'trijet_upstream_peer_response_seconds',
    type: 'histogram',
    help: 'Until the last byte of a response.',
    measure: (samples, { labels, of }) => samples.addLatencies(labels, of.latency),
  },
]
