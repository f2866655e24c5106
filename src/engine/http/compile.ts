/**
 * Compiles the http block: tree → part, at the price of what changed.
 *
 * ```text
 *   surroundings the same?  ── yes ──▶  diff of the block: servers gone, servers new
 *          │ no
 *          └────────────────────────▶  everything anew; what is live (connections, sockets) is kept
 * ```
 *
 * All tables of a part are persistent, so that the part before stays in force until the commit.
 */
import {
  type Block,
  type BlockDiff,
  diffBlocks,
  emptyBlock,
  endsWith,
  placeNumber,
} from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { blocksOf, createScope, type Scope, settingsOf } from '../core/scope.ts'
import type { SubsystemInput } from '../core/snapshot.ts'
import type { Stepwise } from '../conf/stepwise.ts'
import { changesRivals, losesDefinition } from '../core/variable-blocks.ts'
import { VariableScope } from '../core/variable-scope.ts'
import type { VariableHost, VariableTable } from '../core/variables.ts'
import { UpstreamCompiler } from '../modules/upstreams/upstream-compiler.ts'
import { declaredIn, usesOf } from './compile-server.ts'
import type { HttpEngine } from './engine.ts'
import type { HookTable } from './hook-table.ts'
import { defaultTypes, type MimeTypes, typesOf } from './mime-types.ts'
import type { AnyHttpModule, VariableBlock } from './module.ts'
import { httpCore } from './modules/core.ts'
import type { HttpPart } from './part.ts'
import type { HttpServer } from './server.ts'
import { compiledServer, ServerSet } from './server-set.ts'

export interface HttpCompileInput extends SubsystemInput<HttpPart> {
  readonly engine: HttpEngine
  readonly modules: readonly AnyHttpModule[]
  readonly hooks: HookTable
  /** Blocks that define variables, by their names. */
  readonly definers: ReadonlyMap<string, VariableBlock>
  /** Definitions of the modules. */
  readonly variables: VariableTable<VariableHost>
}

/** What is to be compiled, and into what. */
interface Plan {
  readonly scope: Scope
  readonly variables: VariableScope
  readonly types: MimeTypes
  readonly servers: ServerSet
  readonly upstreams: UpstreamCompiler
  /** Blocks to compile, in order. */
  readonly added: readonly Directive[]
  /** Which of them are what a server of the part before has become. */
  readonly successors: Successors
}

export function* compileHttp(input: HttpCompileInput): Stepwise<HttpPart> {
  const { before, node, session } = input
  const block = node.block ?? emptyBlock
  const diff = diffBlocks(before?.node.block ?? emptyBlock, block)
  const plan =
    before !== undefined && canContinue(input, before, diff)
      ? continued(input, before, diff)
      : anew(input, block)
  yield* compileBlocks(input, plan)
  if (before !== undefined) reorderAdded(plan, block, diff.added)
  plan.servers.finish(block, plan.scope)
  const part: HttpPart = Object.freeze({
    node,
    scope: plan.scope,
    modules: session.table,
    variables: plan.variables.finish(),
    ports: plan.servers.ports,
    types: plan.types,
    upstreams: plan.upstreams.finish(),
    declared: plan.servers.declared,
    compiled: plan.servers.compiled,
    listeners: plan.servers.ports.listeners as HttpPart['listeners'],
  })
  session.onCommit(() => takeIntoUse(part, input))
  return part
}

function takeIntoUse(part: HttpPart, { session, engine, modules }: HttpCompileInput): void {
  engine.serve(part)
  if (session.dryRun) return
  for (const module of modules) {
    module.http.onServing?.(part.scope.conf(module), engine.services)
  }
}

/** True when the part before can be built upon: nothing around its servers has changed or gone missing. */
function canContinue(
  { main, node, session }: HttpCompileInput,
  before: HttpPart,
  diff: BlockDiff,
): boolean {
  const settings = settingsOf(node.block ?? emptyBlock)
  return (
    before.modules === session.table &&
    before.scope.parent === main &&
    before.scope.settings.length === settings.length &&
    settings.every((setting, i) => setting === before.scope.settings[i]) &&
    !touchesTypes(diff) &&
    !losesDefinition(diff) &&
    !changesRivals(before.node.block, node.block) &&
    !losesDeclared(before, diff) &&
    !before.upstreams.losesUsed(diff, session.edits)
  )
}

function touchesTypes({ removed, added }: BlockDiff): boolean {
  return removed.some(isTypes) || added.some(isTypes)
}

function isTypes({ name, block }: Directive): boolean {
  return name === 'types' && block !== undefined
}

