/**
 * A virtual server as it is compiled: what its requests run, and the settings the connection itself needs.
 */
import type { Directive } from '../conf/tree.ts'
import type { Log } from '../core/log.ts'
import type { Scope } from '../core/scope.ts'
import type { ServerName } from '../core/server-names.ts'
import type { CapturingRegex } from '../modules/captures.ts'
import type { Listen } from '../modules/listen.ts'
import type { Port, PortTable } from '../modules/port-table.ts'
import type { HeadLimits } from './head-limits.ts'
import type { HttpGate } from './gate.ts'
import type { Outer } from './compile-location.ts'
import type { Location } from './location.ts'
import type { LocationTable } from './location-table.ts'
import type { Handler } from './module.ts'
import type { CoreConf } from './modules/core.ts'
import type { ServerTls } from './server-tls.ts'

/** What `listen` of HTTP says of the traffic. */
export type HttpTrait = 'ssl' | 'http2' | 'proxy_protocol'

export type HttpListen = Listen<HttpTrait>
export type HttpPort = Port<HttpServer, HttpGate, HttpTrait>
export type HttpPortTable = PortTable<HttpServer, HttpGate, HttpTrait>

export interface HttpServer {
  readonly node: Directive
  readonly scope: Scope
  readonly listens: readonly HttpListen[]
  readonly names: readonly ServerName[]
  /** Expressions among the names, with the variables their groups set, by text. */
  readonly expressions: ReadonlyMap<string, CapturingRegex>
  /** First name as written, for `$server_name`; empty when there is none. */
  readonly name: string
  readonly core: CoreConf
  readonly headLimits: HeadLimits
  readonly handlers: readonly Handler[]
  /** What its locations take over. */
  readonly place: Outer
  readonly locations: LocationTable
  /** What is done where no location matches. */
  readonly fallback: Location
  readonly errorLog: Log
  readonly tls: ServerTls | undefined
  /** Groups that it refers to, by each reference; its locations have their own. */
  readonly upstreams: readonly string[]
  /** Variables that it declares by `set`. */
  readonly declared: readonly string[]
}
