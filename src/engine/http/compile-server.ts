/** Compiles one `server` block. */
import { directives } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { createScope, type Scope } from '../core/scope.ts'
import type { ServerName } from '../core/server-names.ts'
import { capturing, type CapturingRegex } from '../modules/captures.ts'
import { parseListen } from '../modules/listen.ts'
import {
  collect,
  compileFallback,
  compileLocations,
  type LocationInput,
  rootOf,
} from './compile-location.ts'
import type { UpstreamCells } from '../modules/upstreams/upstream-cells.ts'
import { LocationTable } from './location.ts'
import { type MimeTypes, typesOf } from './mime-types.ts'
import { httpCore } from './modules/core.ts'
import type { HttpListen, HttpServer } from './server.ts'

const serverPhases = ['postRead', 'serverRewrite'] as const

export interface ServerInput extends LocationInput {
  readonly node: Directive
  readonly parent: Scope
  /** Types of the http block. */
  readonly types: MimeTypes
}

export function compileServer(input: ServerInput): HttpServer {
  const { node, parent, session, variables, hooks, services } = input
  const scope = createScope({
    context: 'http.server',
    parent,
    block: node.block,
    session,
    variables,
  })
  const core = scope.conf(httpCore)
  const used = new Set<string>()
  const within = { ...input, upstreams: recordUses(input.upstreams, used) }
  const env = { ...within, scope }
  const root = rootOf(scope, undefined, undefined, session.prefix)
  const types = typesOf(node.block, input.types, session)
  const place = { scope, root, types, pattern: undefined }
  const { client_header_buffer_size: initialBytes, large_client_header_buffers: large } = core
  return {
    node,
    scope,
    core,
    listens: checkListens(core.listen, scope, input),
    names: core.server_name,
    expressions: expressionsOf(core.server_name, input),
    name: nameOf(scope),
    headLimits: {
      initialBytes,
      largeCount: large.count,
      largeBytes: large.bytes,
      underscores: core.underscores_in_headers,
      ignoreInvalid: core.ignore_invalid_headers,
    },
    handlers: serverPhases.flatMap((phase) => collect(hooks, env, phase)),
    locations: compileLocations(within, node, place) ?? new LocationTable(),
    fallback: compileFallback(within, node, place),
    errorLog: services.errorLog(scope),
    tls: collect(hooks, env, 'tls')[0],
    // Complete when the locations above are compiled.
    upstreams: [...used],
    declared: declaredIn(node),
  }
}

/** First name as `$server_name` shows it: `.example.com` stands for `example.com`. */
function nameOf(scope: Scope): string {
  const written = scope.own('server_name')[0]?.args[0] ?? ''
  if (written === '$hostname') return scope.conf(httpCore).server_name[0]!.text
  return written.startsWith('.') ? written.slice(1) : written
}

/** Directives that bring a variable into being by writing to it. */
const writers: ReadonlySet<string> = new Set(['set', 'vhost_traffic_status_set_by_filter'])

/** Variables that a `set` or its like writes, in the block or in those within it. */
export function declaredIn({ block }: Directive): readonly string[] {
  if (block === undefined) return []
  const found: string[] = []
  for (const child of directives(block)) {
    if (writers.has(child.name) && child.args[0] !== undefined) found.push(child.args[0])
    else found.push(...declaredIn(child))
  }
  return found
}

/** A server that says nothing listens on port 80; an address that stands twice is refused. */
function checkListens(
  listens: readonly HttpListen[],
  scope: Scope,
  { session }: ServerInput,
): readonly HttpListen[] {
  if (listens.length === 0) return [usualListen]
  const nodes = scope.own('listen')
  const byKey = new Map<string, HttpListen>()
  for (const [i, listen] of listens.entries()) {
    if (!byKey.has(listen.key)) byKey.set(listen.key, listen)
    else session.fail(`a duplicate listen ${listen.key.replace(/^tcp /, '')}`, nodes[i])
  }
  return [...byKey.values()]
}

/** nginx's `*:80`, or `*:8000` for users who may not have the other. */
const usualListen: HttpListen = parseListen(process.getuid?.() === 0 ? '80' : '8000', [], {
  traits: [],
  udp: false,
  defaultPort: 80,
  unknown: (parameter) => parameter,
})

function expressionsOf(
  names: readonly ServerName[],
  { variables }: ServerInput,
): ReadonlyMap<string, CapturingRegex> {
  const found = new Map<string, CapturingRegex>()
  for (const name of names) {
    if (name.kind === 'regex') found.set(name.regex.source, capturing(name.regex, variables))
  }
  return found
}

function recordUses(cells: UpstreamCells, used: Set<string>): UpstreamCells {
  return {
    use(target, at, options) {
      const cell = cells.use(target, at, options)
      used.add(cell.name)
      return cell
    },
  }
}
