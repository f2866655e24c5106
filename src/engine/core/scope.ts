/**
 * A scope: the settings in force within one block.
 *
 * Scopes follow the blocks of the tree. A module's settings in a scope are one frozen record; where a
 * block sets nothing of a module, the record *is* the outer block's, the same object, so that "did my
 * surroundings change" is a comparison of references.
 *
 * ```text
 *   main ─▶ stream {proxy_timeout 10m} ─▶ server {proxy_timeout 1s}   conf(proxy) is a record of its own
 *                                      └▶ server {}                   conf(proxy) === the stream's
 * ```
 *
 * Merging is nginx's: a value that is not set here is the outer block's, and the row's default where no
 * block sets it. A directive with `inherited: false` starts from its default in every block.
 */
import { type Block, directives } from '../conf/block.ts'
import { BlockMemo } from '../conf/block-memo.ts'
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from './compile-session.ts'
import { FewEntries } from './few-entries.ts'
import { ModuleSet } from './module-set.ts'
import type { AnyModule, Context, Module, Row, ValueEnv } from './module.ts'
import type { VariableScope } from './variable-scope.ts'

const none: readonly Directive[] = Object.freeze([])

type Confs = FewEntries<AnyModule, object>

export class Scope {
  readonly context: Context
  readonly parent: Scope | undefined
  /** The simple directives of the block, in order. */
  readonly settings: readonly Directive[]
  /** Modules of which something is set here or in a block around; the settings of all others are their defaults. */
  readonly touched: ModuleSet
  /** Modules of which something is set in this very block. */
  readonly set: ModuleSet
  readonly #confs: Confs

  constructor(
    context: Context,
    parent: Scope | undefined,
    settings: readonly Directive[],
    confs: Confs,
  ) {
    this.context = context
    this.parent = parent
    this.settings = settings
    this.#confs = confs
    let touched = parent?.touched ?? ModuleSet.empty
    let set = ModuleSet.empty
    for (const module of confs.keys()) {
      touched = touched.with(module)
      set = set.with(module)
    }
    this.touched = touched
    this.set = set
  }

  /** The module's settings here. */
  conf<Conf extends object>(module: Module<Conf>): Conf {
    const known = this.#confs.get(module)
    if (known !== undefined) return known as Conf
    const outer = this.parent?.conf(module)
    const conf = inheritedConf(module, outer)
    // What is the outer block's need not be remembered here: there are many more inner blocks.
    if (conf !== outer) this.#confs.add(module, conf)
    return conf as Conf
  }

  /** The occurrences of one simple directive in this very block. */
  own(name: string): readonly Directive[] {
    // Nearly always there is none: asked without making a list.
    const first = this.settings.findIndex((node) => node.name === name)
    return first < 0 ? none : this.settings.slice(first).filter((node) => node.name === name)
  }
}

export interface ScopeOptions {
  readonly context: Context
  readonly parent: Scope | undefined
  readonly block: Block | undefined
  readonly session: CompileSession
  /** Where variables of the subsystem are looked up; absent in the main context. */
  readonly variables: VariableScope | undefined
  /** The scope of the block's last version; used again when its settings are the same. */
  readonly before?: Scope | undefined
}

/** Builds the scope of a block, or returns `before` when neither its settings nor its surroundings changed. */
export function createScope(options: ScopeOptions): Scope {
  const { context, parent, block, session, before } = options
  const settings = block === undefined ? [] : settingsOf(block)
  if (before !== undefined && before.parent === parent && sameList(before.settings, settings)) {
    return before
  }
  const confs: Confs = new FewEntries()
  for (const [module, nodes] of groupByModule(settings, context, session)) {
    confs.add(module, ownConf(module, nodes, options))
  }
  return new Scope(context, parent, settings, confs)
}

const simple: BlockMemo<Directive> = new BlockMemo((node) => (isSimple(node) ? [node] : none))

/** Simple directives of a block. */
export function settingsOf(block: Block): readonly Directive[] {
  return block.kind === 'leaf' && block.items.every(isSimple) ? block.items : simple.of(block)
}

function isSimple({ block }: Directive): boolean {
  return block === undefined
}

/** Block directives of a block, in order. */
export function blocksOf(block: Block | undefined): Iterable<Directive> {
  if (block === undefined) return none
  return block.kind === 'leaf' ? block.items.filter(isBlock) : blocksWithin(block)
}

