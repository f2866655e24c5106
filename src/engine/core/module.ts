/**
 * What a module is: one constant that declares directives as table rows.
 *
 * The row is the only source for parsing, messages of the configuration test, the JSON schema of the API,
 * completion and the reference page. A module states the shape of its settings as an interface, keyed by
 * directive name, and one row for each key; neither can be forgotten without a type error.
 *
 * ```ts
 * export interface ReturnConf { readonly return: ComplexValue | undefined }
 * export const streamReturn: Module<ReturnConf> = defineModule<ReturnConf>({
 *   id: 'stream.return',
 *   directives: {
 *     return: {
 *       contexts: ['stream.server'], args: [1, 1], syntax: 'return value',
 *       value: complexValue, default: undefined, doc: 'Sends the value and closes the connection.',
 *     },
 *   },
 * })
 * ```
 */
import type { Directive } from '../conf/tree.ts'
import type { ComplexValue } from './complex-value.ts'
import type { Secret } from './secret.ts'
import type { VariableScope } from './variable-scope.ts'
import type { VariableDefinition } from './variables.ts'

/** Where a directive may stand. A block directive opens one of these contexts. */
export type Context =
  | 'main'
  | 'events'
  | 'http'
  | 'http.upstream'
  | 'http.server'
  | 'http.server.if'
  | 'http.location'
  | 'http.location.if'
  | 'http.limit_except'
  | 'stream'
  | 'stream.upstream'
  | 'stream.server'

/** Fewest and most arguments; `Infinity` for "one or more" lists. */
export type Arity = readonly [min: number, max: number]

/** What a value may ask of its surroundings while it is parsed. */
export interface ValueEnv {
  readonly node: Directive
  readonly context: Context
  /** Absolute path, relative ones taken from the prefix (`-p`), as nginx does for logs and roots. */
  prefixPath(path: string): string
  /** Absolute path, relative ones taken from the folder of the main configuration file. */
  confPath(path: string): string
  /** Compiles a text with variables; an unknown variable becomes a diagnostic of the configuration. */
  complex(text: string): ComplexValue
  /** The subsystem's variables, for directives that read or define one by name; absent in `main`. */
  readonly variables: VariableScope | undefined
}

/** How the arguments of one directive become a value. */
export interface ValueType<T> {
  /** For the reference page and the JSON schema: `time`, `size`, `on | off`, … */
  readonly describe: string
  /** Throws `ConfError` in nginx's words without the place. */
  parse(args: readonly string[], env: ValueEnv): T
}

export interface Row<T> {
  readonly contexts: readonly Context[]
  readonly args: Arity
  /** As the reference page prints it: `proxy_timeout time`. */
  readonly syntax: string
  readonly value: ValueType<T>
  /** Value where neither this block nor an outer one sets it. */
  readonly default: T
  /** May stand more than once in a block; `merge` then folds the occurrences, in order. */
  readonly merge?: (values: readonly T[]) => T
  /** False: the value of an outer block does not hold in the blocks within it. */
  readonly inherited?: boolean
  /** What of it admins alone are shown: every directive that takes a key or a password by value says it. */
  readonly secret?: Secret
  readonly doc: string
}

/** A directive that opens a block. Its children are checked in `opens`, or, with `free`, by its owner alone. */
export interface BlockRow {
  readonly contexts: readonly Context[]
  readonly args: Arity
  readonly syntax: string
  readonly opens: Context | 'free'
  /** What it opens instead in some of its contexts. */
  readonly opensIn?: Readonly<Partial<Record<Context, Context>>>
  /** False: only one such block may stand in its context (`events`, `http`, `stream`). */
  readonly repeated: boolean
  readonly doc: string
}

export interface ModuleDefinition<Conf extends object> {
  /** Dotted id used in configuration, logs, metrics and docs: `stream.proxy`. */
  readonly id: string
  readonly directives: { readonly [Name in keyof Conf]-?: Row<Conf[Name]> }
  readonly blocks?: Readonly<Record<string, BlockRow>>
  /** Variables this module gives to its subsystem. */
  readonly variables?: Readonly<Record<string, VariableDefinition<never>>>
  /** Names under which `load_module` finds it, without folder, `njt_`/`ngx_` prefix and `.so`. */
  readonly loadNames?: readonly string[]
  /** True: its directives exist only after `load_module`. */
  readonly mustBeLoaded?: boolean
}

export interface Module<Conf extends object> extends ModuleDefinition<Conf> {
  readonly kind: 'module'
}

/** A module whose settings' shape does not matter to the holder. */
// oxlint-disable-next-line typescript/no-explicit-any -- settings stand in both directions of its hooks
export type AnyModule = Module<any>

/** Declares a module; done once, when its file is imported. */
export function defineModule<Conf extends object>(
  definition: ModuleDefinition<Conf>,
): Module<Conf> {
  return Object.freeze({ kind: 'module', ...definition })
}
