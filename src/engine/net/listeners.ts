/**
 * The open listeners of a process, brought in line with what a snapshot wants.
 *
 * ```text
 *   plans ──prepare──▶ opens what is new (may fail: nothing has changed then)
 *                 ├──▶ commit   swaps ports, starts the new, closes what is gone (cannot fail)
 *                 └──▶ abort    closes what was opened
 * ```
 *
 * The cost follows the number of listeners that differ, found by comparing persistent maps. A listener
 * whose address stays is never closed: clients that wait in its queue do not notice the change.
 */
import type { Log } from '../core/log.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import type { DatagramListener } from './datagram.ts'
import type { DescriptorSource } from './descriptor-source.ts'
import { equalOptions, sameSocketOptions, type ListenPlan } from './listen-plan.ts'
import { closeDescriptor, shareAddress, tuneListeningSocket } from './listening-socket.ts'
import type { Listener, Transport } from './transport.ts'

/** What of a transport listeners need. */
export type ListenTransport = Pick<Transport, 'listen' | 'listenDatagrams'>

interface OpenStream {
  readonly protocol: 'tcp'
  readonly descriptor: number
  readonly listener: Listener
}

interface OpenDatagrams {
  readonly protocol: 'udp'
  readonly descriptor: number
  readonly listener: DatagramListener
}

type Open = OpenStream | OpenDatagrams

/** One step of a change, worked out by `prepare`. */
interface Step {
  readonly key: string
  readonly before: ListenPlan | undefined
  readonly after: ListenPlan | undefined
  /** Opened for `after`; undefined where the open socket serves on, or nothing is wanted. */
  descriptor: number | undefined
}

export interface PreparedListeners {
  commit(): void
  abort(): void
}

export class ListenerSet {
  readonly #transport: ListenTransport
  readonly #source: DescriptorSource
  readonly #log: Log
  readonly #open = new Map<string, Open>()
  #plans: PersistentMap<ListenPlan> = PersistentMap.empty()

  constructor(transport: ListenTransport, source: DescriptorSource, log: Log) {
    this.#transport = transport
    this.#source = source
    this.#log = log
  }

  get size(): number {
    return this.#open.size
  }

  /** The listener of a plan that was committed, for its real address when the port was 0. */
  get(key: string): Listener | DatagramListener | undefined {
    return this.#open.get(key)?.listener
  }

  /**
   * Opens what `plans` wants and is not open. Rejects with `ListenError`, having changed nothing. Only one
   * preparation runs at a time: the next begins after commit or abort.
   */
  async prepare(plans: PersistentMap<ListenPlan>): Promise<PreparedListeners> {
    const steps = plans
      .changesSince(this.#plans)
      .map((change): Step => ({ ...change, descriptor: undefined }))
    try {
      for (const step of steps) await this.#openFor(step)
    } catch (error) {
      this.#abort(steps)
      throw error
    }
    return {
      commit: () => this.#commit(steps, plans),
      abort: () => this.#abort(steps),
    }
  }

  /** For configurations without preparation: at start. */
  async apply(plans: PersistentMap<ListenPlan>): Promise<void> {
    const prepared = await this.prepare(plans)
    prepared.commit()
  }

  /** Stops accepting everywhere; connections live on. */
  close(): void {
    for (const { listener } of this.#open.values()) listener.close()
    for (const plan of this.#plans.values()) this.#source.release(plan)
    this.#open.clear()
    this.#plans = PersistentMap.empty()
  }

  async #openFor(step: Step): Promise<void> {
    const { key, before, after } = step
    if (after === undefined) return
    const open = this.#open.get(key)
    if (open !== undefined && before !== undefined) {
      if (sameSocketOptions(before.options, after.options)) return
      if (open.descriptor !== -1) shareAddress(open.descriptor)
    }
    step.descriptor = await this.#source.open(after)
  }

  #commit(steps: readonly Step[], plans: PersistentMap<ListenPlan>): void {
    for (const step of steps) {
      if (step.after === undefined) this.#close(step.key, step.before)
      else if (step.descriptor === undefined) this.#renew(step.key, step.before, step.after)
      else this.#start(step.key, step.after, step.descriptor)
    }
    this.#plans = plans
  }

  #abort(steps: readonly Step[]): void {
    for (const { before, after, descriptor } of steps) {
      if (descriptor === undefined || after === undefined) continue
      closeDescriptor(descriptor)
      if (before === undefined) this.#source.release(after)
    }
  }

  #close(key: string, plan: ListenPlan | undefined): void {
    this.#open.get(key)?.listener.close()
    this.#open.delete(key)
    if (plan !== undefined) this.#source.release(plan)
  }

  /** The socket stays; what it leads to is exchanged. */
  #renew(key: string, before: ListenPlan | undefined, after: ListenPlan): void {
    const open = this.#open.get(key)
    if (open === undefined) return
    if (open.protocol === 'tcp' && after.protocol === 'tcp') open.listener.acceptor = after.port
    if (open.protocol === 'udp' && after.protocol === 'udp') open.listener.port = after.port
    const same = before !== undefined && equalOptions(before.options, after.options)
    if (!same && open.descriptor !== -1) tuneListeningSocket(open.descriptor, after, this.#log)
  }

  /** Takes the new socket into use before an old one on the same address goes. */
  #start(key: string, plan: ListenPlan, descriptor: number): void {
    const old = this.#open.get(key)
    const open = this.#listen(plan, descriptor)
    open.listener.start()
    this.#open.set(key, open)
    old?.listener.close()
  }

  #listen(plan: ListenPlan, descriptor: number): Open {
    if (plan.protocol === 'tcp') {
      const listener = this.#transport.listen(descriptor, plan, plan.port)
      return { protocol: 'tcp', descriptor, listener }
    }
    const listener = this.#transport.listenDatagrams(descriptor, plan, plan.port)
    return { protocol: 'udp', descriptor, listener }
  }
}
