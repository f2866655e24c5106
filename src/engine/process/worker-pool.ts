/**
 * The workers: one for each place from 0 up, brought into service by the transactions, replaced when they
 * die, added and taken away as the configuration says.
 */
import type { ProcessNote } from '../control/plane.ts'
import { Child, type ChildCommand } from './child.ts'
import { entryPath, workerFlags } from './entry.ts'
import { processLimits } from './limits.ts'
import type { ToChild } from './messages.ts'
import { Peer, type PeerServices } from './peer.ts'
import type { Outcome } from './transactions.ts'
import { workerEnvironment } from './worker-environment.ts'
import type { Settings } from './settings.ts'

export interface WorkerPoolOptions {
  readonly services: PeerServices
  readonly sharedMemory: string
  /** As last read; what a running worker cannot change takes effect with the next one. */
  readonly settings: () => Settings
  /** A worker could not begin. True: another is to try; false: the engine ends. */
  readonly onFailed: (outcome: Extract<Outcome, { kind: 'refused' }>) => boolean
  /** All are in service: what nobody borrows can be closed. */
  readonly onSettled: () => void
}

const title = 'worker process'

/** Whose sockets they borrow. */
export const workerFamily = 'worker'

export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #places: Child[] = []
  readonly #peers = new Map<Child, Peer>()
  readonly #serving = new Set<Child>()
  /** Told to stop, and not gone yet. */
  readonly #leaving = new Set<Child>()

  constructor(options: WorkerPoolOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#places.length
  }

  get settled(): boolean {
    return this.#places.length > 0 && this.#places.every((child) => this.#serving.has(child))
  }

  /** Log files of all workers. */
  get logs(): ReadonlySet<string> {
    return new Set([...this.#peers.values()].flatMap((peer) => [...peer.logs]))
  }

  /** Adds workers, or lets the last ones drain and end. Resolves when the new ones serve, or with why not. */
  async resize(count: number): Promise<readonly Outcome[]> {
    while (this.#places.length > count) this.#dismiss(this.#places.pop()!)
    const added: Promise<Outcome>[] = []
    while (this.#places.length < count) added.push(this.#add(this.#places.length))
    return Promise.all(added)
  }

  /** Ends all; nobody follows them. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    for (const child of this.#places.splice(0)) this.#leaving.add(child)
    await Promise.all([...this.#leaving].map((child) => child.stop(signal)))
  }

  send(message: ToChild): void {
    for (const child of [...this.#places, ...this.#leaving]) child.send(message)
  }

  notes(): readonly ProcessNote[] {
    return [...this.#places, ...this.#leaving].map((child) => ({
      title: child.title,
      pid: child.pid ?? 0,
      state: this.#serving.has(child)
        ? 'serving'
        : this.#leaving.has(child)
          ? 'stopping'
          : 'starting',
      restarts: child.restarts,
    }))
  }

  #add(slot: number): Promise<Outcome> {
    const first = Promise.withResolvers<Outcome>()
    const { log } = this.#options.services
    const child = new Child({
      title,
      log,
      killAfterMs: processLimits.workerKillAfterMs,
      command: (place) => this.#command(place, slot),
      onStart: (place) => void this.#join(place).then(first.resolve, first.reject),
      onMessage: (place, message) => this.#peers.get(place)?.onMessage(message),
      onExit: (place) => this.#onExit(place),
    })
    this.#places.push(child)
    child.start()
    return first.promise
  }

  #command(child: Child, slot: number): ChildCommand {
    const { services, sharedMemory, settings } = this.#options
    const identity = { slot, sharedMemory, workers: settings().worker_processes }
    const peer = new Peer({ child, identity, family: workerFamily, services })
    this.#peers.set(child, peer)
    return {
      file: process.execPath,
      args: [...workerFlags, entryPath('worker-process')],
      env: workerEnvironment(settings()),
      descriptors: [peer.inherited],
    }
  }

  async #join(child: Child): Promise<Outcome> {
    const peer = this.#peers.get(child)!
    peer.onStarted()
    const outcome = await this.#options.services.transactions.join(peer)
    if (this.#peers.get(child) !== peer) return outcome
    if (outcome.kind === 'refused') {
      if (this.#options.onFailed(outcome)) child.signal('SIGKILL')
      return outcome
    }
    this.#serving.add(child)
    if (this.settled) this.#options.onSettled()
    return outcome
  }

  #onExit(child: Child): void {
    this.#peers.get(child)?.onGone()
    this.#peers.delete(child)
    this.#serving.delete(child)
    this.#leaving.delete(child)
  }

  #dismiss(child: Child): void {
    const peer = this.#peers.get(child)
    if (peer !== undefined) this.#options.services.transactions.leave(peer)
    this.#serving.delete(child)
    this.#leaving.add(child)
    void child.stop('SIGQUIT').then(() => this.#leaving.delete(child))
  }
}
