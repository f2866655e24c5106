/**
 * Control on the bus: shows every change there, as retained messages.
 *
 * ```text
 *   connect ─▶ subscribe ─▶ retained messages come in ─▶ quiet ─▶ what is missing is published
 *      ▲                                                            then change by change
 *      └──────────────── connection lost: the broker may have forgotten, begin anew
 * ```
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
}

export class BusLink {
  readonly client: BusClient
  readonly #instructions: () => Instructions
  readonly #log: Log
  #view: BusView
  #quiet: NodeJS.Timeout | undefined

  constructor({ conf, clientId, log, instructions }: BusLinkOptions) {
    this.#instructions = instructions
    this.#log = log
    const { address, keepaliveSeconds, will } = conf
    this.client = new BusClient({
      address,
      clientId,
      log,
      keepaliveSeconds,
      ...(will !== undefined && { will }),
      onConnect: () => this.#waitForQuiet(),
      onDisconnect: () => this.#beginAnew(),
    })
    this.#view = new BusView(this.client, instructions)
    const filters = [...BusView.filters, ...conf.topics]
    const onMessage = (message: Message): void => this.#onMessage(message)
    this.client
      .subscribe(...filters.map((filter) => ({ filter, onMessage })))
      .catch((error: Error) => log.write('error', `bus: ${error.message}`))
  }

  /** Shows a committed change. */
  onCommit(edits: readonly Edit[]): void {
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

  #waitForQuiet(): void {
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => {
      this.#quiet = undefined
      this.#view.complete().catch((error: Error) => this.#warn(error))
    }, quietMs)
  }

  #beginAnew(): void {
    clearTimeout(this.#quiet)
    this.#quiet = undefined
    this.#view = new BusView(this.client, this.#instructions)
  }

  #warn(error: Error): void {
    this.#log.write('error', `bus: ${error.message}`)
  }
}
