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
import { type HookAnswer, type HookName, type HookTable, none } from './hook-table.ts'
import {
  isPath,
  type LimitedMethods,
  type Location,
  type LocationPattern,
  parseLocation,
} from './location.ts'
import { compileLocationCondition } from './location-condition.ts'
import { LocationTable } from './location-table.ts'
import { type MimeTypes, typesOf } from './mime-types.ts'
import { type AnyHttpModule, type Handler, type HttpEnv, type LocationEnv } from './module.ts'
import { httpCore } from './modules/core.ts'
import { httpFiles } from './modules/files.ts'
import type { UsedUpstreams } from './used-upstreams.ts'

/** What stays the same for all locations of a server. */
export interface LocationInput extends Omit<HttpEnv, 'node' | 'scope'> {
  readonly hooks: HookTable
  readonly upstreams: UsedUpstreams
}

/** What holds in a block: what a location takes over from what it stands in. */
export interface Outer {
  readonly scope: Scope
  readonly root: DocumentRoot
  readonly types: MimeTypes
  readonly pattern: LocationPattern | undefined
}

/** The locations that stand in a location; `undefined` where there is none, as in most. */
function compileChildren(
  input: LocationInput,
  node: Directive,
  outer: Outer,
): LocationTable | undefined {
  const { session } = input
  let table: LocationTable | undefined
  for (const child of blocksOf(node.block)) {
    if (child.name !== 'location') continue
    const locations = (table ??= new LocationTable())
    session.attempt(child, () => locations.add(compileLocation(input, child, outer)))
  }
  return table
}

export function compileLocation(input: LocationInput, node: Directive, outer: Outer): Location {
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
  const children = compileChildren(input, node, place)
  return composeLocation(input, node, place, { children })
}

/** What a server does where no location matches. */
export function compileFallback(input: LocationInput, node: Directive, place: Outer): Location {
  return composeLocation(input, node, place, {})
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

/** A block within a location that has no name of its own: what it does not set is the location's. */
interface Unnamed {
  /** Content of the location around it, where a module takes that whole. */
  readonly contents: readonly Handler[]
  readonly gateway: boolean
}

interface Surroundings {
  /** Set for an unnamed block. */
  readonly around?: Unnamed
  /** Locations that stand within it. */
  readonly children?: LocationTable | undefined
}

function composeLocation(
  input: LocationInput,
  node: Directive,
  place: Outer,
  { around, children }: Surroundings,
): Location {
  const { hooks, session, services, variables } = input
  const { scope, root, types, pattern } = place
  // Blocks within are compiled by the hooks of the phases, which are asked when the content is known.
  let content: Content = { handlers: [], whole: false, gateway: false }
  const env: LocationEnv = {
    ...input,
    node,
    scope,
    pattern,
    compileInner: (inner) => compileUnnamed(input, inner, place, 'http.location.if', content),
  }
  content = composeContents(hooks, env, around)
  const core = scope.conf(httpCore)
  const { name, version } = services.product
  const matcher = around === undefined ? pattern : undefined
  for (const { http } of hooks.modules(scope.set, 'check')) http.check!(scope, session)
  const preaccess = collect(hooks, env, 'preaccess')
  const access = collect(hooks, env, 'access')
  const precontent = collect(hooks, env, 'precontent')
  return {
    node,
    scope,
    pattern,
    // The block of an "if" has matched with its location.
    expression: matcher?.regex && capturing(matcher.regex, variables),
    condition: matcher?.condition && compileLocationCondition(matcher.condition, env),
    children,
    core,
    root,
    types,
    errorLog: services.errorLog(scope),
    signature: core.server_tokens === 'off' ? name : `${name}/${version}`,
    // An unnamed block is entered while its location's own are under way.
    rewrites: around === undefined ? collect(hooks, env, 'rewrite') : none,
    handlers: hooks.share('handlers', [...preaccess, ...access, ...precontent]),
    accessFrom: preaccess.length,
    accessTo: preaccess.length + access.length,
    contents: content.handlers,
    gateway: content.gateway,
    headerFilters: collect(hooks, env, 'headerFilter'),
    logs: collect(hooks, env, 'log'),
    limited: around === undefined ? compileLimited(input, node, place, content) : undefined,
    upstreams: input.upstreams.names,
  }
}

interface Content {
  readonly handlers: readonly Handler[]
  /** True when a module takes the location whole. */
  readonly whole: boolean
  readonly gateway: boolean
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
  return composeLocation(input, node, place, { around })
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
function composeContents(hooks: HookTable, env: LocationEnv, around: Unnamed | undefined): Content {
  let own: Content | undefined
  for (const module of hooks.modules(env.scope.touched, 'content')) {
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
  const modules = hooks.modules(env.scope.touched, name)
  if (modules.length === 0) return none
  let found: HookAnswer<N>[] | undefined
  for (const module of modules) {
    const answer = ask(module, env, name)
    if (answer === undefined) continue
    if (found === undefined) found = [answer]
    else found.push(answer)
  }
  return found === undefined ? none : hooks.share(name, found)
}

function ask<N extends HookName>(
  module: AnyHttpModule,
  env: HttpEnv,
  name: N,
): HookAnswer<N> | undefined {
  const hook = module.http.hooks![name] as (conf: object, env: HttpEnv) => HookAnswer<N> | undefined
  const { scope, session, node } = env
  try {
    return hook(scope.conf(module) as object, env)
  } catch (error) {
    session.note(error, node)
    return undefined
  }
}