function* blocksWithin(block: Block): Generator<Directive, void, undefined> {
  for (const node of directives(block)) if (isBlock(node)) yield node
}

function isBlock({ block }: Directive): boolean {
  return block !== undefined
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i])
}

function groupByModule(
  settings: readonly Directive[],
  context: Context,
  session: CompileSession,
): ReadonlyMap<AnyModule, readonly Directive[]> {
  const groups = new Map<AnyModule, Directive[]>()
  for (const node of settings) {
    // Unknown names were reported by the configuration check already.
    const entry = session.table.find(context, node.name)
    if (entry?.row === undefined) continue
    const group = groups.get(entry.module)
    if (group === undefined) groups.set(entry.module, [node])
    else group.push(node)
  }
  return groups
}

/** By the outer block's settings: inner blocks that set nothing share theirs. */
const inheritedMemo = new WeakMap<object, object>()

function inheritedConf(module: AnyModule, outer: object | undefined): object {
  const { defaults, own } = startOf(module)
  if (outer === undefined) return defaults
  if (own === undefined) return outer
  const known = inheritedMemo.get(outer)
  if (known !== undefined) return known
  const conf = holds(outer, own) ? outer : Object.freeze(startingConf(module, outer))
  inheritedMemo.set(outer, conf)
  return conf
}

/** True when all values of `part` stand in `whole` as they are. */
function holds(whole: object, part: object): boolean {
  return Object.entries(part).every(([name, value]) => Reflect.get(whole, name) === value)
}

function ownConf(module: AnyModule, nodes: readonly Directive[], options: ScopeOptions): object {
  const outer = options.parent?.conf(module) ?? startOf(module).defaults
  const conf = startingConf(module, outer)
  const [only] = nodes
  if (nodes.length === 1) {
    const row = module.directives[only!.name] as Row<unknown>
    const value = parseValue(row, only!, options)
    if (value !== failed) conf[only!.name] = row.merge === undefined ? value : row.merge([value])
    return Object.freeze(conf)
  }
  const occurrences = new Map<string, unknown[]>()
  for (const node of nodes) {
    const row = module.directives[node.name] as Row<unknown>
    const value = parseValue(row, node, options)
    if (value === failed) continue
    const list = occurrences.get(node.name)
    if (list === undefined) occurrences.set(node.name, [value])
    else list.push(value)
  }
  for (const [name, values] of occurrences) {
    const { merge } = module.directives[name] as Row<unknown>
    conf[name] = merge === undefined ? values.at(-1) : merge(values)
  }
  return Object.freeze(conf)
}

const failed = Symbol('failed')

function parseValue(row: Row<unknown>, node: Directive, options: ScopeOptions): unknown {
  const { session, variables, context } = options
  const env: ValueEnv = {
    node,
    context,
    prefixPath: (path) => session.prefixPath(path),
    confPath: (path) => session.confPath(path),
    complex: (text) => {
      if (variables === undefined) throw new ConfError('variables are not supported here')
      return variables.complex(text, node)
    },
    variables,
  }
  try {
    return row.value.parse(node.args, env)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    session.fail(error.message, node)
    return failed
  }
}

/** The outer block's values, with the defaults where a value does not go down. */
function startingConf(module: AnyModule, outer: object): Record<string, unknown> {
  return { ...outer, ...startOf(module).own }
}

/** What a module's settings begin with; worked out once, as every block of every server asks. */
interface Start {
  readonly defaults: object
  /** Defaults of what does not go down to inner blocks; `undefined` where everything does. */
  readonly own: object | undefined
}

const startMemo = new WeakMap<AnyModule, Start>()

function startOf(module: AnyModule): Start {
  const known = startMemo.get(module)
  if (known !== undefined) return known
  const rows = Object.entries(module.directives) as [string, Row<unknown>][]
  const own = rows.filter(([, row]) => row.inherited === false)
  const start = {
    defaults: defaultsOf(rows),
    own: own.length === 0 ? undefined : defaultsOf(own),
  }
  startMemo.set(module, start)
  return start
}

function defaultsOf(rows: readonly [string, Row<unknown>][]): object {
  return Object.freeze(Object.fromEntries(rows.map(([name, row]) => [name, row.default])))
}
