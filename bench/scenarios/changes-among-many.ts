/**
 * Changes of all kinds where there is much that they do not concern: thousands of groups and servers. How
 * long each takes until all workers have acknowledged it, and what stays of it in memory.
 *
 * ```text
 *   start │ settle: a tenth of the changes │ the changes, one after the other
 *                                          └ memory, forty times ┘
 * ```
 *
 * A heap that is rarely collected whole goes up and down by more than changes leave behind, some 25,000
 * changes from one summit to the next: what has grown is told by the highest of each half.
 */
import { Scope } from '../../test/support/scope.ts'
import { changeAt, freeMixedPorts, kinds, type MixedPeer } from '../changes/mixed/mixed.ts'
import { startMixedTrijet } from '../changes/mixed/trijet.ts'
import { memoryOf } from '../peers/peer.ts'
import { quantile } from '../report.ts'
import { inRounds } from '../rounds.ts'
import type { Bench, Sample, Scenario } from '../scenario.ts'

/** After so many changes of the beginning heaps have their size. */
const settlingShare = 0.1
const looks = 40

export const changesAmongMany: Scenario = {
  name: 'changes-among-many',
  title: `Changes of ${kinds.length} kinds among as many upstream groups and servers as --servers says`,
  peers: ['trijet'],
  metrics: [
    { key: 'changes', label: 'changes', digits: 0 },
    { key: 'p50Ms', label: 'p50 ms', digits: 2 },
    { key: 'p99Ms', label: 'p99 ms', digits: 2, bound: { atMost: 50 } },
    { key: 'maxMs', label: 'longest, ms', digits: 1 },
    { key: 'memoryMiB', label: 'memory at most, MiB', digits: 0 },
    { key: 'grownMiB', label: 'grown by, MiB', digits: 1 },
  ],
  run: (bench) => inRounds({ ...bench, rounds: 1 }, changesAmongMany, () => measure(bench)),
}

async function measure(bench: Bench): Promise<Sample> {
  const { servers, changes } = bench
  const owner = new Scope()
  try {
    const ports = await freeMixedPorts()
    const peer = await startMixedTrijet(owner, ports, servers)
    const whole = kinds.length * 2
    const settling = Math.ceil((changes * settlingShare) / whole) * whole
    await apply(peer, 0, settling)
    const each = Math.ceil(changes / looks / whole) * whole
    const latencies: number[] = []
    const sizes: number[] = []
    for (let look = 0; look < looks; look++) {
      const from = settling + look * each
      latencies.push(...(await apply(peer, from, from + each)))
      sizes.push(memoryOf(peer.peer))
    }
    const before = Math.max(...sizes.slice(0, looks / 2))
    const after = Math.max(...sizes.slice(looks / 2))
    bench.note(`memory, MiB: ${sizes.map((size) => Math.round(size / 1_048_576)).join(' ')}`)
    return {
      changes: latencies.length,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      maxMs: quantile(latencies, 1),
      memoryMiB: after / 1_048_576,
      grownMiB: (after - before) / 1_048_576,
    }
  } finally {
    await owner.close()
  }
}

async function apply(peer: MixedPeer, from: number, to: number): Promise<readonly number[]> {
  const latencies: number[] = []
  for (let n = from; n < to; n++) {
    const asked = performance.now()
    await peer.apply(changeAt(n))
    latencies.push(performance.now() - asked)
  }
  return latencies
}
