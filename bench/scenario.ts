/**
 * What a scenario is: the peers it compares, the figures it gives for each, and how they are had.
 */
import type { Owner } from '../test/support/scope.ts'
import type { PeerName, StartPeer } from './peers/peer.ts'

export type Target = { readonly atMost: number } | { readonly atLeast: number }

export interface Metric {
  readonly key: string
  /** Column title with the unit: `CPU µs/request`. */
  readonly label: string
  readonly digits: number
  /** What the engine promises, as a ratio to nginx in the same run. */
  readonly target?: Target
  /** What the engine promises of the figure itself. */
  readonly bound?: Target
}

/** Figures of one peer in one round, by key of the metric. */
export type Sample = Readonly<Record<string, number>>

export interface BenchOptions {
  readonly peers: readonly PeerName[]
  readonly rounds: number
  readonly warmUpMs: number
  readonly windowMs: number
  /** Virtual servers that the cost of a change is measured with. */
  readonly servers: number
  /** Changes that are made under load. */
  readonly changes: number
}

export interface Bench extends BenchOptions {
  readonly owner: Owner
  readonly starters: Readonly<Record<PeerName, StartPeer>>
  /** Says what is going on. */
  note(text: string): void
}

export interface Outcome {
  readonly samples: ReadonlyMap<PeerName, readonly Sample[]>
  /** Peers that gave no figures, and why. */
  readonly failures: ReadonlyMap<PeerName, string>
}

export interface Scenario {
  readonly name: string
  /** One sentence: what is measured, with its numbers. */
  readonly title: string
  readonly peers: readonly PeerName[]
  readonly metrics: readonly Metric[]
  run(bench: Bench): Promise<Outcome>
}
