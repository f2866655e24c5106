/** Compiles one `server` block. */
import { BlockMemo } from '../conf/block-memo.ts'
import type { Directive } from '../conf/tree.ts'
import { createScope, type Scope } from '../core/scope.ts'
import type { ServerName } from '../core/server-names.ts'
import type { Stepwise } from '../conf/stepwise.ts'
import { capturing, type CapturingRegex } from '../modules/captures.ts'
import { parseListen } from '../modules/listen.ts'
import type { UpstreamCells } from '../modules/upstreams/upstream-cells.ts'
import {
  collect,
  compileFallback,
  type LocationInput,
  type Outer,
  rootOf,
} from './compile-location.ts'
import { compileServerLocations } from './compile-locations.ts'
import type { Location } from './location.ts'
import { type MimeTypes, typesOf } from './mime-types.ts'
import { httpCore } from './modules/core.ts'
import type { HttpListen, HttpServer } from './server.ts'
import { none } from './hook-table.ts'
import { UsedUpstreams } from './used-upstreams.ts'

const serverPhases = ['postRead', 'serverRewrite'] as const

export interface ServerInput extends Omit<LocationInput, 'upstreams'> {
  readonly upstreams: UpstreamCells
  readonly node: Directive
  readonly parent: Scope
  /** Types of the http block. */
  readonly types: MimeTypes
}

export interface CompiledServer {
  readonly server: HttpServer
  /** Groups that the server before referred to, once for each reference that is no more. */
  readonly released: readonly string[]
}

/** `before`: the server that it takes the place of, whose locations stay where nothing concerns them. */
export function* compileServer(input: ServerInput, before?: HttpServer): Stepwise<CompiledServer> {
  const { node, parent, session, variables, hooks, services } = input
  const scope = createScope({
    context: 'http.server',
    parent,
    block: node.block,
    session,
    variables,
    before: before?.scope,
  })
  const core = scope.conf(httpCore)
  const upstreams = new UsedUpstreams(input.upstreams)
  const within = { ...input, upstreams }
  const env = { ...within, scope }
  const place = placeOf(scope, input, before)
  const locations = yield* compileServerLocations(within, node, place, before)
  const { client_header_buffer_size: initialBytes, large_client_header_buffers: large } = core
  const server = {
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
    place,
    locations: locations.table,
    fallback: compileFallback(within, node, place),
    errorLog: services.errorLog(scope),
    tls: collect(hooks, env, 'tls')[0],
    // Complete when all of the above is compiled.
    upstreams: upstreams.names,
    declared: declaredIn(node),
  }
  return { server, released: before === undefined ? [] : usesOf(before, locations.gone) }
}

/** Groups that a server refers to, by each reference. */
export function usesOf(
  server: HttpServer,
  locations: Iterable<Location> = server.locations.all(),
): readonly string[] {
  return [...server.upstreams, ...[...locations].flatMap((location) => location.upstreams)]
}

/** What locations take over: the very same where nothing of it has changed. */
function placeOf(scope: Scope, input: ServerInput, before: HttpServer | undefined): Outer {
  const types = typesOf(input.node.block, input.types, input.session)
  if (before?.place.scope === scope && before.place.types === types) return before.place
  const root = rootOf(scope, undefined, undefined, input.session.prefix)
  return { scope, root, types, pattern: undefined }
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
  return block === undefined ? none : declared.of(block)
}

const declared: BlockMemo<string> = new BlockMemo((node) => {
  const [variable] = node.args
  return writers.has(node.name) && variable !== undefined ? [variable] : declaredIn(node)
})

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
