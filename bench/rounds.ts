/**
 * Rounds over all peers, in an order that changes, so that a slow minute of the machine hits each the same.
 */
import type { PeerName } from './peers/peer.ts'
import type { Bench, Outcome, Sample, Scenario } from './scenario.ts'

/** Measures every peer once per round; a peer that fails is left out from then on. */
export async function inRounds(
  bench: Bench,
  scenario: Pick<Scenario, 'peers'>,
  measure: (peer: PeerName, round: number) => Promise<Sample>,
): Promise<Outcome> {
  const names = scenario.peers.filter((name) => bench.peers.includes(name))
  const samples = new Map<PeerName, Sample[]>()
  const failures = new Map<PeerName, string>()
  for (let round = 0; round < bench.rounds; round++) {
    for (const name of rotate(names, round)) {
      if (failures.has(name)) continue
      try {
        const sample = await measure(name, round)
        samples.set(name, [...(samples.get(name) ?? []), sample])
        bench.note(`round ${round + 1}/${bench.rounds} ${name}: ${describe(sample)}`)
      } catch (failure) {
        failures.set(name, failure instanceof Error ? failure.message : String(failure))
        bench.note(`${name} failed: ${failures.get(name)}`)
      }
    }
  }
  for (const name of failures.keys()) samples.delete(name)
  return { samples, failures }
}

function rotate<T>(list: readonly T[], by: number): readonly T[] {
  const start = list.length === 0 ? 0 : by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

function describe(sample: Sample): string {
  const figures = Object.entries(sample).map(
    ([key, value]) => `${key} ${Number(value.toPrecision(4))}`,
  )
  return figures.join(', ')
}
