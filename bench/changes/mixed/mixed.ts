/**
 * Changes of seven kinds on one gateway, made by whatever way a peer offers.
 *
 * Change `n` is of kind `n % 7`; of each kind every other change takes back what the one before it has made,
 * so that the configuration stays as large as it is.
 */
import { freePorts } from '../../../test/support/ports.ts'
import type { Owner } from '../../../test/support/scope.ts'
import type { RunningPeer } from '../../peers/peer.ts'

export const kinds = [
  'location',
  'member',
  'map',
  'limit',
  'certificate',
  'header',
  'server',
] as const

export type Kind = (typeof kinds)[number]

export interface Change {
  readonly kind: Kind
  /** Counts the changes of this kind, by pairs. */
  readonly number: number
  /** False: takes back what the change before of this kind has made. */
  readonly made: boolean
}

export function changeAt(n: number): Change {
  const turn = Math.floor(n / kinds.length)
  const kind = kinds[n % kinds.length]!
  return { kind, number: Math.floor(turn / 2), made: turn % 2 === 0 }
}

/** Where everything listens. */
export interface MixedPorts {
  /** Clients and WebSockets. */
  readonly port: number
  readonly tlsPort: number
  readonly controlPort: number
  /** What clients are answered from. */
  readonly backendPort: number
  readonly socketPort: number
}

export async function freeMixedPorts(): Promise<MixedPorts> {
  const ports = (await freePorts(5)) as [number, number, number, number, number]
  const [port, tlsPort, controlPort, backendPort, socketPort] = ports
  return { port, tlsPort, controlPort, backendPort, socketPort }
}

export interface MixedPeer {
  readonly peer: RunningPeer
  /** Processes of the data plane. */
  serving(): number[]
  /** Resolves when the change is in force. */
  apply(change: Change): Promise<void>
}

/** `crowd`: so many groups and servers stand beside what changes. */
export type StartMixed = (owner: Owner, ports: MixedPorts, crowd?: number) => Promise<MixedPeer>