/** True when the last server goes that declares a variable which others may read, and none comes that does. */
function losesDeclared(before: HttpPart, { removed, added }: BlockDiff): boolean {
  const gone = removed
    .flatMap((node) => compiledServer(before.scope, node)?.declared ?? [])
    .filter((name) => (before.declared.get(name) ?? 0) <= 1)
  if (gone.length === 0) return false
  const come = new Set(added.filter(({ name }) => name === 'server').flatMap(declaredIn))
  return gone.some((name) => !come.has(name))
}

function continued(input: HttpCompileInput, before: HttpPart, diff: BlockDiff): Plan {
  const { session, engine } = input
  const variables = new VariableScope(session, before.variables as VariableTable<VariableHost>)
  const servers = new ServerSet(engine, session, before, true)
  const { scope, types } = before
  const upstreams = upstreamCompiler(input, { scope, variables, keep: true })
  const successors = successorsOf(scope, diff)
  const staying = new Set(successors.values())
  for (const node of diff.removed) {
    const server = compiledServer(before.scope, node)
    if (server !== undefined) {
      if (staying.has(server)) continue
      servers.remove(server)
      upstreams.release(usesOf(server))
    } else if (node.name === 'upstream') upstreams.remove(node)
  }
  return { scope, types, variables, servers, upstreams, added: diff.added, successors }
}

/** Servers of the part before, by the block that took the place of theirs. */
type Successors = ReadonlyMap<Directive, HttpServer>

/** Servers of which something changed, but not how they are found. */
function successorsOf(scope: Scope, { removed, added }: BlockDiff): Successors {
  const byPlace = new Map(removed.map((node) => [placeNumber(node), node]))
  const successors = new Map<Directive, HttpServer>()
  for (const node of added) {
    const place = placeNumber(node)
    const before = place === undefined ? undefined : byPlace.get(place)
    const server = before && compiledServer(scope, before)
    if (server !== undefined && isFoundAs(node, before!)) successors.set(node, server)
  }
  return successors
}

/** True when the very same directives say where the servers listen and what they are called. */
function isFoundAs(node: Directive, before: Directive): boolean {
  const after = frontOf(node)
  const known = frontOf(before)
  return after.length === known.length && after.every((setting, i) => setting === known[i])
}

function frontOf({ block }: Directive): readonly Directive[] {
  const settings = settingsOf(block ?? emptyBlock)
  return settings.filter(({ name }) => name === 'listen' || name === 'server_name')
}

function anew(input: HttpCompileInput, block: Block): Plan {
  const { session, engine, main, before } = input
  const variables = new VariableScope(session, input.variables)
  const scope = createScope({ context: 'http', parent: main, block, session, variables })
  for (const { http } of input.modules) http.check?.(scope, session)
  const servers = new ServerSet(engine, session, before, false)
  const types = typesOf(block, defaultTypes, session)
  const upstreams = upstreamCompiler(input, { scope, variables, keep: false })
  const added = [...blocksOf(block)]
  return { scope, types, variables, servers, upstreams, added, successors: new Map() }
}

function upstreamCompiler(
  { session, engine, before }: HttpCompileInput,
  at: { readonly scope: Scope; readonly variables: VariableScope; readonly keep: boolean },
): UpstreamCompiler {
  const { resolver, resolver_timeout: timeoutMs } = at.scope.conf(httpCore)
  const { variables, keep } = at
  const { services, resolvers } = engine
  const outer = { resolver, timeoutMs }
  const context = 'http.upstream' as const
  const options = { context, session, variables, services, resolvers, outer }
  return new UpstreamCompiler(options, before?.upstreams, keep)
}

/** Variables and groups first: servers may stand above what they use. */
function* compileBlocks(input: HttpCompileInput, plan: Plan): Stepwise<void> {
  const { scope, types, variables, servers, upstreams, added, successors } = plan
  const { session, definers, hooks, engine } = input
  for (const node of added) if (node.name === 'match') upstreams.defineMatch(node)
  for (const node of added) {
    if (node.name === 'upstream') upstreams.define(node)
    else definers.get(node.name)?.(node, { session, variables })
    yield
  }
  for (const node of added) {
    if (node.name !== 'server' || node.block === undefined) continue
    const { services } = engine
    const server = { node, parent: scope, types, session, variables, hooks, services, upstreams }
    const before = successors.get(node)
    if (before === undefined) yield* servers.add(server)
    else upstreams.release(yield* servers.exchange(before, server))
    yield
  }
}

/** Servers that were put behind all others need no second look, nor do those that kept their places. */
function reorderAdded(
  { servers, scope, successors }: Plan,
  block: Block,
  added: readonly Directive[],
): void {
  if (endsWith(block, added)) return
  for (const node of added) {
    if (successors.has(node)) continue
    const server = compiledServer(scope, node)
    if (server !== undefined) servers.reorder(server)
  }
}
