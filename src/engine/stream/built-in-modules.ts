/**
 * The stream modules that are built in. The order is that of their handlers within a phase: the virtual
 * server is chosen before its access rules are looked at, and the first bytes are understood before `set`.
 */
import type { AnyModule } from '../core/module.ts'
import { streamUpstream } from '../upstream/directives.ts'
import { streamAccess } from './modules/access.ts'
import { streamCore } from './modules/core.ts'
import { streamDynServer } from './modules/dyn-server.ts'
import { streamGeo } from './modules/geo.ts'
import { streamLimitConn } from './modules/limit-conn.ts'
import { streamLog } from './modules/log.ts'
import { streamMap } from './modules/map.ts'
import { streamMesh } from './modules/mesh.ts'
import { streamProxy } from './modules/proxy.ts'
import { streamRealip } from './modules/realip.ts'
import { streamReturn } from './modules/return.ts'
import { streamSet } from './modules/set.ts'
import { streamSplitClients } from './modules/split-clients.ts'
import { streamSsl } from './modules/ssl.ts'
import { streamSslPreread } from './modules/ssl-preread.ts'
import { streamTrafficStatus } from './modules/traffic-status.ts'

export const streamModules: readonly AnyModule[] = [
  streamCore,
  streamUpstream,
  streamRealip,
  streamMesh,
  streamLimitConn,
  streamDynServer,
  streamAccess,
  streamMap,
  streamGeo,
  streamSplitClients,
  streamSsl,
  streamSslPreread,
  streamSet,
  streamProxy,
  streamReturn,
  streamTrafficStatus,
  streamLog,
]
