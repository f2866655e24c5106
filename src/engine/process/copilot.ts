/**
 * What a copilot is: a long-lived process beside the data plane, started by a `helper` line.
 *
 * ```ts
 * import { defineCopilot } from 'trijet/copilot'
 *
 * export const copilot = defineCopilot({
 *   version: 1,
 *   async run({ confFile, log, signal }) {
 *     log.write('notice', `reading ${confFile}`)
 *     await until(signal)                     // STOP aborts the signal
 *   },
 * })
 * ```
 *
 * `run` resolves when everything is closed and flushed. A copilot whose `run` throws, or ends before it
 * was told to, is started again.
 */
import type { Log } from '../core/log.ts'
import type { MasterLink } from './master-link.ts'

/** The one version of this contract. */
export const copilotVersion = 1

/** RESTART means: begin anew, as after a reload. STOP comes by the signal. */
export type CopilotCommand = 'restart'

export interface CopilotContext {
  /** The tag of its `helper` line. */
  readonly tag: string
  /** Absolute path of its configuration file; `undefined` when the line names none. */
  readonly confFile: string | undefined
  /** Folder of `-p`. */
  readonly prefix: string
  readonly log: Log
  /** Aborts on STOP. */
  readonly signal: AbortSignal
  /** Ends when the signal aborts. */
  readonly commands: AsyncIterable<CopilotCommand>
  /** The dynamic configuration: changes, history, following. */
  readonly master: MasterLink
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
