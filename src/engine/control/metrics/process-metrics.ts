/** Metrics of the engine's own: its processes, its connections, its changes. */
import type { ConnectionTotals } from '../../http/connection-counts.ts'
import { type ProcessReport, unreadiness } from '../diagnostics.ts'
import { Labels, labelsOf } from './labels.ts'
import { familiesOf, type Labelled, type Measuring, type Metric } from './metric.ts'

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

export function* engineFamilies(state: EngineState): Measuring {
  const { reports, now } = state
  yield* familiesOf(stateMetrics, [state])
  yield* familiesOf(countMetrics, countsOf(reports))
  const processes = reports.map((report) => {
    return { labels: new Labels({ role: report.role, pid: report.pid }), of: report }
  })
  yield* familiesOf(processMetrics(now), processes)
  yield* familiesOf(connectionMetrics, [state.connections])
}

const stateMetrics: readonly Metric<EngineState>[] = [
  {
    name: 'trijet_ready',
    type: 'gauge',
    help: '1 while all workers serve.',
    measure: (samples, { reports }) => samples.add(unreadiness(reports).length === 0 ? 1 : 0),
  },
  {
    name: 'trijet_changes_total',
    type: 'counter',
    help: 'Changes that were committed.',
    measure: (samples, { revision }) => samples.add(revision),
  },
  {
    name: 'trijet_instructions',
    type: 'gauge',
    help: 'Instructions of the dynamic interface that are in force or wait to be.',
    measure: (samples, { instructions }) => samples.add(instructions),
  },
]

const countMetrics: readonly Metric<Labelled<number>>[] = [
  {
    name: 'trijet_processes',
    type: 'gauge',
    help: 'Processes, by role and state.',
    measure: (samples, { labels, of }) => samples.add(of, labels),
  },
]

function countsOf(reports: readonly ProcessReport[]): readonly Labelled<number>[] {
  const all = Map.groupBy(reports, ({ role, state }) => `${role} ${state}`)
  return [...all.values()].map((alike) => {
    const { role, state } = alike[0]!
    return { labels: new Labels({ role, state }), of: alike.length }
  })
}

function processMetrics(now: number): readonly Metric<Labelled<ProcessReport>>[] {
  return [
    {
      name: 'trijet_process_restarts',
      type: 'gauge',
      help: 'How often the place was taken anew.',
      measure: (samples, { labels, of }) => samples.add(of.restarts, labels),
    },
    {
      name: 'trijet_process_uptime_seconds',
      type: 'gauge',
      help: 'Since its start.',
      measure: (samples, { labels, of: { vitals } }) => {
        if (vitals !== undefined) samples.add((now - vitals.startedAt) / 1000, labels)
      },
    },
    ...vitalMetrics,
  ]
}

const kinds = labelsOf('kind', ['resident', 'heap_used', 'heap_total', 'external'])
const statistics = labelsOf('statistic', ['p50', 'p90', 'p99', 'max'])

const vitalMetrics: readonly Metric<Labelled<ProcessReport>>[] = [
  {
    name: 'trijet_process_memory_bytes',
    type: 'gauge',
    help: 'Memory, by kind.',
    measure: (samples, { labels, of: { vitals, residentBytes } }) => {
      if (residentBytes !== undefined) samples.add(residentBytes, labels, kinds.resident)
      if (vitals === undefined) return
      samples.add(vitals.heapUsedBytes, labels, kinds.heap_used)
      samples.add(vitals.heapTotalBytes, labels, kinds.heap_total)
      samples.add(vitals.externalBytes, labels, kinds.external)
    },
  },
  {
    name: 'trijet_process_event_loop_delay_seconds',
    type: 'gauge',
    help: 'Quantiles and maximum of the delay of the event loop over the last seconds.',
    measure: (samples, { labels, of: { vitals } }) => {
      if (vitals === undefined) return
      samples.add(vitals.delayP50Ms / 1000, labels, statistics.p50)
      samples.add(vitals.delayP90Ms / 1000, labels, statistics.p90)
      samples.add(vitals.delayP99Ms / 1000, labels, statistics.p99)
      samples.add(vitals.delayMaxMs / 1000, labels, statistics.max)
    },
  },
  {
    name: 'trijet_process_event_loop_utilization',
    type: 'gauge',
    help: 'Share of time that its main thread has a processor.',
    measure: (samples, { labels, of: { vitals } }) => {
      if (vitals !== undefined) samples.add(vitals.utilization, labels)
    },
  },
  {
    name: 'trijet_worker_connections',
    type: 'gauge',
    help: 'Open connections.',
    measure: (samples, { of: { role, pid, vitals } }) => {
      if (role === 'worker' && vitals !== undefined) {
        samples.add(vitals.connections, new Labels({ pid }))
      }
    },
  },
]

const connectionStates = labelsOf('state', ['active', 'reading', 'writing', 'waiting'])

const connectionMetrics: readonly Metric<ConnectionTotals>[] = [
  {
    name: 'trijet_http_connections',
    type: 'gauge',
    help: 'Connections of HTTP, by state.',
    measure: (samples, { active, reading, writing, waiting }) => {
      samples.add(active, connectionStates.active)
      samples.add(reading, connectionStates.reading)
      samples.add(writing, connectionStates.writing)
      samples.add(waiting, connectionStates.waiting)
    },
  },
  {
    name: 'trijet_http_accepted_total',
    type: 'counter',
    help: 'Connections that were accepted.',
    measure: (samples, { accepted }) => samples.add(accepted),
  },
  {
    name: 'trijet_http_handled_total',
    type: 'counter',
    help: 'Connections that were served.',
    measure: (samples, { handled }) => samples.add(handled),
  },
  {
    name: 'trijet_http_requests_total',
    type: 'counter',
    help: 'Requests that began.',
    measure: (samples, { requests }) => samples.add(requests),
  },
]
