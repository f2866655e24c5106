/**
 * The listening descriptors of the engine. The master opens them and keeps them, so that a port stays open
 * whoever dies; children borrow them by key.
 *
 * ```text
 *   worker tcp 0.0.0.0:80        one socket, shared by all workers
 *   worker udp 0.0.0.0:53 #0     UDP and reuseport: one socket for each worker's place;
 *   worker udp 0.0.0.0:53 #1     whoever takes the place of a dead worker finds its queue
 *   ctrl   tcp 127.0.0.1:8081    a copilot's own
 * ```
 *
 * A descriptor that nobody borrows is closed, but not when its borrower died: its successor will ask for it
 * again. The workers are one family, so theirs are closed once all places are in service.
 */
import type { Log } from '../core/log.ts'
import { type ListenSpec, sameSocketOptions } from '../net/listen-plan.ts'
import {
  closeDescriptor,
  openListeningSocket,
  removeSocketFile,
  tuneListeningSocket,
} from '../net/listening-socket.ts'

/** Who borrows: all workers are one family, each copilot is one. */
export interface Borrower {
  readonly family: string
  readonly slot: number
}

interface Lent {
  readonly fd: number
  readonly spec: ListenSpec
  readonly family: string
  readonly borrowers: Set<Borrower>
  /** Its last borrower died: a successor is on its way. */
  awaited: boolean
}

/** What another master gave us, by text of `inheritanceText`. */
export interface Inherited {
  readonly key: string
  readonly fd: number
}

export class DescriptorRegistry {
  readonly #log: Log
  readonly #lent = new Map<string, Lent>()
  readonly #inherited: Map<string, number>

  constructor(log: Log, inherited: readonly Inherited[] = []) {
    this.#log = log
    this.#inherited = new Map(inherited.map(({ key, fd }) => [key, fd]))
  }

  /** Lends a socket, opening it if it is not open. Throws `ListenError`. */
  open(borrower: Borrower, spec: ListenSpec): number {
    const slot = isPerWorker(spec) ? borrower.slot : undefined
    const key = keyOf(borrower, spec.key, slot)
    const known = this.#lent.get(key)
    const fd = known === undefined ? this.#take(key, spec) : this.#reuse(known, spec)
    const borrowers = known !== undefined && known.fd === fd ? known.borrowers : new Set<Borrower>()
    borrowers.add(borrower)
    this.#lent.set(key, { fd, spec, family: borrower.family, borrowers, awaited: false })
    return fd
  }

  /** The borrower does without it. */
  release(borrower: Borrower, key: string): void {
    this.#lent.get(keyOf(borrower, key, undefined))?.borrowers.delete(borrower)
    this.#lent.get(keyOf(borrower, key, borrower.slot))?.borrowers.delete(borrower)
  }

  /** The borrower is gone. */
  releaseAll(borrower: Borrower): void {
    for (const lent of this.#lent.values()) {
      if (lent.borrowers.delete(borrower) && lent.borrowers.size === 0) lent.awaited = true
    }
  }

  /** Closes what nobody borrows and nobody will ask for: all of these families are in service, or gone. */
  sweep(settled: (family: string) => boolean): void {
    for (const [key, { fd, spec, family, borrowers, awaited }] of this.#lent) {
      if (borrowers.size > 0 || (awaited && !settled(family))) continue
      this.#lent.delete(key)
      closeDescriptor(fd)
      removeSocketFile(spec.address)
    }
  }

  /** Closes what a former master gave and nobody asked for. */
  closeInherited(): void {
    for (const fd of this.#inherited.values()) closeDescriptor(fd)
    this.#inherited.clear()
  }

  /** All that is open, for the next master. */
  inheritance(): readonly Inherited[] {
    return [...this.#lent].map(([key, { fd }]) => ({ key, fd }))
  }

  /** At the end. Socket files stay when another master goes on with them. */
  closeAll(unlink: boolean): void {
    for (const { fd, spec } of this.#lent.values()) {
      closeDescriptor(fd)
      if (unlink) removeSocketFile(spec.address)
    }
    this.#lent.clear()
  }

  #take(key: string, spec: ListenSpec): number {
    const inherited = this.#inherited.get(key)
    if (inherited === undefined) return openListeningSocket(spec, this.#log)
    this.#inherited.delete(key)
    tuneListeningSocket(inherited, spec, this.#log)
    return inherited
  }

  /** The open socket with its options set anew; another one where `bind` has settled them otherwise. */
  #reuse(known: Lent, spec: ListenSpec): number {
    if (sameSocketOptions(known.spec.options, spec.options)) {
      tuneListeningSocket(known.fd, spec, this.#log)
      return known.fd
    }
    const fd = openListeningSocket(spec, this.#log)
    closeDescriptor(known.fd)
    return fd
  }
}

function isPerWorker({ protocol, options }: ListenSpec): boolean {
  return protocol === 'udp' || options.reuseport === true
}

function keyOf({ family }: Borrower, key: string, slot: number | undefined): string {
  return slot === undefined ? `${family} ${key}` : `${family} ${key} #${slot}`
}
