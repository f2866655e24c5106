/** Metrics of the engine's own: its processes, its connections, its changes. */
import type { ConnectionTotals } from '../../http/connection-counts.ts'
import { type ProcessReport, unreadiness } from '../diagnostics.ts'
import { exposition, type Labelled, labelText, type Metric } from './exposition.ts'

/** The engine at one time. */
export interface EngineState {
  readonly reports: readonly ProcessReport[]
  /** Number of the last change. */
  readonly revision: number
  readonly instructions: number
  readonly connections: ConnectionTotals
  /** Milliseconds of the wall clock. */
  readonly now: number
}

export function* engineText(state: EngineState): Generator<string, void, undefined> {
  const { reports, now } = state
  yield* exposition(stateMetrics, [state])
  yield* exposition(countMetrics, countsOf(reports))
  const processes = reports.map((report) => {
    return { labels: labelText({ role: report.role, pid: report.pid }), of: report }
  })
  yield* exposition(processMetrics(now), processes)
  yield* exposition(connectionMetrics, [state.connections])
}

const stateMetrics: readonly Metric<EngineState>[] = [
  {
    name: 'trijet_ready',
    type: 'gauge',
    help: '1 while all workers serve.',
    measure: (samples, { reports }) => samples.add('', unreadiness(reports).length === 0 ? 1 : 0),
  },
  {
    name: 'trijet_changes_total',
    type: 'counter',
    help: 'Changes that were committed.',
    measure: (samples, { revision }) => samples.add('', revision),
  },
  {
    name: 'trijet_instructions',
    type: 'gauge',
    help: 'Instructions of the dynamic interface that are in force or wait to be.',
    measure: (samples, { instructions }) => samples.add('', instructions),
  },
]

const countMetrics: readonly Metric<Labelled<number>>[] = [
  {
    name: 'trijet_processes',
    type: 'gauge',
    help: 'Processes, by role and state.',
    measure: (samples, { labels, of }) => samples.add(labels, of),
  },
]

function countsOf(reports: readonly ProcessReport[]): readonly Labelled<number>[] {
  const all = Map.groupBy(reports, ({ role, state }) => labelText({ role, state }))
  return [...all].map(([labels, { length }]) => ({ labels, of: length }))
}

function processMetrics(now: number): readonly Metric<Labelled<ProcessReport>>[] {
  return [
    {
      name: 'trijet_process_restarts',
      type: 'gauge',
      help: 'How often the place was taken anew.',
      measure: (samples, { labels, of }) => samples.add(labels, of.restarts),
    },
    {
      name: 'trijet_process_uptime_seconds',
      type: 'gauge',
      help: 'Since its start.',
      measure: (samples, { labels, of: { vitals } }) => {
        if (vitals !== undefined) samples.add(labels, (now - vitals.startedAt) / 1000)
      },
    },
    ...vitalMetrics,
  ]
}

const vitalMetrics: readonly Metric<Labelled<ProcessReport>>[] = [
  {
    name: 'trijet_process_memory_bytes',
    type: 'gauge',
    help: 'Memory, by kind.',
    measure: (samples, { labels, of: { vitals, residentBytes } }) => {
      if (residentBytes !== undefined) samples.add(`${labels},kind="resident"`, residentBytes)
      if (vitals === undefined) return
      samples.add(`${labels},kind="heap_used"`, vitals.heapUsedBytes)
      samples.add(`${labels},kind="heap_total"`, vitals.heapTotalBytes)
      samples.add(`${labels},kind="external"`, vitals.externalBytes)
    },
  },
  {
    name: 'trijet_process_event_loop_delay_seconds',
    type: 'gauge',
    help: 'Quantiles of the delay of the event loop over the last seconds.',
    measure: (samples, { labels, of: { vitals } }) => {
      if (vitals === undefined) return
      samples.add(`${labels},quantile="0.5"`, vitals.delayP50Ms / 1000)
      samples.add(`${labels},quantile="0.9"`, vitals.delayP90Ms / 1000)
      samples.add(`${labels},quantile="0.99"`, vitals.delayP99Ms / 1000)
      samples.add(`${labels},quantile="1"`, vitals.delayMaxMs / 1000)
    },
  },
  {
    name: 'trijet_process_event_loop_utilization',
    type: 'gauge',
    help: 'Share of time that its main thread has a processor.',
    measure: (samples, { labels, of: { vitals } }) => {
      if (vitals !== undefined) samples.add(labels, vitals.utilization)
    },
  },
  {
    name: 'trijet_worker_connections',
    type: 'gauge',
    help: 'Open connections.',
    measure: (samples, { of: { role, pid, vitals } }) => {
      if (role === 'worker' && vitals !== undefined) samples.add(`pid="${pid}"`, vitals.connections)
    },
  },
]

const connectionMetrics: readonly Metric<ConnectionTotals>[] = [
  {
    name: 'trijet_http_connections',
    type: 'gauge',
    help: 'Connections of HTTP, by state.',
    measure: (samples, { active, reading, writing, waiting }) => {
      for (const [state, value] of Object.entries({ active, reading, writing, waiting })) {
        samples.add(`state="${state}"`, value)
      }
    },
  },
  {
    name: 'trijet_http_accepted_total',
    type: 'counter',
    help: 'Connections that were accepted.',
    measure: (samples, { accepted }) => samples.add('', accepted),
  },
  {
    name: 'trijet_http_handled_total',
    type: 'counter',
    help: 'Connections that were served.',
    measure: (samples, { handled }) => samples.add('', handled),
  },
  {
    name: 'trijet_http_requests_total',
    type: 'counter',
    help: 'Requests that began.',
    measure: (samples, { requests }) => samples.add('', requests),
  },
]
