/**
 * What an HTTP module is: a module whose settings come with hooks into the life of a request.
 *
 * A hook is called once for each location (or server) while it is compiled, with the settings in force
 * there, and returns what is run for its requests, or nothing, which then costs nothing. All that is
 * returned is laid into one list per location; a request walks the list.
 *
 * ```text
 *   head ─▶ post-read ─▶ server rewrite ─▶ find location ─▶ rewrite ─▶ preaccess ─▶ access ─▶ precontent ─▶ content
 *           set, return          ▲   │         set,       limits       allow,                  handler, files
 *                                └───┘         return                  deny
 *                              uri changed
 *   content ─▶ header filters ─▶ head written ─▶ body ─▶ log
 * ```
 */
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import { defineModule, type Module, type ModuleDefinition } from '../core/module.ts'
import type { Scope } from '../core/scope.ts'
import type { VariableScope } from '../core/variable-scope.ts'
import type { VariableDefinition, VariablePrefix } from '../core/variables.ts'
import type { VariableBlockEnv } from '../modules/captures.ts'
import type { UpstreamCells } from '../modules/upstreams/upstream-cells.ts'
import type { Location, LocationPattern } from './location.ts'
import type { Request } from './request.ts'
import type { ServerTls } from './server-tls.ts'
import type { HttpServices } from './services.ts'

/**
 * What a handler made of a request; anything else is a status, and the request ends with it.
 *
 * - `next`: nothing, or its part; the next handler has its turn;
 * - `done`: it has taken the request over: it has answered, or will go on by `request.resume`;
 * - `relocate`: it has changed the URI; the location is looked for again;
 * - `allowed`: access is granted by it, which `satisfy any` asks for; `next` says that it has no opinion.
 */
export const outcomes = { next: 0, done: 1, relocate: 2, allowed: 3 } as const

export type Handler = (request: Request) => number
export type HeaderFilter = (request: Request) => void
export type LogHandler = (request: Request) => void

/** Phases of a location whose handlers form a chain, in order. */
export type LocationPhase = 'rewrite' | 'preaccess' | 'access' | 'precontent'

/** Phases of a server, before there is a location. */
export type ServerPhase = 'postRead' | 'serverRewrite'

/** What a hook may ask of its surroundings while a server or location is compiled. */
export interface HttpEnv {
  readonly node: Directive
  readonly scope: Scope
  readonly session: CompileSession
  readonly services: HttpServices
  readonly variables: VariableScope
  /** Groups of upstreams, for what passes requests on. */
  readonly upstreams: UpstreamCells
}

export interface LocationEnv extends HttpEnv {
  /** How the location is written; `undefined` for what a server does where no location matches. */
  readonly pattern: LocationPattern | undefined
  /** Compiles the block of an `if` as a location without a name, which has all of this one's settings. */
  compileInner(node: Directive): Location
}

export type HttpHooks<Conf> = {
  readonly [P in LocationPhase]?: (conf: Conf, env: LocationEnv) => Handler | undefined
} & {
  readonly [P in ServerPhase]?: (conf: Conf, env: HttpEnv) => Handler | undefined
} & {
  /** Takes the location whole; at most one module may. */
  readonly content?: (conf: Conf, env: LocationEnv) => Handler | undefined
  /** Content where no module takes the location whole: tried in order until one does not say `next`. */
  readonly fallbackContent?: (conf: Conf, env: LocationEnv) => Handler | undefined
  readonly headerFilter?: (conf: Conf, env: LocationEnv) => HeaderFilter | undefined
  readonly log?: (conf: Conf, env: LocationEnv) => LogHandler | undefined
  /** Certificates and rules of TLS towards clients. */
  readonly tls?: (conf: Conf, env: HttpEnv) => ServerTls | undefined
}

/** The settings of a module without simple directives. */
export type NoConf = { readonly [Name in never]: never }

/** What a block such as `map` does when it is compiled: it defines variables. */
export type VariableBlock = (node: Directive, env: VariableBlockEnv) => void

/** Checks the settings of a block as a whole, where no single directive can. */
export type ScopeCheck = (scope: Scope, session: CompileSession) => void

export interface HttpExtras<Conf> {
  readonly hooks?: HttpHooks<Conf>
  /** Blocks of the http context that define variables, by directive name. */
  readonly variableBlocks?: Readonly<Record<string, VariableBlock>>
  readonly prefixes?: readonly VariablePrefix<Request>[]
  readonly check?: ScopeCheck
  /** Told of the settings of the http block whenever a configuration comes into force in a process that serves. */
  readonly onServing?: (conf: Conf, services: HttpServices) => void
  /** Its content handler lets another server answer. */
  readonly gateway?: boolean
  /** Where none of its directives is set, here or around, it has nothing to do and is not asked. */
  readonly idle?: boolean
}

export interface HttpModule<Conf extends object> extends Module<Conf> {
  readonly http: HttpExtras<Conf>
}

// oxlint-disable-next-line typescript/no-explicit-any -- hooks are called with their own module's settings
export type AnyHttpModule = HttpModule<any>

/** Variables of HTTP modules read requests. */
export type RequestVariables = Readonly<Record<string, VariableDefinition<Request>>>

interface HttpDefinition<Conf extends object> extends ModuleDefinition<Conf>, HttpExtras<Conf> {}

export function defineHttpModule<Conf extends object>(
  definition: HttpDefinition<Conf>,
): HttpModule<Conf> {
  const { hooks, variableBlocks, prefixes, check, onServing, ...rest } = definition
  const { gateway, idle, ...module } = rest
  const http = {
    ...(hooks && { hooks }),
    ...(variableBlocks && { variableBlocks }),
    ...(prefixes && { prefixes }),
    ...(check && { check }),
    ...(onServing && { onServing }),
    ...(gateway !== undefined && { gateway }),
    ...(idle !== undefined && { idle }),
  }
  return Object.freeze({ ...defineModule(module), http: Object.freeze(http) })
}
