/**
 * Scenarios that load a proxy: all peers run side by side, and each has its windows in turn.
 */
import { freePorts } from '../test/support/ports.ts'
import { type Owner, Scope } from '../test/support/scope.ts'
import { pin, serverCore } from './cores.ts'
import { startLoad } from './load-process.ts'
import type { LoadJob, LoadKind, LoadResult } from './load/job.ts'
import type { PeerName, ProxyPlan, RunningPeer } from './peers/peer.ts'
import { inRounds } from './rounds.ts'
import type { Bench, Metric, Outcome, Sample, Scenario } from './scenario.ts'

export interface ProxyScenario {
  readonly name: string
  readonly title: string
  readonly peers: readonly PeerName[]
  readonly transport: ProxyPlan['transport']
  readonly kind: LoadKind
  readonly connections: number
  readonly messageBytes: number
  readonly metrics: readonly Metric[]
  /** Figures by the keys of the metrics. */
  readonly toSample: (result: LoadResult) => Sample
}

/** A peer at work, and what it was asked to do. */
export interface Station {
  readonly plan: ProxyPlan
  readonly peer: RunningPeer
}

export function defineProxyScenario(scenario: ProxyScenario): Scenario {
  return { ...scenario, run: (bench) => runProxyScenario(bench, scenario) }
}

async function runProxyScenario(bench: Bench, scenario: ProxyScenario): Promise<Outcome> {
  const stations = new Map<PeerName, Station>()
  return inRounds(bench, scenario, async (name) => {
    const station =
      stations.get(name) ?? (await startStation(bench, bench.owner, scenario.transport, name))
    stations.set(name, station)
    const result = await measure(bench, scenario, station)
    if (result.errors > 0) throw new Error(`${result.errors} failed connections or lost messages`)
    return scenario.toSample(result)
  })
}

/** Starts a peer on ports of its own, pinned to the server's core. */
export async function startStation(
  { starters }: Bench,
  owner: Owner,
  transport: ProxyPlan['transport'],
  name: PeerName,
  workers = 1,
): Promise<Station> {
  const [port, backendPort] = (await freePorts(2)) as [number, number]
  return startPlan({ starters }, owner, name, { transport, port, backendPort, workers })
}

/** Starts a peer on a plan, pinned to the server's core. */
export async function startPlan(
  { starters }: Pick<Bench, 'starters'>,
  owner: Owner,
  name: PeerName,
  plan: ProxyPlan,
): Promise<Station> {
  const peer = await starters[name](owner, plan)
  await pin(peer.pids(), serverCore)
  return { plan, peer }
}

async function measure(
  bench: Bench,
  { kind, connections, messageBytes }: ProxyScenario,
  { plan, peer }: Station,
): Promise<LoadResult> {
  const scope = new Scope()
  const { warmUpMs, windowMs } = bench
  const { port, backendPort } = plan
  const work = { kind, port, backendPort, connections, messageBytes }
  const job: LoadJob = { ...work, warmUpMs, windowMs, pids: peer.pids() }
  try {
    return await (await startLoad(scope, job)).result()
  } finally {
    await scope.close()
  }
}

export const cpuPerRequest: Metric = { key: 'cpuUs', label: 'CPU µs/request', digits: 2 }
export const requestRate: Metric = { key: 'rate', label: 'requests/s', digits: 0 }
export const medianLatency: Metric = { key: 'p50Us', label: 'p50 µs', digits: 0 }
export const tailLatency: Metric = { key: 'p99Us', label: 'p99 µs', digits: 0 }

/** The figures of a load of requests. */
export function requestSample(result: LoadResult): Sample {
  const { requests, seconds, cpuSeconds, p50Us, p99Us } = result
  if (requests === 0) throw new Error('no request was answered')
  return { cpuUs: (cpuSeconds * 1e6) / requests, rate: requests / seconds, p50Us, p99Us }
}
