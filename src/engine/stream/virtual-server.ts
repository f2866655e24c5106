/**
 * A virtual server as it is compiled: what its sessions run, phase by phase.
 */
import type { Directive } from '../conf/tree.ts'
import type { Log } from '../core/log.ts'
import type { Scope } from '../core/scope.ts'
import type { ServerName } from '../core/server-names.ts'
import type { StreamListen } from './listen.ts'
import type { ContentHandler, LogHandler, Phase, PhaseHandler } from './module.ts'
import type { StreamCoreConf } from './modules/core.ts'
import type { ServerSsl } from '../modules/server-ssl.ts'
import type { Session } from './session.ts'
import type { SessionList } from './session-list.ts'

export interface VirtualServer {
  readonly node: Directive
  readonly scope: Scope
  readonly core: StreamCoreConf
  readonly listens: readonly StreamListen[]
  readonly names: readonly ServerName[]
  readonly handlers: Readonly<Record<Phase, readonly PhaseHandler[]>>
  readonly content: ContentHandler | undefined
  readonly log: readonly LogHandler[]
  readonly tls: ServerSsl | undefined
  readonly errorLog: Log
  readonly live: SessionList<Session>
  /** Keys of the upstream cells it refers to. */
  readonly upstreams: readonly string[]
  /** Variables that its `set` directives bring into being. */
  readonly declared: readonly string[]
}
