/** What a snapshot listens on, over all subsystems, against what is open. */
import { PersistentMap } from '../core/persistent-map.ts'
import type { Snapshot } from '../core/snapshot.ts'
import type { Log } from '../core/log.ts'
import { formatAddress } from '../net/address.ts'
import type { DescriptorSource } from '../net/descriptor-source.ts'
import type { ListenPlan } from '../net/listen-plan.ts'
import { ListenerSet, type ListenTransport, type PreparedListeners } from '../net/listeners.ts'
import { ConfigurationError } from './configuration.ts'
import type { Listening, PreparedListening } from './runtime.ts'

/** What every subsystem's part has. */
export interface ListeningPart {
  readonly listeners: PersistentMap<ListenPlan>
}

export interface ListeningOptions {
  /** Names of the subsystems. */
  readonly contexts: readonly string[]
  readonly transport: ListenTransport
  readonly source: DescriptorSource
  readonly log: Log
}

export class SnapshotListeners implements Listening {
  readonly #sets: ReadonlyMap<string, ListenerSet>

  constructor({ contexts, transport, source, log }: ListeningOptions) {
    this.#sets = new Map(
      contexts.map((context) => [context, new ListenerSet(transport, source, log)]),
    )
  }

  async prepare(snapshot: Snapshot): Promise<PreparedListening> {
    const prepared: PreparedListeners[] = []
    const abort = (): void => prepared.forEach((one) => one.abort())
    const plans = plansOf(snapshot)
    checkShared([...plans.values()])
    try {
      for (const [context, set] of this.#sets) {
        const wanted = plans.get(context) ?? nothing
        prepared.push(await set.prepare(wanted))
      }
    } catch (error) {
      abort()
      throw error
    }
    return { commit: () => prepared.forEach((one) => one.commit()), abort }
  }

  /** Stops accepting; what was accepted lives on. */
  close(): void {
    for (const set of this.#sets.values()) set.close()
  }
}

const nothing = PersistentMap.empty<ListenPlan>()

/** Plans by subsystem. */
export function plansOf({ parts }: Snapshot): ReadonlyMap<string, PersistentMap<ListenPlan>> {
  return new Map([...parts].map(([name, part]) => [name, (part as ListeningPart).listeners]))
}

/** One address cannot serve two protocols. The smaller table is looked up in the other. */
function checkShared(plans: readonly PersistentMap<ListenPlan>[]): void {
  const [small, large] = plans.toSorted((a, b) => a.size - b.size)
  if (small === undefined || large === undefined) return
  for (const { key, address } of small.values()) {
    if (!large.has(key)) continue
    const message = `duplicate "${formatAddress(address)}" address and port pair`
    throw new ConfigurationError([{ severity: 'emerg', message, at: undefined }])
  }
}
