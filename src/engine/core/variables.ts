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

/** A value, or `undefined` for nginx's "not found", which prints as an empty string (`-` in logs). */
export type VariableValue = string | undefined

/** Whatever variables are read from: a stream session or an HTTP request. */
export interface VariableHost {
  /** Reads a variable through the cache of this host. */
  get(slot: number): VariableValue
}

export interface VariableDefinition<Host extends VariableHost> {
  /** Reads the value; called at most once per host unless `volatile`. */
  readonly get: (host: Host, name: string) => VariableValue
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
  readonly #bySlot: (VariableDefinition<Host> | undefined)[] = []

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
  at(slot: number): VariableDefinition<Host> | undefined {
    return (this.#bySlot[slot] ??= this.find(this.names.name(slot)))
  }
}
