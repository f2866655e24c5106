/** Compiles one `server` block. */
import type { Directive } from '../conf/tree.ts'
import { createScope, type Scope } from '../core/scope.ts'
import type { CompileSession } from '../core/compile-session.ts'
import type { VariableScope } from '../core/variable-scope.ts'
import type { StreamListen } from './listen.ts'
import {
  type AnyStreamModule,
  type ContentHandler,
  type LogHandler,
  type Phase,
  type PhaseHandler,
  phases,
  type ServerEnv,
} from './module.ts'
import { streamCore } from './modules/core.ts'
import type { ServerSsl } from '../modules/server-ssl.ts'
import type { StreamServices } from './services.ts'
import type { Session } from './session.ts'
import type { SessionList } from './session-list.ts'
import type { UpstreamCell, UpstreamCells } from '../modules/upstreams/upstream-cells.ts'
import type { VirtualServer } from './virtual-server.ts'

export interface ServerInput {
  readonly node: Directive
  readonly parent: Scope
  readonly session: CompileSession
  readonly variables: VariableScope
  readonly modules: readonly AnyStreamModule[]
  readonly services: StreamServices
  readonly upstreams: UpstreamCells
  /** The list of live sessions that a server of these addresses and names goes on with. */
  readonly live: (draft: Pick<VirtualServer, 'node' | 'listens' | 'names'>) => SessionList<Session>
}

export function compileServer(input: ServerInput): VirtualServer {
  const { node, parent, session, variables, modules, services } = input
  const scope = createScope({
    context: 'stream.server',
    parent,
    block: node.block,
    session,
    variables,
  })
  const core = scope.conf(streamCore)
  const listens = checkListens(core.listen, node, scope, session)
  const used = new Set<string>()
  const env: ServerEnv = {
    node,
    scope,
    session,
    services,
    variables,
    upstreams: recordUses(input.upstreams, used),
    listensWithSsl: listens.some(({ traits }) => traits.has('ssl')),
    listensWithMesh: listens.some(({ traits }) => traits.has('mesh')),
  }
  for (const { stream } of modules) stream.check?.(scope, session)
  return {
    node,
    scope,
    core,
    listens,
    names: core.server_name,
    ...composeHandlers(modules, env),
    errorLog: services.errorLog(scope),
    live: input.live({ node, listens, names: core.server_name }),
    upstreams: [...used],
    declared: scope.own('set').map(({ args }) => args[0] ?? ''),
  }
}

/** The listens of a server; an address that stands twice is refused and counted once. */
function checkListens(
  listens: readonly StreamListen[],
  node: Directive,
  scope: Scope,
  session: CompileSession,
): readonly StreamListen[] {
  const nodes = scope.own('listen')
  if (nodes.length === 0) session.fail('no "listen" is defined for server', node)
  const byKey = new Map<string, StreamListen>()
  for (const [i, listen] of listens.entries()) {
    if (!byKey.has(listen.key)) byKey.set(listen.key, listen)
    else session.fail(`a duplicate listen ${nodes[i]?.args[0] ?? listen.key}`, nodes[i] ?? node)
  }
  return [...byKey.values()]
}

interface Composed {
  readonly handlers: Readonly<Record<Phase, readonly PhaseHandler[]>>
  readonly content: ContentHandler | undefined
  readonly log: readonly LogHandler[]
  readonly tls: ServerSsl | undefined
}

/** Asks every module once what it does for this server. */
function composeHandlers(modules: readonly AnyStreamModule[], env: ServerEnv): Composed {
  const { scope, session, node } = env
  const handlers = noHandlers()
  const log: LogHandler[] = []
  let tls: ServerSsl | undefined
  for (const module of modules) {
    const { hooks } = module.stream
    if (hooks === undefined) continue
    const conf: unknown = scope.conf(module)
    for (const phase of phases) {
      const handler = session.attempt(node, () => hooks[phase]?.(conf, env))
      if (handler !== undefined) handlers[phase].push(handler)
    }
    const logger = session.attempt(node, () => hooks.log?.(conf, env))
    if (logger !== undefined) log.push(logger)
    tls ??= session.attempt(node, () => hooks.tls?.(conf, env))
  }
  return { handlers, content: composeContent(modules, env), log, tls }
}

function noHandlers(): Record<Phase, PhaseHandler[]> {
  return { postAccept: [], preaccess: [], access: [], ssl: [], preread: [] }
}

/** Servers that are made while the engine runs may have no more than a name. */
const generatedFile = /_add_server\.txt$/

function composeContent(
  modules: readonly AnyStreamModule[],
  env: ServerEnv,
): ContentHandler | undefined {
  const { scope, session, node } = env
  let content: ContentHandler | undefined
  let last = -1
  for (const module of modules) {
    const hook = module.stream.hooks?.content
    if (hook === undefined) continue
    const at = scope.settings.findLastIndex(({ name }) => name === hook.directive)
    if (at < 0) continue
    const handler = session.attempt(scope.settings[at], () => hook.handler(scope.conf(module), env))
    if (at > last) content = handler
    last = Math.max(last, at)
  }
  const generated = generatedFile.test(node.at?.file ?? '')
  if (last < 0 && !generated) session.fail('no handler for server', node)
  return content
}

function recordUses(cells: UpstreamCells, used: Set<string>): UpstreamCells {
  return {
    use(target: string, at?: Directive): UpstreamCell {
      const cell = cells.use(target, at)
      used.add(cell.name)
      return cell
    },
  }
}
