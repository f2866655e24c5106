/**
 * Instructions: the dynamic part of the configuration, one key per thing that was changed.
 *
 * The state of an installation is its files plus a map of instructions. The key is the bus topic under
 * which the outside sees the instruction (reference §3); the body is the JSON that was sent. The tree is
 * the file tree with every instruction applied, in the order of the bus' default subscriptions, and
 * within one kind by age.
 *
 * ```text
 *   /ins/stream_srv/s_1234567      {"type":"add","addr_port":…}          a virtual server
 *   /ins/loc/l_2345678             {"type":"add","locations":[…],…}      a location of an HTTP server
 *   /ins/stream_ssl/l_7654321      {"listens":…,"cert_info":…}           a certificate of a server
 *   /dyn/config/http/gzip          {"place":…,"text":"gzip on;"}         what stands at a place
 * ```
 */
import type { PersistentMap } from '../core/persistent-map.ts'
import type { Block } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import type { KeyIndex } from './key-index.ts'
import type { ServerIndex } from './server-index.ts'

/** One key set to a body, or taken away. */
export interface Edit {
  readonly key: string
  /** JSON text, or `null` to take the instruction away. */
  readonly body: string | null
  /** What whoever asks saw there, `null` for nothing: the edit holds only while that is so. */
  readonly before?: string | null
}

/** The tree and what is known about it, as one instruction kind hands it to the next. */
export interface Applied {
  readonly tree: Directive
  readonly http: ServerIndex
  readonly stream: ServerIndex
}

/** What stood at a place before it was set, and the block around it as it was then. */
export interface Displaced {
  readonly block: Block
  readonly nodes: readonly Directive[]
}

/** What an instruction brings about. */
export interface Outcome extends Applied {
  readonly displaced?: PersistentMap<Displaced>
}

export interface Transition extends Applied {
  readonly key: string
  /** Body in force so far, and the one to come; at least one is set. */
  readonly before: unknown
  readonly after: unknown
  /** What the files alone say: where a kind finds what it must put back. */
  readonly base: Applied
  /** By key of the instruction that put something else in its place. */
  readonly displaced: PersistentMap<Displaced>
  /** Body of another instruction in force. */
  readonly bodyOf: (key: string) => unknown
  /** Places that are set, by those around them. */
  readonly places: KeyIndex
  /** Instructions of members in force, by group. */
  readonly members: KeyIndex
  /** Folder that messages name in front of `logs/…`. */
  readonly prefix: string
}

/** One kind of instruction. Pure: the same transition gives the same tree in every process. */
export interface InstructionKind {
  /** Start of its keys, with the closing slash: `/ins/stream_srv/`. */
  readonly topic: string
  /** Takes `before` out and puts `after` in; throws `Refusal` and leaves everything as it was. */
  apply(transition: Transition): Outcome
  /**
   * The row that its thing stands in, where it has a meaning which comes first; `undefined` where it has none.
   * Of one row, the younger stand behind the older.
   */
  rowOf?(body: unknown): string | undefined
  /** What names its thing in the message on the bus that tells of its end. */
  identify?(body: unknown): Readonly<Record<string, unknown>>
}

export interface Instruction {
  readonly key: string
  readonly body: string
}

export type Instructions = PersistentMap<string>
