/**
 * The metrics of the whole engine: processes, connections, changes, upstream peers, limits, and the traffic
 * that zones of traffic count, under the names it has on their own pages.
 */
import { processReports } from '../diagnostics.ts'
import type { ControlPlane } from '../plane.ts'
import { limitText } from './limit-metrics.ts'
import { peerText } from './peer-metrics.ts'
import { engineText, type EngineState } from './process-metrics.ts'
import { httpDialect, streamDialect } from './traffic-dialect.ts'
import { connectionCountsOf } from './traffic-display.ts'
import { declaredZone, readingTraffic } from './traffic-report.ts'
import { trafficText } from './traffic-text.ts'

/** A text to be made while it is sent; `now` is of the wall clock. */
export async function engineMetrics(plane: ControlPlane, now: number): Promise<Iterable<string>> {
  return metricsOf(plane, {
    reports: await processReports(plane, now),
    revision: plane.version().revision,
    instructions: plane.state().instructions.size,
    connections: connectionCountsOf(plane).totals(),
    now,
  })
}

function* metricsOf(plane: ControlPlane, engine: EngineState): Generator<string, void, undefined> {
  yield* engineText(engine)
  yield* peerText(plane)
  yield* limitText(plane)
  const source = { tree: plane.state().tree, memory: plane.zones }
  for (const dialect of [httpDialect, streamDialect]) {
    const zone = declaredZone(source, dialect)
    if (zone === undefined) continue
    const report = yield* readingTraffic(zone, source, dialect)
    yield* trafficText(report, { now: engine.now, sumKey: '*' }, dialect)
  }
}
