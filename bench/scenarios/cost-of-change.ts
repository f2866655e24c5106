/**
 * What a change costs, and whom: thousands of virtual servers are added one by one while clients keep a
 * proxy of the same engine fully loaded.
 *
 * ```text
 *   add 0…99 │ sample │ add … │ sample │ quiet │ 20 changes a second │ quiet │ 20 changes a second │ …
 *            └ at 100         └ at all └ throughput of the clients, in turns, several times over
 * ```
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Owner, Scope } from '../../test/support/scope.ts'
import type { Changeable, StartChangeable } from '../changes/changeable.ts'
import { startChangeableNginx } from '../changes/nginx.ts'
import { startChangeableTrijet } from '../changes/trijet.ts'
import { pin, serverCore } from '../cores.ts'
import type { LoadResult } from '../load/job.ts'
import { startLoad, type LoadProcess } from '../load-process.ts'
import { memoryOf } from '../peers/peer.ts'
import { median, quantile } from '../report.ts'
import { inRounds } from '../rounds.ts'
import type { Bench, Sample, Scenario } from '../scenario.ts'

const clients = 64
const smallSize = 100
const changesPerSecond = 20
/** As long as all adds together may take. */
const longWindowMs = 1_800_000

const starters: Readonly<Record<string, StartChangeable>> = {
  nginx: startChangeableNginx,
  trijet: startChangeableTrijet,
}

export const costOfChange: Scenario = {
  name: 'cost-of-change',
  title: `Virtual servers added one by one under the load of ${clients} clients; nginx reloads for each`,
  peers: ['nginx', 'trijet'],
  metrics: [
    { key: 'smallP50Ms', label: 'add after 100, p50 ms', digits: 2 },
    { key: 'smallP99Ms', label: 'after 100, p99', digits: 2 },
    { key: 'largeP50Ms', label: 'last adds, p50 ms', digits: 2 },
    { key: 'largeP99Ms', label: 'last, p99', digits: 2 },
    { key: 'growthP50', label: 'growth p50', digits: 2, bound: { atMost: 1.5 } },
    { key: 'growthP99', label: 'growth p99', digits: 2, bound: { atMost: 1.5 } },
    { key: 'changeRate', label: 'changes/s', digits: 1 },
    { key: 'throughput', label: 'throughput kept', digits: 3, bound: { atLeast: 0.95 } },
    { key: 'failed', label: 'failed requests', digits: 0, bound: { atMost: 0 } },
    { key: 'kibEach', label: 'KiB/server', digits: 1 },
  ],
  run: (bench) =>
    inRounds({ ...bench, rounds: 1 }, costOfChange, (name) => measure(bench, starters[name]!)),
}

async function measure(bench: Bench, start: StartChangeable): Promise<Sample> {
  const owner = new Scope()
  try {
    const changeable = await start(owner)
    await pin(changeable.serving(), serverCore)
    const growth = await grow(bench, owner, changeable)
    const kept = await disturb(bench, owner, changeable)
    return { ...growth, ...kept, failed: growth.failed + kept.failed }
  } finally {
    await owner.close()
  }
}

interface Growth extends Sample {
  readonly failed: number
}

/** Adds all servers under load; latencies of adds at the beginning and at the end. */
async function grow(bench: Bench, owner: Owner, changeable: Changeable): Promise<Growth> {
  const load = await startClients(owner, changeable, 0, longWindowMs)
  await delay(bench.warmUpMs)
  const size = Math.min(changeable.addsPerSample, Math.floor((bench.servers - smallSize) / 2))
  await changeable.fill(0, smallSize)
  const before = memoryOf(changeable.peer)
  const small = await timeAdds(changeable, smallSize, size)
  await changeable.fill(smallSize + size, bench.servers - size)
  const large = await timeAdds(changeable, bench.servers - size, size)
  const memory = memoryOf(changeable.peer) - before
  load.stop()
  const { errors } = await load.result()
  const [smallP50Ms, smallP99Ms] = [quantile(small, 0.5), quantile(small, 0.99)]
  const [largeP50Ms, largeP99Ms] = [quantile(large, 0.5), quantile(large, 0.99)]
  const growth = { growthP50: largeP50Ms / smallP50Ms, growthP99: largeP99Ms / smallP99Ms }
  const kibEach = memory / 1_024 / (bench.servers - smallSize)
  return { smallP50Ms, smallP99Ms, largeP50Ms, largeP99Ms, ...growth, kibEach, failed: errors }
}

async function timeAdds(changeable: Changeable, from: number, count: number): Promise<number[]> {
  const latencies: number[] = []
  for (let number = from; number < from + count; number++) {
    const began = performance.now()
    await changeable.add(number)
    latencies.push(performance.now() - began)
  }
  return latencies
}

/** Throughput of the clients in quiet windows and in windows full of changes, in turns. */
async function disturb(bench: Bench, owner: Owner, changeable: Changeable): Promise<Growth> {
  const quiet: number[] = []
  const disturbed: number[] = []
  const rates: number[] = []
  let failed = 0
  const rate = ({ requests, seconds, errors }: LoadResult): number => {
    failed += errors
    return requests / seconds
  }
  for (let round = 0; round < bench.rounds; round++) {
    const calm = await startClients(owner, changeable, bench.warmUpMs, bench.windowMs)
    quiet.push(rate(await calm.result()))
    const busy = await startClients(owner, changeable, bench.warmUpMs, bench.windowMs)
    const changes = changeSteadily(changeable, bench.servers, busy.result())
    disturbed.push(rate(await busy.result()))
    rates.push(await changes)
  }
  const throughput = median(disturbed) / median(quiet)
  return { throughput, changeRate: median(rates), failed }
}

/** Adds and removes a server in turn, as often as asked for or as quickly as it goes; changes per second. */
async function changeSteadily(
  changeable: Changeable,
  number: number,
  until: Promise<unknown>,
): Promise<number> {
  const over = new AbortController()
  void until.finally(() => over.abort())
  const began = performance.now()
  let changes = 0
  while (!over.signal.aborted) {
    await (changes % 2 === 0 ? changeable.add(number) : changeable.remove(number))
    changes++
    const due = began + (changes * 1_000) / changesPerSecond
    if (due > performance.now()) await delay(due - performance.now())
  }
  if (changes % 2 === 1) await changeable.remove(number)
  return (changes * 1_000) / (performance.now() - began)
}

function startClients(
  owner: Owner,
  { peer, port, backendPort }: Changeable,
  warmUpMs: number,
  windowMs: number,
): Promise<LoadProcess> {
  const work = { kind: 'ping-pong', connections: clients, messageBytes: 64 } as const
  return startLoad(owner, { ...work, port, backendPort, warmUpMs, windowMs, pids: peer.pids() })
}
