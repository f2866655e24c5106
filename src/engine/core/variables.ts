/**
 * Variables: names known while compiling, slots while serving.
 *
 * Every name gets a slot number once, for the life of the process; a snapshot holds one definition per
 * slot. A `map` or a `set` that changes live replaces the definition in the next snapshot and leaves
 * whatever refers to the slot alone.
 *
 * ```text
 *  "$remote_addr:$server_port"  ──compile──▶  [slot 3, ":", slot 7]
 *  session.get(3) ──▶ values[3] cached?  ── no ──▶ table.definitions[3].get(session)
 * ```
 */

import type { ByteSink } from './byte-sink.ts'

/** A value, or `undefined` for nginx's "not found", which prints as an empty string (`-` in logs). */
export type VariableValue = string | undefined

/** Whatever variables are read from: a stream session or an HTTP request. */
export interface VariableHost {
  /** Reads a variable through the cache of this host. */
  get(slot: number): VariableValue
  /** Appends a variable to a sink, without making a text of it where that can be; false: not found. */
  append(slot: number, sink: ByteSink): boolean
}

/** Appends a value that was read as a text. */
export function appendValue(value: VariableValue, sink: ByteSink): boolean {
  if (value === undefined) return false
  sink.text(value)
  return true
}

export interface VariableDefinition<Host extends VariableHost> {
  /** Reads the value; called at most once per host unless `volatile`. */
  readonly get: (host: Host, name: string) => VariableValue
  /** Appends what `get` would give, for those that are bytes or numbers anyway; false: not found. */
  readonly append?: (host: Host, sink: ByteSink) => boolean
  /** Writes the value, where `set` may. */
  readonly set?: (host: Host, value: string) => void
  /** True: never cached. */
  readonly volatile?: boolean
  /** True: may be defined again by `set`, `map` and the like. */
  readonly changeable?: boolean
  readonly doc?: string
}

/** A family of names such as `$arg_x`, `$http_x`, `$kv_http_x`: longest prefix wins. */
export interface VariablePrefix<Host extends VariableHost> extends VariableDefinition<Host> {
  readonly prefix: string
}

/** What serving needs of a definition; all have one shape, so that reading them stays cheap. */
export interface ServedVariable<Host extends VariableHost> {
  readonly get: VariableDefinition<Host>['get']
  readonly append: VariableDefinition<Host>['append'] | undefined
  readonly set: VariableDefinition<Host>['set'] | undefined
  readonly volatile: boolean
}

function toServed<Host extends VariableHost>(
  definition: VariableDefinition<Host> | undefined,
): ServedVariable<Host> | undefined {
  if (definition === undefined) return undefined
  const { get, append, set, volatile = false } = definition
  return { get, append, set, volatile }
}

/** Gives each name its slot. One per subsystem and process; names are lower-cased, as in nginx. */
export class VariableNames {
  readonly #slots = new Map<string, number>()
  readonly #names: string[] = []

  slot(name: string): number {
    const key = name.toLowerCase()
    const known = this.#slots.get(key)
    if (known !== undefined) return known
    const slot = this.#names.length
    this.#slots.set(key, slot)
    this.#names.push(key)
    return slot
  }

  name(slot: number): string {
    return this.#names[slot]!
  }
}

/** Definitions of one snapshot. Never changed once a snapshot uses it; `extend` makes the next one. */
export class VariableTable<Host extends VariableHost> {
  readonly names: VariableNames
  readonly #byName: ReadonlyMap<string, VariableDefinition<Host>>
  readonly #prefixes: readonly VariablePrefix<Host>[]
  readonly #bySlot: (ServedVariable<Host> | undefined)[] = []

  constructor(
    names: VariableNames,
    definitions: ReadonlyMap<string, VariableDefinition<Host>>,
    prefixes: readonly VariablePrefix<Host>[],
  ) {
    this.names = names
    this.#byName = definitions
    this.#prefixes = [...prefixes].sort((a, b) => b.prefix.length - a.prefix.length)
  }

  extend(more: Iterable<readonly [string, VariableDefinition<Host>]>): VariableTable<Host> {
    const byName = new Map(this.#byName)
    for (const [name, definition] of more) byName.set(name.toLowerCase(), definition)
    return new VariableTable(this.names, byName, this.#prefixes)
  }

  /** By name, while compiling. */
  find(name: string): VariableDefinition<Host> | undefined {
    const key = name.toLowerCase()
    return this.#byName.get(key) ?? this.#prefixes.find(({ prefix }) => key.startsWith(prefix))
  }

  /** By slot, while serving; resolved on first use. */
  at(slot: number): ServedVariable<Host> | undefined {
    return (this.#bySlot[slot] ??= toServed(this.find(this.names.name(slot))))
  }
}
