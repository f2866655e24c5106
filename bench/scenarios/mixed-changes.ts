/**
 * Changes of all kinds under full load: what they cost those whom they do not concern.
 *
 * ```text
 *   quiet window │ changes, 50 a second: locations, members, maps, limits, certificates, headers, servers │ quiet window
 *   └ 64 clients that keep the proxy loaded, and 200 WebSockets that must not close ────────────────────┘
 * ```
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Owner, Scope } from '../../test/support/scope.ts'
import { within } from '../../test/support/wait.ts'
import { startMixedCaddy } from '../changes/mixed/caddy.ts'
import {
  changeAt,
  freeMixedPorts,
  kinds,
  type MixedPeer,
  type MixedPorts,
  type StartMixed,
} from '../changes/mixed/mixed.ts'
import { startMixedNginx } from '../changes/mixed/nginx.ts'
import { startMixedTrijet } from '../changes/mixed/trijet.ts'
import { pin, serverCore } from '../cores.ts'
import type { LoadResult } from '../load/job.ts'
import { serveWebSockets, WebSockets } from '../load/web-sockets.ts'
import { startLoad, type LoadProcess } from '../load-process.ts'
import { memoryOf } from '../peers/peer.ts'
import { quantile } from '../report.ts'
import { inRounds } from '../rounds.ts'
import type { Bench, Sample, Scenario } from '../scenario.ts'

const clients = 64
const webSockets = 200
const bodyBytes = 128
const changesPerSecond = 50
/** Those that do not keep the pace make as many changes as they can in this time. */
const slowChangingMs = 60_000
const quietMs = 20_000
/** Who has no descriptors left may not even refuse. */
const changeDeadlineMs = 10_000
/** The end of a message says why. */
const messageCharsMax = 160
/** As long as a window of changes may be open. */
const longWindowMs = 600_000

const starters: Readonly<Record<string, StartMixed>> = {
  nginx: startMixedNginx,
  caddy: startMixedCaddy,
  trijet: startMixedTrijet,
}

export const mixedChanges: Scenario = {
  name: 'mixed-changes',
  title: `Changes of ${kinds.length} kinds, ${changesPerSecond} a second, under ${clients} clients and ${webSockets} WebSockets; nginx reloads for each`,
  peers: ['nginx', 'caddy', 'trijet'],
  metrics: [
    { key: 'changes', label: 'changes', digits: 0 },
    { key: 'changeRate', label: 'changes/s', digits: 1 },
    { key: 'p50Ms', label: 'a change, p50 ms', digits: 1 },
    { key: 'p99Ms', label: 'p99 ms', digits: 1, bound: { atMost: 50 } },
    { key: 'failed', label: 'failed requests', digits: 0, bound: { atMost: 0 } },
    { key: 'closed', label: 'closed WebSockets', digits: 0, bound: { atMost: 0 } },
    { key: 'throughput', label: 'throughput kept', digits: 3, bound: { atLeast: 0.95 } },
    { key: 'latency', label: 'p99 of requests, times', digits: 2, bound: { atMost: 1.5 } },
    { key: 'memoryMiB', label: 'memory grown, MiB', digits: 1 },
  ],
  run: (bench) =>
    inRounds({ ...bench, rounds: 1 }, mixedChanges, (name) => measure(bench, starters[name]!)),
}

async function measure(bench: Bench, start: StartMixed): Promise<Sample> {
  const owner = new Scope()
  try {
    const ports = await freeMixedPorts()
    await serveWebSockets(owner, ports.socketPort)
    const peer = await start(owner, ports)
    await pin(peer.serving(), serverCore)
    return await change(bench, owner, peer, ports)
  } finally {
    await owner.close()
  }
}

async function change(
  bench: Bench,
  owner: Owner,
  peer: MixedPeer,
  ports: MixedPorts,
): Promise<Sample> {
  const sockets = await WebSockets.open(owner, ports.port, webSockets)
  const quietBefore = await quiet(bench, owner, peer, ports)
  const memory = memoryOf(peer.peer)
  const load = await clientsOf(owner, peer, ports, { warmUpMs: 0, windowMs: longWindowMs })
  const { latencies, seconds } = await changeSteadily(peer, bench.changes)
  load.stop()
  const disturbed = await load.result()
  const grown = memoryOf(peer.peer) - memory
  const quietAfter = await quiet(bench, owner, peer, ports)
  const calm = (rateOf(quietBefore) + rateOf(quietAfter)) / 2
  return {
    changes: latencies.length,
    changeRate: latencies.length / seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    failed: quietBefore.errors + disturbed.errors + quietAfter.errors,
    closed: sockets.closed,
    throughput: rateOf(disturbed) / calm,
    latency: (disturbed.p99Us * 2) / (quietBefore.p99Us + quietAfter.p99Us),
    memoryMiB: grown / 1_048_576,
  }
}

async function quiet(
  { warmUpMs }: Bench,
  owner: Owner,
  peer: MixedPeer,
  ports: MixedPorts,
): Promise<LoadResult> {
  const load = await clientsOf(owner, peer, ports, { warmUpMs, windowMs: quietMs })
  return load.result()
}

/** One change after the other, as often as asked for or as quickly as it goes; to the first that fails. */
async function changeSteadily(
  peer: MixedPeer,
  count: number,
): Promise<{ readonly latencies: readonly number[]; readonly seconds: number }> {
  const latencies: number[] = []
  const began = performance.now()
  // The last changes of each kind are taken back.
  const whole = kinds.length * 2
  for (let n = 0; n < count; n++) {
    const due = began + (n * 1_000) / changesPerSecond
    const late = performance.now() - due
    if (n % whole === 0 && late > slowChangingMs / 2 && late + due - began > slowChangingMs) break
    if (due > performance.now()) await delay(due - performance.now())
    const asked = performance.now()
    try {
      await within(peer.apply(changeAt(n)), { what: 'the change', deadlineMs: changeDeadlineMs })
    } catch (error) {
      const { message } = error as Error
      console.log(`  ${peer.peer.name}: change ${n + 1} failed: ${message.slice(-messageCharsMax)}`)
      break
    }
    latencies.push(performance.now() - asked)
  }
  return { latencies, seconds: (performance.now() - began) / 1_000 }
}

function clientsOf(
  owner: Owner,
  { peer }: MixedPeer,
  { port, backendPort }: MixedPorts,
  window: { readonly warmUpMs: number; readonly windowMs: number },
): Promise<LoadProcess> {
  return startLoad(owner, {
    kind: 'http',
    port,
    backendPort,
    connections: clients,
    messageBytes: bodyBytes,
    reopen: true,
    pids: peer.pids(),
    ...window,
  })
}

function rateOf({ requests, seconds }: LoadResult): number {
  return requests / seconds
}
