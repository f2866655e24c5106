/**
 * Scenarios for HTTP: nginx and this engine on the same `http` block, proxies on Node on what corresponds.
 */
import { freePorts } from '../test/support/ports.ts'
import { Scope } from '../test/support/scope.ts'
import type { Files } from '../test/support/temp-prefix.ts'
import { startLoad } from './load-process.ts'
import type { LoadJob, LoadKind, LoadResult } from './load/job.ts'
import type { PeerName } from './peers/peer.ts'
import { requestSample, startPlan, type Station } from './proxy-scenario.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Metric, Outcome, Sample, Scenario } from './scenario.ts'

/** Where a configuration listens, and where its backend does. */
export interface Ports {
  readonly port: number
  readonly backendPort: number
}

export interface HttpScenario {
  readonly name: string
  readonly title: string
  readonly peers: readonly PeerName[]
  readonly metrics: readonly Metric[]
  /** Body of the `http` block, without the access log. */
  readonly conf: (ports: Ports) => string
  readonly files?: Files
  readonly kind: LoadKind
  readonly connections: number
  /** Of the answer's body. */
  readonly bodyBytes: number
  readonly path?: string
  readonly hosts?: number
  readonly workers?: number
  /** The requests are answered without a backend. */
  readonly alone?: boolean
  readonly toSample?: (result: LoadResult) => Sample
}

/** So many requests run over one connection that nobody closes it within a run. */
const endless = 1_000_000_000

const common = `keepalive_requests ${endless}; keepalive_timeout 1h;`

/** An upstream whose connections are kept. */
export function keptUpstream({ backendPort }: Ports): string {
  return `upstream backend {
    server 127.0.0.1:${backendPort};
    keepalive 1024;
    keepalive_requests ${endless};
    keepalive_timeout 1h;
  }`
}

/** What every location needs that passes on over kept connections. */
export const passToBackend =
  'proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";'

export function defineHttpScenario(scenario: HttpScenario): Scenario {
  return { ...scenario, run: (bench) => runHttpScenario(bench, scenario) }
}

async function runHttpScenario(bench: Bench, scenario: HttpScenario): Promise<Outcome> {
  const stations = new Map<PeerName, Station>()
  const { toSample = requestSample } = scenario
  return inRounds(bench, scenario, async (name) => {
    const station = stations.get(name) ?? (await startHttpStation(bench, scenario, name))
    stations.set(name, station)
    const result = await measure(bench, scenario, station)
    if (result.errors > 0) throw new Error(`${result.errors} failed requests or connections`)
    return toSample(result)
  })
}

export async function startHttpStation(
  bench: Bench,
  { conf, files, workers = 1 }: Pick<HttpScenario, 'conf' | 'files' | 'workers'>,
  name: PeerName,
  owner: Bench['owner'] = bench.owner,
): Promise<Station> {
  const [port, backendPort] = (await freePorts(2)) as [number, number]
  const text = conf({ port, backendPort })
  const log = text.includes('access_log') ? '' : 'access_log off;'
  const http = `${common}\n${log}\n${text}`
  const plan = { transport: 'http', port, backendPort, workers, http } as const
  return startPlan(bench, owner, name, { ...plan, ...(files && { files }) })
}

async function measure(
  { warmUpMs, windowMs }: Bench,
  { kind, connections, bodyBytes, path, hosts, alone = false }: HttpScenario,
  { plan, peer }: Station,
): Promise<LoadResult> {
  const scope = new Scope()
  const job: LoadJob = {
    kind,
    port: plan.port,
    backendPort: alone ? 0 : plan.backendPort,
    connections,
    messageBytes: bodyBytes,
    warmUpMs,
    windowMs,
    pids: peer.pids(),
    ...(path !== undefined && { path }),
    ...(hosts !== undefined && { hosts }),
  }
  try {
    return await (await startLoad(scope, job)).result()
  } finally {
    await scope.close()
  }
}
