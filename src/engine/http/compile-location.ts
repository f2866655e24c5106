/**
 * Compiles locations: each gets the lists its requests walk, asked once of every module.
 */
import { join } from 'node:path'
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import { constantValue } from '../core/complex-value.ts'
import { blocksOf, createScope, type Scope } from '../core/scope.ts'
import { capturing } from '../modules/captures.ts'
import type { DocumentRoot } from './file-path.ts'
import { type Location, type LocationPattern, LocationTable, parseLocation } from './location.ts'
import { type MimeTypes, typesOf } from './mime-types.ts'
import {
  type AnyHttpModule,
  type Handler,
  type HeaderFilter,
  type HttpEnv,
  type LocationEnv,
  locationPhases,
  type LogHandler,
} from './module.ts'
import { httpCore } from './modules/core.ts'
import { httpFiles } from './modules/files.ts'

/** What stays the same for all locations of a server. */
export interface LocationInput extends Omit<HttpEnv, 'node' | 'scope'> {
  readonly modules: readonly AnyHttpModule[]
}

/** What holds in a block: what a location takes over from what it stands in. */
export interface Outer {
  readonly scope: Scope
  readonly root: DocumentRoot
  readonly types: MimeTypes
  readonly pattern: LocationPattern | undefined
}

/** The locations that stand in a block. */
export function compileLocations(
  input: LocationInput,
  node: Directive,
  outer: Outer,
): LocationTable {
  const { session } = input
  const table = new LocationTable()
  for (const child of blocksOf(node.block)) {
    if (child.name !== 'location') continue
    session.attempt(child, () => table.add(compileLocation(input, child, outer)))
  }
  return table
}

function compileLocation(input: LocationInput, node: Directive, outer: Outer): Location {
  const { session, variables } = input
  const pattern = parseLocation(node.args)
  checkPlace(pattern, outer.pattern)
  const scope = createScope({
    context: 'http.location',
    parent: outer.scope,
    block: node.block,
    session,
    variables,
  })
  const root = rootOf(scope, outer.root, pattern, session.prefix)
  const types = typesOf(node.block, outer.types, session)
  const place = { scope, root, types, pattern }
  return {
    node,
    scope,
    pattern,
    expression: pattern.regex && capturing(pattern.regex, variables),
    children: compileLocations(input, node, place),
    ...composeLocation(input, node, place),
  }
}

/** What a server does where no location matches. */
export function compileFallback(input: LocationInput, node: Directive, place: Outer): Location {
  return {
    node,
    scope: place.scope,
    pattern: undefined,
    expression: undefined,
    children: undefined,
    ...composeLocation(input, node, place),
  }
}

/** nginx's rules of nesting, and its words. */
function checkPlace(inner: LocationPattern, outer: LocationPattern | undefined): void {
  if (outer === undefined) return
  const what = `location "${inner.text}"`
  if (outer.kind === 'exact') {
    throw new ConfError(`${what} cannot be inside the exact location "${outer.text}"`)
  }
  if (outer.kind === 'named') {
    throw new ConfError(`${what} cannot be inside the named location "${outer.text}"`)
  }
  if (inner.kind === 'named') throw new ConfError(`named ${what} can be on the server level only`)
  if (inner.kind !== 'regex' && !inner.text.startsWith(outer.text)) {
    throw new ConfError(`${what} is outside location "${outer.text}"`)
  }
}

/** The root that is set here, or the outer one; an inherited alias still cuts the outer location's prefix. */
export function rootOf(
  scope: Scope,
  outer: DocumentRoot | undefined,
  pattern: LocationPattern | undefined,
  prefix: string,
): DocumentRoot {
  const { root, alias } = scope.conf(httpFiles)
  if (scope.own('alias').length > 0 && alias !== undefined) {
    const whole = pattern === undefined || pattern.kind === 'regex'
    return { path: alias, cut: whole ? 0 : pattern.text.length, whole, prefix }
  }
  if (outer !== undefined && scope.own('root').length === 0) return outer
  const usual = root.constant !== undefined && !root.constant.startsWith('/')
  const path = usual ? constantValue(join(prefix, root.constant)) : root
  return { path, cut: 0, whole: false, prefix }
}

type Composed = Omit<Location, 'node' | 'scope' | 'pattern' | 'expression' | 'children'>

function composeLocation(
  input: LocationInput,
  node: Directive,
  { scope, root, types, pattern }: Outer,
): Composed {
  const { modules, session, services } = input
  const env: LocationEnv = { ...input, node, scope, pattern }
  const core = scope.conf(httpCore)
  const { name, version } = services.product
  for (const { http } of modules) http.check?.(scope, session)
  return {
    core,
    root,
    types,
    errorLog: services.errorLog(scope),
    signature: core.server_tokens === 'off' ? name : `${name}/${version}`,
    handlers: locationPhases.flatMap((phase) =>
      collect<Handler>(modules, env, ({ http }, conf) => http.hooks?.[phase]?.(conf, env)),
    ),
    contents: composeContents(modules, env),
    headerFilters: collect<HeaderFilter>(modules, env, ({ http }, conf) =>
      http.hooks?.headerFilter?.(conf, env),
    ),
    logs: collect<LogHandler>(modules, env, ({ http }, conf) => http.hooks?.log?.(conf, env)),
  }
}

/** One handler of its own, or the chain that looks for files. */
function composeContents(modules: readonly AnyHttpModule[], env: LocationEnv): readonly Handler[] {
  const own = collect<Handler>(modules, env, ({ http }, conf) => http.hooks?.content?.(conf, env))
  if (own.length > 0) return own.slice(-1)
  return collect<Handler>(modules, env, ({ http }, conf) =>
    http.hooks?.fallbackContent?.(conf, env),
  )
}

/** Asks each module; what one has to complain of stands at the location. */
export function collect<T>(
  modules: readonly AnyHttpModule[],
  { scope, session, node }: Pick<HttpEnv, 'scope' | 'session' | 'node'>,
  ask: (module: AnyHttpModule, conf: never) => T | undefined,
): readonly T[] {
  const found: T[] = []
  for (const module of modules) {
    if (module.http.hooks === undefined) continue
    const answer = session.attempt(node, () => ask(module, scope.conf(module) as never))
    if (answer !== undefined) found.push(answer)
  }
  return found
}
