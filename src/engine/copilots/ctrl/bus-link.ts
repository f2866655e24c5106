/**
 * Control on the bus: shows every change there, as retained messages.
 *
 * ```text
 *   connect ─▶ subscribe ─▶ retained messages come in ─▶ quiet ─▶ unsubscribe, what is missing is published
 *      ▲                                                            then change by change
 *      └──────────────── connection lost: the broker may have forgotten, begin anew
 * ```
 *
 * It listens only while it compares: afterwards all it would hear are its own words.
 */
import { BusClient } from '../../bus/client.ts'
import type { ClientConf } from '../../bus/client-conf.ts'
import type { Message } from '../../bus/connection.ts'
import { BusView } from '../../control/bus-view.ts'
import type { Edit, Instructions } from '../../control/instruction.ts'
import type { Log } from '../../core/log.ts'

/** The broker has told all it retains when nothing came for so long. */
const quietMs = 200

export interface BusLinkOptions {
  readonly conf: ClientConf
  readonly clientId: string
  readonly log: Log
  readonly instructions: () => Instructions
  /** The bus is there again after it was away, possibly without what it retained. */
  readonly onReturn: () => void
}

export class BusLink {
  readonly client: BusClient
  readonly #log: Log
  readonly #onReturn: () => void
  readonly #view: BusView
  #quiet: NodeJS.Timeout | undefined
  #lost = false
  #comparing = false

  constructor({ conf, clientId, log, instructions, onReturn }: BusLinkOptions) {
    this.#onReturn = onReturn
    this.#log = log
    const { address, keepaliveSeconds, will } = conf
    this.client = new BusClient({
      address,
      clientId,
      log,
      keepaliveSeconds,
      ...(will !== undefined && { will }),
      onConnect: () => this.#begin(),
      onDisconnect: () => this.#beginAnew(),
    })
    this.#view = new BusView(this.client, instructions)
    this.#compare()
    this.#subscribe(conf.topics)
  }

  /** Shows a change that was made. */
  onChange(edits: readonly Edit[]): void {
    if (!this.client.connected) return
    this.#view.onCommit(edits).catch((error: Error) => this.#warn(error))
  }

  async close(): Promise<void> {
    clearTimeout(this.#quiet)
    await this.client.close()
  }

  #onMessage({ topic, payload, retain }: Message): void {
    if (!retain) return
    this.#view.onRetained(topic, payload.toString())
    if (this.#quiet !== undefined) this.#waitForQuiet()
  }

  #begin(): void {
    if (this.#lost) this.#onReturn()
    this.#waitForQuiet()
  }

  #compare(): void {
    if (this.#comparing) return
    this.#comparing = true
    this.#subscribe(BusView.filters)
  }

  #subscribe(filters: readonly string[]): void {
    const onMessage = (message: Message): void => this.#onMessage(message)
    this.client
      .subscribe(...filters.map((filter) => ({ filter, onMessage })))
      .catch((error: Error) => this.#warn(error))
  }

  #waitForQuiet(): void {
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined
      this.#onQuiet().catch((error: Error) => this.#warn(error))
    }, quietMs)
  }

  async #onQuiet(): Promise<void> {
    this.#comparing = false
    // All in one go: a connection that is lost meanwhile finds none of them, and begins anew with all.
    await Promise.all(BusView.filters.map((filter) => this.client.unsubscribe(filter)))
    await this.#view.complete()
  }

  #beginAnew(): void {
    clearTimeout(this.#quiet)
    this.#quiet = undefined
    this.#view.forget()
    this.#lost = true
    this.#compare()
  }

  #warn(error: Error): void {
    this.#log.write('error', `bus: ${error.message}`)
  }
}
