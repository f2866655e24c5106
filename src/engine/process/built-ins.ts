/**
 * What is built in: the one list of modules and subsystems. Only processes that compile configurations read
 * it; copilots are listed in `built-in-copilots.ts`, which the master reads.
 */
import type { AnyModule } from '../core/module.ts'
import type { Subsystem } from '../core/snapshot.ts'
import { createControlModules } from '../control/http-modules.ts'
import { httpModules } from '../http/built-in-modules.ts'
import { createHttpSubsystem } from '../http/subsystem.ts'
import { streamModules } from '../stream/built-in-modules.ts'
import { createStreamSubsystem } from '../stream/subsystem.ts'
import type { ServingServices } from './services.ts'
import { mainModules } from './settings.ts'

/** What every engine has, whichever process compiles it. */
export const engineModules: readonly AnyModule[] = [
  ...mainModules,
  ...httpModules,
  ...streamModules,
]

/** Control's directives are known everywhere; their content exists in the control copilot alone. */
export const builtInModules: readonly AnyModule[] = [...engineModules, ...createControlModules()]

/**
 * Names under which other engines load what is always there here, or what has no directives; `load_module`
 * takes them and does nothing.
 */
export const builtInNames: ReadonlySet<string> = new Set([
  'stream_module',
  'http_sendmsg_module',
  'http_kv_module',
  'ctrl_config_api_module',
  'http_dyn_server_module',
  'http_dyn_server_api_module',
  'http_dyn_upstream_module',
  'http_dyn_upstream_api_module',
  'stream_dyn_upstream_module',
  'stream_dyn_upstream_api_module',
  'http_location_module',
  'http_location_api_module',
  'http_api_register_module',
  'doc_module',
  'stream_dyn_server_module',
  'stream_dyn_server_api_module',
  'stream_proto_module',
  'http_vtsc_module',
  'http_vtsd_module',
])

/** A subsystem as a process runs it. */
export interface ServingSubsystem extends Subsystem<unknown> {
  /** Resolves when nothing is under way any more; idle connections are closed. */
  drain(): Promise<void>
  /** Connections that are open, to clients and upstreams. */
  connections(): number
}

/** Built once for each process. */
export function createSubsystems(services: ServingServices): readonly ServingSubsystem[] {
  const http = createHttpSubsystem(services)
  const stream = createStreamSubsystem(services)
  return [
    { ...http, drain: () => http.engine.drain(), connections: () => http.engine.active },
    {
      ...stream,
      drain: () => stream.engine.whenIdle(),
      connections: () => stream.engine.active * 2,
    },
  ]
}
