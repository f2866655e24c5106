/**
 * What it costs to hold connections between two requests: each was answered once, then says nothing.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Scope } from '../../test/support/scope.ts'
import { startHttpStation } from '../http-scenario.ts'
import type { LoadJob } from '../load/job.ts'
import { startLoad } from '../load-process.ts'
import { memoryOf, type PeerName } from '../peers/peer.ts'
import type { Station } from '../proxy-scenario.ts'
import { inRounds } from '../rounds.ts'
import type { Bench, Sample, Scenario } from '../scenario.ts'

const idle = 10_000
const holdForMs = 600_000
/** Garbage of the opening is collected, timers of it have run. */
const settleMs = 2_000
const bytesPerKib = 1_024

export const httpIdleMemory: Scenario = {
  name: 'http-idle-memory',
  title: `HTTP, ${idle} connections that were answered once and stay open`,
  peers: ['nginx', 'trijet'],
  metrics: [
    { key: 'restMib', label: 'MiB at rest', digits: 1 },
    { key: 'kibEach', label: 'KiB/connection', digits: 2, bound: { atMost: 12 } },
  ],
  run: (bench) => inRounds(bench, httpIdleMemory, (name) => measure(bench, name)),
}

async function measure(bench: Bench, name: PeerName): Promise<Sample> {
  const owner = new Scope()
  try {
    const station = await startHttpStation(bench, { conf: confText }, name, owner)
    // One connection first: what is made once, is made then.
    const rest = await memoryWith(owner, station, 1)
    const crowded = await memoryWith(owner, station, idle)
    return { restMib: rest / bytesPerKib ** 2, kibEach: (crowded - rest) / idle / bytesPerKib }
  } finally {
    await owner.close()
  }
}

function confText({ port }: { readonly port: number }): string {
  return `server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 ok; } }`
}

async function memoryWith(
  owner: Scope,
  { plan, peer }: Station,
  connections: number,
): Promise<number> {
  const job: LoadJob = {
    kind: 'http-idle',
    port: plan.port,
    backendPort: 0,
    connections,
    messageBytes: 2,
    warmUpMs: 0,
    windowMs: holdForMs,
    pids: peer.pids(),
  }
  const load = await startLoad(owner, job)
  await load.held()
  await delay(settleMs)
  const bytes = memoryOf(peer)
  load.stop()
  const { errors } = await load.result()
  if (errors > 0) throw new Error(`${errors} connections were lost`)
  return bytes
}
