/** The addresses that stream servers listen on. */
import type { ListenPlan } from '../net/listen-plan.ts'
import type { Port, PortTable } from '../modules/port-table.ts'
import type { PersistentMap } from '../core/persistent-map.ts'
import type { StreamTrait } from './listen.ts'
import type { PortGate } from './port-gate.ts'
import type { VirtualServer } from './virtual-server.ts'

export type StreamPort = Port<VirtualServer, PortGate, StreamTrait>
export type StreamPorts = PortTable<VirtualServer, PortGate, StreamTrait>

/** The sockets that the ports take; a gate takes connections and datagrams alike. */
export function plansOf({ listeners }: StreamPorts): PersistentMap<ListenPlan> {
  return listeners
}

export function hasTrait({ traits }: StreamPort, trait: StreamTrait): boolean {
  return (traits.get(trait) ?? 0) > 0
}
