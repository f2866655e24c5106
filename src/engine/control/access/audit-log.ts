/**
 * `logs/audit.log`: one line of JSON for each change that was asked for, made or not, and for each caller
 * that was sent away. Lines are only ever appended, and nothing that is secret stands in them.
 *
 * ```text
 *   {"time":"2026-11-22T16:00:00.000Z","outcome":"done","actor":"token deploy (k3J…)","peer":"10.0.0.7",
 *    "action":"POST /api/v1/kv","status":200,"revision":12}
 * ```
 */
import { LogFiles } from '../../core/log.ts'
import type { Origin } from '../actor.ts'

/**
 * `done`, `refused` by the engine or for what was asked, `denied` to whoever asked, `failed` when nobody
 * knows.
 */
export type AuditOutcome = 'done' | 'refused' | 'denied' | 'failed'

export interface AuditEntry extends Origin {
  readonly outcome: AuditOutcome
  /** Method and path. */
  readonly action: string
  readonly query?: string
  readonly dryRun?: boolean
  readonly status: number
  /** Code and message of the reply. */
  readonly code?: number
  readonly msg?: string
  /** Of the history: there stands what was changed. */
  readonly revision?: number
}

export interface AuditLog {
  write(entry: AuditEntry): void
}

/** An audit that nobody reads, for tests of other things. */
export const silentAudit: AuditLog = { write: () => undefined }

export class FileAuditLog implements AuditLog {
  readonly #files = new LogFiles()
  readonly #path: string
  readonly #now: () => number

  /** `now` is in milliseconds since 1970. */
  constructor(path: string, now: () => number = Date.now) {
    this.#path = path
    this.#now = now
  }

  write(entry: AuditEntry): void {
    const time = new Date(this.#now()).toISOString()
    const line = JSON.stringify({ time, ...entry })
    this.#files.append({ kind: 'file', path: this.#path }, `${line}\n`)
  }

  reopen(): void {
    this.#files.reopen()
  }

  close(): void {
    this.#files.close()
  }
}
