/**
 * What it costs to hold connections that say nothing: memory for each, and time for the others.
 *
 * ```text
 *   holders: N silent connections, half each ───────────┐
 *   talker:  64 connections, one message in flight each ─┴▶ proxy ──▶ backend in the first holder
 * ```
 *
 * The talker runs twice, beside holders of none and beside holders of N; all else is the same. A proxied
 * connection takes two descriptors and a process may have 20,000 of them where this was written, so two
 * processes hold and two serve; haproxy, which is one process, is not asked.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Owner, Scope } from '../../test/support/scope.ts'
import type { LoadJob, LoadResult } from '../load/job.ts'
import { startLoad } from '../load-process.ts'
import { memoryOf, type PeerName } from '../peers/peer.ts'
import { requestSample, startStation, type Station } from '../proxy-scenario.ts'
import { inRounds } from '../rounds.ts'
import type { Bench, Sample, Scenario } from '../scenario.ts'

const talkers = 64
const idle = 10_000
const processes = 2
const holdForMs = 600_000
/** Garbage of the opening is collected, timers of it have run. */
const settleMs = 2_000
const bytesPerKib = 1_024

export const idleMemory: Scenario = {
  name: 'idle-memory',
  title: `TCP, ${idle} idle connections through the proxy, with ${talkers} busy ones beside them`,
  peers: ['nginx', 'trijet'],
  metrics: [
    { key: 'restMib', label: 'MiB at rest', digits: 1 },
    { key: 'kibEach', label: 'KiB/connection', digits: 2 },
    { key: 'aloneUs', label: 'CPU µs/request alone', digits: 2 },
    { key: 'besideUs', label: 'beside idle ones', digits: 2 },
    { key: 'besideRatio', label: 'ratio', digits: 2, bound: { atMost: 1.1 } },
  ],
  run: (bench) => inRounds(bench, idleMemory, (name) => measure(bench, name)),
}

async function measure(bench: Bench, name: PeerName): Promise<Sample> {
  const owner = new Scope()
  try {
    const station = await startStation(bench, owner, 'tcp', name, processes)
    const rest = memoryOf(station.peer)
    const alone = await beside(bench, owner, station, 0)
    const crowded = await beside(bench, owner, station, idle)
    return {
      restMib: rest / bytesPerKib ** 2,
      kibEach: (crowded.memory - alone.memory) / idle / bytesPerKib,
      aloneUs: alone.cpuUs,
      besideUs: crowded.cpuUs,
      besideRatio: crowded.cpuUs / alone.cpuUs,
    }
  } finally {
    await owner.close()
  }
}

/** Memory with that many idle connections held, and CPU time per request of the talkers beside them. */
async function beside(
  bench: Bench,
  owner: Owner,
  { plan, peer }: Station,
  connections: number,
): Promise<{ readonly memory: number; readonly cpuUs: number }> {
  const { port, backendPort } = plan
  const { warmUpMs, windowMs } = bench
  const work = { port, messageBytes: 64, pids: peer.pids() }
  const hold: LoadJob = {
    ...work,
    kind: 'idle',
    connections: connections / processes,
    backendPort,
    warmUpMs: 0,
    windowMs: holdForMs,
  }
  const first = await startLoad(owner, hold)
  await first.held()
  const second = await startLoad(owner, { ...hold, backendPort: 0 })
  await second.held()
  await delay(settleMs)
  const memory = memoryOf(peer)
  const talk: LoadJob = {
    ...work,
    kind: 'ping-pong',
    connections: talkers,
    backendPort: 0,
    warmUpMs,
    windowMs,
  }
  const talked = await (await startLoad(owner, talk)).result()
  second.stop()
  first.stop()
  refuseErrors(talked, await first.result(), await second.result())
  return { memory, cpuUs: requestSample(talked)['cpuUs']! }
}

function refuseErrors(...results: readonly LoadResult[]): void {
  const errors = results.reduce((sum, result) => sum + result.errors, 0)
  if (errors > 0) throw new Error(`${errors} connections were lost`)
}
