/**
 * The metrics of the whole engine: processes, connections, changes, upstream peers, limits, and the traffic
 * that zones of traffic count, under the names it has on their own pages.
 */
import { processReports } from '../diagnostics.ts'
import type { ControlPlane } from '../plane.ts'
import type { Measured, Measuring } from './metric.ts'
import { limitFamilies } from './limit-metrics.ts'
import { peerFamilies } from './peer-metrics.ts'
import { engineFamilies, type EngineState } from './process-metrics.ts'
import { httpDialect, streamDialect } from './traffic-dialect.ts'
import { connectionCountsOf } from './traffic-display.ts'
import { declaredZone, readingTraffic } from './traffic-report.ts'
import { trafficFamilies } from './traffic-metrics.ts'

/** To be taken while they are sent; `now` is of the wall clock. */
export async function engineMetrics(plane: ControlPlane, now: number): Promise<Measured> {
  return metricsOf(plane, {
    reports: await processReports(plane, now),
    revision: plane.version().revision,
    instructions: plane.state().instructions.size,
    connections: connectionCountsOf(plane).totals(),
    now,
  })
}

function* metricsOf(plane: ControlPlane, engine: EngineState): Measuring {
  yield* engineFamilies(engine)
  yield* peerFamilies(plane)
  yield* limitFamilies(plane)
  const source = { tree: plane.state().tree, memory: plane.zones }
  for (const dialect of [httpDialect, streamDialect]) {
    const zone = declaredZone(source, dialect)
    if (zone === undefined) continue
    const report = yield* readingTraffic(zone, source, dialect)
    yield* trafficFamilies(report, { now: engine.now, sumKey: '*' }, dialect)
  }
}
