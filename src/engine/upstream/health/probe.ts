/**
 * What an active check is: one question to one peer, and how often it is asked.
 *
 * A probe knows a protocol and what a good answer is. When it runs, how its outcomes add up and what
 * follows from them is the prober's.
 */
import type { Address } from '../../net/address.ts'

export interface ProbeTarget {
  /** Where the probe goes: the peer's address, or another port of it. */
  readonly address: Address
  /** Address of the peer as text. */
  readonly peer: string
  /** Of the group. */
  readonly upstream: string
}

/** What one probe keeps for one peer between its runs, such as a connection or a TLS session. */
export interface ProbeSession {
  /** Rejects with a `ProbeFailure` when the peer is not well; ends in any case when the signal comes. */
  run(signal: AbortSignal): Promise<void>
  close(): void
}

export interface Probe {
  open(target: ProbeTarget): ProbeSession
}

/** Why a peer is not well, in the words of the log: `connect() failed (111: Connection refused)`. */
export class ProbeFailure extends Error {
  constructor(text: string) {
    super(text)
    this.name = 'ProbeFailure'
  }
}

export type ProbeType = 'http' | 'grpc' | 'tcp' | 'udp' | 'mysql'

/** What is checked how often, and what follows from it. */
export interface ProbeSchedule {
  readonly type: ProbeType
  readonly intervalMs: number
  /** A delay by chance up to which is added to each interval. */
  readonly jitterMs: number
  readonly timeoutMs: number
  /** Checks in a row that bring an unhealthy peer back. */
  readonly passes: number
  /** Checks in a row that make a peer unhealthy. */
  readonly fails: number
  /** 0: the peer's own. */
  readonly port: number
  /** A peer that took a client within that time is not asked; 0: it always is. */
  readonly visitIntervalMs: number
}

export interface ProbeConfig extends ProbeSchedule {
  readonly probe: Probe
}

export interface HealthConfig {
  /** Peers that join get no clients before they were checked. */
  readonly mandatory: boolean
  readonly probes: readonly ProbeConfig[]
}
