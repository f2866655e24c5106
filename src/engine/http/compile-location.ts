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
import type { HookAnswer, HookName, HookTable } from './hook-table.ts'
import {
  isPath,
  type LimitedMethods,
  type Location,
  type LocationPattern,
  LocationTable,
  parseLocation,
} from './location.ts'
import { compileLocationCondition } from './location-condition.ts'
import { type MimeTypes, typesOf } from './mime-types.ts'
import { type AnyHttpModule, type Handler, type HttpEnv, type LocationEnv } from './module.ts'
import { httpCore } from './modules/core.ts'
import { httpFiles } from './modules/files.ts'

/** What stays the same for all locations of a server. */
export interface LocationInput extends Omit<HttpEnv, 'node' | 'scope'> {
  readonly hooks: HookTable
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
    condition:
      pattern.condition && compileLocationCondition(pattern.condition, { node, variables }),
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
    condition: undefined,
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
  const anywhere = inner.kind === 'regex' || inner.kind === 'condition'
  if (anywhere || outer.kind === 'condition') return
  if (!inner.text.startsWith(outer.text)) {
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
    const whole = pattern === undefined || (!isPath(pattern) && pattern.kind !== 'named')
    return { path: alias, cut: whole ? 0 : pattern.text.length, whole, prefix }
  }
  if (outer !== undefined && scope.own('root').length === 0) return outer
  const usual = root.constant !== undefined && !root.constant.startsWith('/')
  const path = usual ? constantValue(join(prefix, root.constant)) : root
  return { path, cut: 0, whole: false, prefix }
}

type Composed = Omit<
  Location,
  'node' | 'scope' | 'pattern' | 'expression' | 'condition' | 'children'
>

/** A block within a location that has no name of its own: what it does not set is the location's. */
interface Unnamed {
  /** Content of the location around it, where a module takes that whole. */
  readonly contents: readonly Handler[]
  readonly gateway: boolean
}

function composeLocation(
  input: LocationInput,
  node: Directive,
  place: Outer,
  around?: Unnamed,
): Composed {
  const { hooks, session, services } = input
  const { scope, root, types } = place
  const content = composeContents(input, node, place, around)
  const env = envOf(input, node, place, content)
  const core = scope.conf(httpCore)
  const { name, version } = services.product
  for (const { http } of hooks.modules(scope.touched, 'check')) http.check!(scope, session)
  const preaccess = collect(hooks, env, 'preaccess')
  const access = collect(hooks, env, 'access')
  const precontent = collect(hooks, env, 'precontent')
  return {
    core,
    root,
    types,
    errorLog: services.errorLog(scope),
    signature: core.server_tokens === 'off' ? name : `${name}/${version}`,
    // An unnamed block is entered while its location's own are under way.
    rewrites: around === undefined ? collect(hooks, env, 'rewrite') : [],
    handlers: [...preaccess, ...access, ...precontent],
    accessFrom: preaccess.length,
    accessTo: preaccess.length + access.length,
    contents: content.handlers,
    gateway: content.gateway,
    headerFilters: collect(hooks, env, 'headerFilter'),
    logs: collect(hooks, env, 'log'),
    limited: around === undefined ? compileLimited(input, node, place, content) : undefined,
  }
}

interface Content {
  readonly handlers: readonly Handler[]
  /** True when a module takes the location whole. */
  readonly whole: boolean
  readonly gateway: boolean
}

function envOf(
  input: LocationInput,
  node: Directive,
  place: Outer,
  content: Content | undefined,
): LocationEnv {
  const { scope, pattern } = place
  return {
    ...input,
    node,
    scope,
    pattern,
    compileInner: (inner) => compileUnnamed(input, inner, place, 'http.location.if', content!),
  }
}

/** The block of an `if` or a `limit_except`. */
function compileUnnamed(
  input: LocationInput,
  node: Directive,
  outer: Outer,
  context: 'http.location.if' | 'http.limit_except',
  content: Content,
): Location {
  const { session, variables } = input
  const scope = createScope({ context, parent: outer.scope, block: node.block, session, variables })
  const { pattern } = outer
  const root = rootOf(scope, outer.root, pattern, session.prefix)
  const place = { scope, root, types: outer.types, pattern }
  const around = { contents: content.whole ? content.handlers : [], gateway: content.gateway }
  return {
    node,
    scope,
    pattern,
    expression: undefined,
    condition: undefined,
    children: undefined,
    ...composeLocation(input, node, place, around),
  }
}

const limitable: ReadonlySet<string> = new Set(
  'GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH'.split(
    ' ',
  ),
)

function compileLimited(
  input: LocationInput,
  node: Directive,
  place: Outer,
  content: Content,
): LimitedMethods | undefined {
  let limited: LimitedMethods | undefined
  for (const child of blocksOf(node.block)) {
    if (child.name !== 'limit_except') continue
    input.session.attempt(child, () => {
      if (limited !== undefined) throw new ConfError('"limit_except" directive is duplicate')
      const location = compileUnnamed(input, child, place, 'http.limit_except', content)
      limited = { methods: parseMethods(child.args), location }
    })
  }
  return limited
}

/** `GET` lets `HEAD` through as well. */
function parseMethods(args: readonly string[]): ReadonlySet<string> {
  const methods = new Set<string>()
  for (const arg of args) {
    const method = arg.toUpperCase()
    if (!limitable.has(method)) throw new ConfError(`invalid method "${arg}"`)
    methods.add(method)
    if (method === 'GET') methods.add('HEAD')
  }
  return methods
}

/** One handler of its own, or the chain that looks for files. */
function composeContents(
  input: LocationInput,
  node: Directive,
  place: Outer,
  around: Unnamed | undefined,
): Content {
  const { hooks } = input
  const env = envOf(input, node, place, undefined)
  let own: Content | undefined
  for (const module of hooks.modules(place.scope.touched, 'content')) {
    const handler = ask(module, env, 'content')
    if (handler === undefined) continue
    own = { handlers: [handler], whole: true, gateway: module.http.gateway === true }
  }
  if (own !== undefined) return own
  if (around !== undefined && around.contents.length > 0) {
    return { handlers: around.contents, whole: true, gateway: around.gateway }
  }
  const handlers = collect(hooks, env, 'fallbackContent')
  return { handlers, whole: false, gateway: false }
}

/** What the modules answer; what one has to complain of stands at the block. */
export function collect<N extends HookName>(
  hooks: HookTable,
  env: HttpEnv,
  name: N,
): readonly HookAnswer<N>[] {
  const found: HookAnswer<N>[] = []
  for (const module of hooks.modules(env.scope.touched, name)) {
    const answer = ask(module, env, name)
    if (answer !== undefined) found.push(answer)
  }
  return found
}

function ask<N extends HookName>(
  module: AnyHttpModule,
  env: HttpEnv,
  name: N,
): HookAnswer<N> | undefined {
  const hook = module.http.hooks![name] as (conf: object, env: HttpEnv) => HookAnswer<N> | undefined
  return env.session.attempt(env.node, () => hook(env.scope.conf(module) as object, env))
}
