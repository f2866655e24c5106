/**
 * A peer whose virtual servers change while clients load it.
 */
import type { Owner } from '../../test/support/scope.ts'
import type { RunningPeer } from '../peers/peer.ts'

export interface Changeable {
  readonly peer: RunningPeer
  /** Processes of the data plane: they have a core of their own, all others go where the scheduler puts them. */
  serving(): number[]
  /** Where the clients' proxy listens; no change concerns it. */
  readonly port: number
  readonly backendPort: number
  /** How many adds in a row give a sample: a reload takes its time. */
  readonly addsPerSample: number
  /** Adds virtual server `number`; resolves when it is in force. */
  add(number: number): Promise<void>
  remove(number: number): Promise<void>
  /** Adds all servers of a range in whatever way is quickest; latencies of single adds, if any were made. */
  fill(from: number, to: number): Promise<readonly number[]>
}

export type StartChangeable = (owner: Owner) => Promise<Changeable>
