/**
 * What a copilot is: a long-lived process beside the data plane, started by a `helper` line.
 *
 * ```ts
 * export const copilot = defineCopilot({
 *   version: 1,
 *   async run({ confFile, log, signal }) {
 *     log.write('notice', `reading ${confFile}`)
 *     await once(signal, 'abort')             // STOP aborts the signal
 *   },
 * })
 * ```
 *
 * `run` resolves when everything is closed and flushed. A copilot whose `run` throws, or ends before it
 * was told to, is started again.
 */
import type { BusClient } from '../bus/client.ts'
import type { Json } from '../bus/envelope.ts'
import type { RequestHandler, RequestOptions } from '../bus/request-reply.ts'
import type { KeyValues } from '../control/plane.ts'
import type { Log } from '../core/log.ts'
import type { DescriptorSource } from '../net/descriptor-source.ts'
import type { MasterLink } from './master-link.ts'

/** The one version of this contract. */
export const copilotVersion = 1

/**
 * RESTART means: begin anew, with the configuration file as it is now. `reopen` means that log files were
 * moved away: those of its own are to be opened anew. STOP comes by the signal.
 */
export type CopilotCommand = 'restart' | 'reopen'

export interface CopilotContext {
  /** The tag of its `helper` line. */
  readonly tag: string
  /** Absolute path of its configuration file; `undefined` when the line names none. */
  readonly confFile: string | undefined
  /** Folder of `-p`. */
  readonly prefix: string
  readonly clusterName: string
  readonly nodeName: string
  readonly log: Log
  /** Aborts on STOP. */
  readonly signal: AbortSignal
  /** RESTART is sent by HUP to the copilot's process. Ends when the signal aborts. */
  readonly commands: AsyncIterable<CopilotCommand>
  /** The event bus of the installation; connects when it is first asked for. */
  readonly bus: BusClient
  /**
   * Asks whoever serves the topic, by the bus. Fails with `TRIJET_BUS_TIMEOUT` when no reply comes, with
   * `TRIJET_BUS_REMOTE` when the other side's handler failed.
   */
  request(topic: string, body: Json, options?: RequestOptions): Promise<Json>
  /** Answers requests on the topics of a filter. */
  serve(filter: string, handler: RequestHandler): Promise<void>
  /** Key values that every process sees. */
  readonly kv: KeyValues
  /** The dynamic configuration: changes, history, following. */
  readonly master: MasterLink
  /** Listening sockets that the master keeps: a restart of the copilot loses no connection. */
  readonly sockets: DescriptorSource
}

export interface Copilot {
  /** Refused at configuration time if it is not 1. */
  readonly version: number
  /**
   * True: it lives on over reloads. Dropping its line from the configuration is then an error that leaves
   * the old configuration in force.
   */
  readonly ignoreReload?: boolean
  run(context: CopilotContext): Promise<void>
}

/** Declares a copilot; its file exports it as `copilot`. */
export function defineCopilot(copilot: Copilot): Copilot {
  return Object.freeze(copilot)
}
