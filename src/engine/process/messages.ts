/**
 * What the master and its children say to each other over Node's IPC channel, as JSON.
 *
 * A worker begins as a stranger, is given the state, and from then on takes part in every change:
 *
 * ```text
 *   master                    worker                  a change
 *     │ ── init ────────────────▶ │ compiles            ctrl ── request change ──▶ master
 *     │ ◀──────────────── ready ── │  (or failed)       master ── prepare ──▶ each ── prepared | refused
 *     │ ── prepare, commit ──────▶ │ catches up         journal, then
 *     │ ── serve ───────────────▶ │ opens its ports     master ── commit ───▶ each ── committed
 *     │ ◀─ listen ── listening ──▶ │                     (one refused: abort to each)
 *     │ ◀────────────── serving ── │                     master ── changed, answer ──▶ ctrl
 * ```
 *
 * A copilot that follows asks for it with `follow`. It is given the state by `init` as well, again after
 * each reload; `changed` tells it what was edited, and `serve` that it has heard of everything.
 *
 * What one turn of the event loop has to say to one child is one message on the channel, a list: waking a
 * process costs more than a message does.
 *
 * Stopping travels as a signal, as in nginx. Opening logs anew does not: until a child has set its handler,
 * Node would open a debugger's port for SIGUSR1.
 */
import type { Diagnostic } from '../conf/diagnostics.ts'
import type { Actor } from '../control/actor.ts'
import type { Edit, Instruction } from '../control/instruction.ts'
import type { HistoryEntry, ProcessNote } from '../control/plane.ts'
import type { Reply } from '../control/refusal.ts'
import type { ListenSpec } from '../net/listen-plan.ts'

/** A configuration as text: whoever has it makes the same tree of it. */
export interface ConfigurationFiles {
  /** Path of the main file. */
  readonly entry: string
  /** Folder of `-p`. */
  readonly prefix: string
  /** Text of `-g`, read before the main file. */
  readonly globals: string
  /** Every file that was read, by path. */
  readonly texts: Readonly<Record<string, string>>
}

/** All a child needs to make the tree of that revision. */
export interface State {
  readonly files: ConfigurationFiles
  /** By age, the oldest first. */
  readonly instructions: readonly Instruction[]
  readonly revision: number
}

/** One step from a state to the next: new files, edits of instructions, or both. */
export interface Change {
  readonly files?: ConfigurationFiles
  readonly edits: readonly Edit[]
}

/** An instruction that stays in the journal but is not in force. */
export interface LeftOutNote {
  readonly key: string
  readonly reason: string
}

/** Why a socket could not be opened. */
export interface ListenFailure {
  /** `bind() to 0.0.0.0:80 failed (98: Address already in use)` */
  readonly message: string
  /** `EADDRINUSE` */
  readonly code: string
  readonly syscall: string
  readonly port: number | undefined
}

/** Why a child says no. */
export interface Refused {
  /** What the dynamic API answers. */
  readonly reply: Reply
  /** For the error log and the configuration test; empty when the reply says it all. */
  readonly diagnostics: readonly Diagnostic[]
}

/** What a child is, told once at its start. */
export interface ChildIdentity {
  /** Place among the workers, from 0; a restarted worker takes the place of its predecessor. */
  readonly slot: number
  /** Name of the engine's shared memory. */
  readonly sharedMemory: string
  readonly workers: number
}

export type ToChild =
  | { readonly kind: 'init'; readonly state: State; readonly identity: ChildIdentity }
  | { readonly kind: 'serve' }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'prepare'; readonly transaction: number; readonly change: Change }
  | { readonly kind: 'commit'; readonly transaction: number; readonly revision: number }
  | { readonly kind: 'changed'; readonly edits: readonly Edit[]; readonly revision: number }
  | { readonly kind: 'abort'; readonly transaction: number }
  | {
      /** Without a failure, the descriptor travels beside, labelled with the request's number. */
      readonly kind: 'listening'
      readonly request: number
      readonly failure: ListenFailure | undefined
    }
  | { readonly kind: 'answer'; readonly request: number; readonly answer: Answer }

export type FromChild =
  | { readonly kind: 'ready'; readonly leftOut: readonly LeftOutNote[] }
  | { readonly kind: 'failed'; readonly refused: Refused }
  | { readonly kind: 'serving'; readonly logs: readonly string[] }
  | {
      readonly kind: 'prepared'
      readonly transaction: number
      readonly leftOut: readonly LeftOutNote[]
    }
  | { readonly kind: 'refused'; readonly transaction: number; readonly refused: Refused }
  | { readonly kind: 'committed'; readonly transaction: number }
  | { readonly kind: 'listen'; readonly request: number; readonly spec: ListenSpec }
  | { readonly kind: 'release'; readonly key: string }
  /** It was told to end, and begins to write what would otherwise be lost. */
  | { readonly kind: 'finishing' }
  | { readonly kind: 'follow' }
  | { readonly kind: 'request'; readonly request: number; readonly ask: Ask }

/** What a child may ask of the master. */
export type Ask =
  | {
      readonly kind: 'change'
      /** Stale unless that is the last revision when its turn has come. */
      readonly onRevision?: number
      readonly action: string
      readonly actor: Actor
      readonly edits: readonly Edit[]
      readonly dryRun: boolean
    }
  | {
      readonly kind: 'rollback'
      readonly actor: Actor
      readonly to: number
      readonly dryRun: boolean
    }
  | { readonly kind: 'history'; readonly before: number; readonly limit: number }
  | { readonly kind: 'instructions' }
  /** `null`: as many as the files say. */
  | { readonly kind: 'workers'; readonly count: number | null }
  | { readonly kind: 'processes' }
  /** Files that the asker may not read. */
  | { readonly kind: 'files'; readonly paths: readonly string[] }

export type Answer =
  | { readonly kind: 'done'; readonly revision: number }
  | { readonly kind: 'refused'; readonly refused: Refused }
  | {
      readonly kind: 'history'
      readonly revision: number
      readonly entries: readonly HistoryEntry[]
    }
  | {
      readonly kind: 'instructions'
      readonly revision: number
      readonly instructions: readonly Instruction[]
    }
  | { readonly kind: 'processes'; readonly processes: readonly ProcessNote[] }
  | { readonly kind: 'files'; readonly texts: Readonly<Record<string, string>> }
