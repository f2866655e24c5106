/**
 * What a stream module is: a module whose settings come with hooks into the life of a session.
 *
 * A hook is called once for each server while it is compiled, with the settings in force there, and
 * returns what is run for its sessions, or nothing, which then costs nothing.
 *
 * ```text
 *   accept ─▶ post-accept ─▶ preaccess ─▶ access ─▶ ssl ─▶ preread ─▶ content ─▶ log
 *             realip         limit_conn   mesh,     TLS    first      proxy,
 *                                         allow            bytes      return
 * ```
 *
 * Within a phase handlers run in the order of the modules until one says `ok`, which ends the phase.
 */
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import { defineModule, type Module, type ModuleDefinition } from '../core/module.ts'
import type { Scope } from '../core/scope.ts'
import type { VariableScope } from '../core/variable-scope.ts'
import type { VariableDefinition, VariablePrefix } from '../core/variables.ts'
import type { VariableBlockEnv } from '../modules/captures.ts'
import type { ServerSsl } from '../modules/server-ssl.ts'
import type { StreamServices } from './services.ts'
import type { Session } from './session.ts'
import type { UpstreamCells } from '../modules/upstreams/upstream-cells.ts'

/** nginx's status of a session, as `$status` shows it. */
export type Status = 200 | 400 | 403 | 500 | 502 | 503

/**
 * What a handler made of a session:
 *
 * - `declined`: nothing; the next handler is asked;
 * - `ok`: this phase is done;
 * - `again`: it waits, for more bytes in preread or for something of its own; the session goes on when the
 *   bytes are there, or by `session.proceed`;
 * - `done`: it has taken the session over;
 * - a status: the session ends with it.
 */
export type Outcome = 'ok' | 'declined' | 'again' | 'done' | Status

export type PhaseHandler = (session: Session) => Outcome
export type ContentHandler = (session: Session) => void
export type LogHandler = (session: Session) => void

/** Phases whose handlers form a chain, in order. */
export const phases = ['postAccept', 'preaccess', 'access', 'ssl', 'preread'] as const

export type Phase = (typeof phases)[number]

/** What a hook may ask of its surroundings while a server is compiled. */
export interface ServerEnv {
  readonly node: Directive
  readonly scope: Scope
  readonly session: CompileSession
  readonly services: StreamServices
  readonly variables: VariableScope
  readonly upstreams: UpstreamCells
  /** True when one of its addresses asks for TLS. */
  readonly listensWithSsl: boolean
  /** True when one of its addresses takes intercepted traffic. */
  readonly listensWithMesh: boolean
}

export type StreamHooks<Conf> = {
  readonly [P in Phase]?: (conf: Conf, env: ServerEnv) => PhaseHandler | undefined
} & {
  /** What a session is for. Where several directives of a server give content, the last one does. */
  readonly content?: {
    readonly directive: string
    readonly handler: (conf: Conf, env: ServerEnv) => ContentHandler | undefined
  }
  readonly log?: (conf: Conf, env: ServerEnv) => LogHandler | undefined
  /** Certificates and rules of TLS towards clients. */
  readonly tls?: (conf: Conf, env: ServerEnv) => ServerSsl | undefined
}

/** What a block such as `map` does when it is compiled: it defines variables. */
export type VariableBlock = (node: Directive, env: VariableBlockEnv) => void

/** Checks the settings of a block as a whole, where no single directive can. */
export type ScopeCheck = (scope: Scope, session: CompileSession) => void

export interface StreamExtras<Conf> {
  readonly hooks?: StreamHooks<Conf>
  /** Blocks of the stream context that define variables, by directive name. */
  readonly variableBlocks?: Readonly<Record<string, VariableBlock>>
  readonly check?: ScopeCheck
  /** Families of variables, such as `$proxy_protocol_tlv_0xea`. */
  readonly variablePrefixes?: readonly VariablePrefix<Session>[]
}

export interface StreamModule<Conf extends object> extends Module<Conf> {
  readonly stream: StreamExtras<Conf>
}

// oxlint-disable-next-line typescript/no-explicit-any -- hooks are called with their own module's settings
export type AnyStreamModule = StreamModule<any>

/** Settings of a module without simple directives. */
export type NoConf = { readonly [Name in never]: never }

/** Variables of stream modules read sessions. */
export type SessionVariables = Readonly<Record<string, VariableDefinition<Session>>>

interface StreamDefinition<Conf extends object>
  extends ModuleDefinition<Conf>, StreamExtras<Conf> {}

export function defineStreamModule<Conf extends object>(
  definition: StreamDefinition<Conf>,
): StreamModule<Conf> {
  const { hooks, variableBlocks, check, variablePrefixes, ...module } = definition
  const stream = {
    ...(hooks && { hooks }),
    ...(variableBlocks && { variableBlocks }),
    ...(check && { check }),
    ...(variablePrefixes && { variablePrefixes }),
  }
  return Object.freeze({ ...defineModule(module), stream: Object.freeze(stream) })
}
