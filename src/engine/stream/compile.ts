/**
 * Compiles the stream block: tree → part, at the price of what changed.
 *
 * ```text
 *   surroundings the same?  ── yes ──▶  diff of the block: servers gone, servers new, groups re-pointed
 *          │ no
 *          └────────────────────────▶  everything anew; what is live (sessions, groups, sockets) is kept
 * ```
 *
 * All tables of a part are persistent, so that the part before stays in force until the commit.
 */
import { type Block, type BlockDiff, diffBlocks, emptyBlock, endsWith } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { blocksOf, createScope, type Scope, settingsOf } from '../core/scope.ts'
import type { SubsystemInput } from '../core/snapshot.ts'
import type { Stepwise } from '../conf/stepwise.ts'
import { changesRivals, losesDefinition } from '../core/variable-blocks.ts'
import { VariableScope } from '../core/variable-scope.ts'
import type { VariableHost, VariableTable } from '../core/variables.ts'
import type { StreamEngine } from './engine.ts'
import type { AnyStreamModule } from './module.ts'
import { streamCore } from './modules/core.ts'
import type { StreamPart } from './part.ts'
import { plansOf } from './ports.ts'
import { compiledServer, ServerSet } from './server-set.ts'
import { UpstreamCompiler } from '../modules/upstreams/upstream-compiler.ts'
import { defineVariables, variableBlocksOf } from './variable-blocks.ts'

export interface StreamCompileInput extends SubsystemInput<StreamPart> {
  readonly engine: StreamEngine
  readonly modules: readonly AnyStreamModule[]
  /** Definitions of the modules. */
  readonly variables: VariableTable<VariableHost>
}

/** What is to be compiled, and into what. */
interface Plan {
  readonly scope: Scope
  readonly variables: VariableScope
  readonly upstreams: UpstreamCompiler
  readonly servers: ServerSet
  /** Blocks to compile, in order. */
  readonly added: Iterable<Directive>
}

export function* compileStream(input: StreamCompileInput): Stepwise<StreamPart> {
  const { before, node, session, engine } = input
  const block = node.block ?? emptyBlock
  const diff = diffBlocks(before?.node.block ?? emptyBlock, block)
  const plan =
    before !== undefined && canContinue(input, before, diff)
      ? continued(input, before, diff)
      : anew(input, block)
  orphanRemoved(plan.servers, before, diff)
  yield* compileBlocks(input, plan)
  if (before !== undefined && !endsWith(block, diff.added)) reorderAdded(plan, diff)
  plan.servers.finish(block, plan.scope)
  const part: StreamPart = Object.freeze({
    node,
    scope: plan.scope,
    modules: session.table,
    variables: plan.variables.finish(),
    table: plan.servers.ports,
    upstreams: plan.upstreams.finish(),
    declared: plan.servers.declared,
    compiled: plan.servers.compiled,
    listeners: plansOf(plan.servers.ports),
  })
  session.onCommit(() => {
    engine.part = part
  })
  return part
}

/** True when the part before can be built upon: nothing around its servers has changed or gone missing. */
function canContinue(
  { main, node, session }: StreamCompileInput,
  before: StreamPart,
  diff: BlockDiff,
): boolean {
  const settings = settingsOf(node.block ?? emptyBlock)
  return (
    before.modules === session.table &&
    before.scope.parent === main &&
    before.scope.settings.length === settings.length &&
    settings.every((setting, i) => setting === before.scope.settings[i]) &&
    !losesDefinition(diff) &&
    !changesRivals(before.node.block, node.block) &&
    !losesDeclared(before, diff) &&
    !before.upstreams.losesUsed(diff, session.edits)
  )
}

function losesDeclared(before: StreamPart, { removed, added }: BlockDiff): boolean {
  for (const node of removed) {
    const server = compiledServer(before.scope, node)
    for (const name of server?.declared ?? []) {
      const again = added.some(({ block }) =>
        settingsOf(block ?? emptyBlock).some((set) => set.name === 'set' && set.args[0] === name),
      )
      if ((before.declared.get(name) ?? 0) <= 1 && !again) return true
    }
  }
  return false
}

function continued(input: StreamCompileInput, before: StreamPart, diff: BlockDiff): Plan {
  const { session, engine } = input
  const variables = new VariableScope(session, before.variables as VariableTable<VariableHost>)
  const upstreams = upstreamCompiler(input, { scope: before.scope, variables, keep: true })
  const servers = new ServerSet(engine, session, before, true)
  for (const node of diff.removed) {
    const server = compiledServer(before.scope, node)
    if (server !== undefined) {
      servers.remove(server)
      upstreams.release(server.upstreams)
    } else if (node.name === 'upstream') upstreams.remove(node)
  }
  return { scope: before.scope, variables, upstreams, servers, added: diff.added }
}

function anew(input: StreamCompileInput, block: Block): Plan {
  const { session, engine, main, before } = input
  const variables = new VariableScope(session, input.variables)
  const scope = createScope({ context: 'stream', parent: main, block, session, variables })
  for (const { stream } of input.modules) stream.check?.(scope, session)
  return {
    scope,
    variables,
    upstreams: upstreamCompiler(input, { scope, variables, keep: false }),
    servers: new ServerSet(engine, session, before, false),
    added: [...blocksOf(block)],
  }
}

function upstreamCompiler(
  { session, engine, before }: StreamCompileInput,
  at: { readonly scope: Scope; readonly variables: VariableScope; readonly keep: boolean },
): UpstreamCompiler {
  const { resolver, resolver_timeout: timeoutMs } = at.scope.conf(streamCore)
  const { variables, keep } = at
  const { services, resolvers } = engine
  const outer = { resolver, timeoutMs }
  const context = 'stream.upstream' as const
  const options = { context, session, variables, services, resolvers, outer }
  return new UpstreamCompiler(options, before?.upstreams, keep)
}

function orphanRemoved(
  servers: ServerSet,
  before: StreamPart | undefined,
  { removed }: BlockDiff,
): void {
  if (before === undefined) return
  for (const node of removed) {
    const server = compiledServer(before.scope, node)
    if (server !== undefined) servers.orphan(server)
  }
}

/** Variables and groups first: servers may stand above what they use. */
function* compileBlocks(input: StreamCompileInput, plan: Plan): Stepwise<void> {
  const { session, modules, engine } = input
  const { scope, variables, upstreams, servers } = plan
  const definers = variableBlocksOf(modules)
  for (const node of plan.added) if (node.name === 'match') upstreams.defineMatch(node)
  for (const node of plan.added) {
    if (node.name === 'upstream') upstreams.define(node)
    else if (node.name !== 'server' && node.name !== 'match')
      defineVariables(node, definers, { session, variables })
    yield
  }
  for (const node of plan.added) {
    if (node.name !== 'server' || node.block === undefined) continue
    const { services } = engine
    servers.add({ node, parent: scope, session, variables, modules, services, upstreams })
    yield
  }
}

function reorderAdded({ servers, scope }: Plan, { added }: BlockDiff): void {
  for (const node of added) {
    const server = compiledServer(scope, node)
    if (server !== undefined) servers.reorder(server)
  }
}
