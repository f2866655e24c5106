/**
 * Directives of the control plane, as HTTP modules: what the configuration of the ctrl copilot is made of.
 *
 * They are listed with the other built-in modules, so that every configuration knows them; only the control
 * copilot gives them a plane, and only there do they have content.
 */
import { findDirective } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { ConfError } from '../conf/diagnostics.ts'
import type { AnyModule, ValueType } from '../core/module.ts'
import type { Scope } from '../core/scope.ts'
import type { VariablePrefix } from '../core/variables.ts'
import type { Request } from '../http/request.ts'
import { defineHttpModule, type HttpModule } from '../http/module.ts'
import { count, present, timeMs } from '../modules/value-types.ts'
import { createApi, type Endpoint } from './api.ts'
import { createDoc } from './doc/doc.ts'
import { toOpenApi } from './doc/openapi.ts'
import { httpCertificates, streamCertificates } from './endpoints/certificates.ts'
import { configuration } from './endpoints/configuration.ts'
import { diagnostics, health, metrics, ready } from './endpoints/engine-status.ts'
import { healthChecks } from './endpoints/health-checks.ts'
import { diff } from './endpoints/diff.ts'
import { events } from './endpoints/events.ts'
import { history, rollback } from './endpoints/history.ts'
import { httpLocations } from './endpoints/http-locations.ts'
import { httpServers } from './endpoints/http-servers.ts'
import { keyValues } from './endpoints/key-values.ts'
import { passwords } from './endpoints/passwords.ts'
import { portRanges } from './endpoints/port-ranges.ts'
import { privilegedAgent } from './endpoints/privileged-agent.ts'
import { revocationLists } from './endpoints/revocation-lists.ts'
import { runningConfiguration } from './endpoints/running-configuration.ts'
import { upstreamMembers } from './endpoints/upstream-members.ts'
import { sharedZones } from './endpoints/shared-zones.ts'
import { streamServers } from './endpoints/stream-servers.ts'
import { tokensEndpoint } from './endpoints/tokens.ts'
import { httpGroups, streamGroups } from './endpoints/upstream-groups.ts'
import { controlAccess, type Entrance, guarded } from './http-access.ts'
import { changeTimeoutMs, inFlightMax } from './limits.ts'
import { loadName } from './loaded-modules.ts'
import { createDisplayModules } from './metrics/display-modules.ts'
import type { ControlPlane } from './plane.ts'
import { defineWorkerScaling } from './worker-scaling.ts'

export interface Control {
  readonly plane: ControlPlane
  readonly version: string
  readonly entrance: Entrance
}

interface ControlBusConf {
  readonly dyn_sendmsg_conf: string | undefined
  readonly dyn_sendmsg_rpc_timeout: number
  readonly config_req_pool_size: number
  readonly dyn_kv_conf: string | undefined
}

interface ControlApiConf {
  readonly dyn_module_api: boolean
}

interface ControlDocConf {
  readonly doc_api: boolean
}

/** Endpoints that exist only when their module is loaded, as in OpenNJet. */
const byModule: Readonly<Record<string, Endpoint>> = {
  stream_dyn_server_api_module: streamServers,
  http_dyn_server_api_module: httpServers,
  http_dyn_upstream_api_module: httpGroups,
  stream_dyn_upstream_api_module: streamGroups,
  http_location_api_module: httpLocations,
  http_sendmsg_module: keyValues,
  ctrl_config_api_module: configuration,
}

const always: readonly Endpoint[] = [
  httpCertificates,
  streamCertificates,
  revocationLists,
  passwords,
  upstreamMembers,
  portRanges,
  privilegedAgent,
  sharedZones,
  healthChecks,
  runningConfiguration,
  history,
  rollback,
  diff,
  events,
  health,
  ready,
  diagnostics,
  metrics,
]

/** All but what is made for one installation, for the document of the whole interface. */
export const knownEndpoints: readonly Endpoint[] = [...Object.values(byModule), ...always]

const optionalFile: ValueType<string | undefined> = {
  describe: 'file | off',
  parse: ([path], env) => (path === undefined || path === 'off' ? undefined : env.prefixPath(path)),
}

const keyValueVariables: VariablePrefix<Request> = {
  prefix: 'kv_http_',
  volatile: true,
  get: ({ connection }, name) =>
    connection.engine.services.keyValues.get(name.slice('kv_http_'.length)),
  doc: 'A value of the key/value store.',
}

export const controlBus: HttpModule<ControlBusConf> = defineHttpModule<ControlBusConf>({
  id: 'control.bus',
  prefixes: [keyValueVariables],
  directives: {
    dyn_sendmsg_conf: {
      contexts: ['http'],
      args: [0, 1],
      syntax: 'dyn_sendmsg_conf [file | off]',
      value: optionalFile,
      default: undefined,
      doc: 'How control joins the event bus.',
    },
    dyn_sendmsg_rpc_timeout: {
      contexts: ['http'],
      args: [1, 1],
      syntax: 'dyn_sendmsg_rpc_timeout time',
      value: timeMs,
      default: changeTimeoutMs,
      doc: 'How long a change may take before the requester is told that it does; 30 s at least where it came by `/v2/`.',
    },
    config_req_pool_size: {
      contexts: ['http'],
      args: [1, 1],
      syntax: 'config_req_pool_size number',
      value: count,
      default: inFlightMax,
      doc: 'Requests to the dynamic API that may wait for the engine at the same time.',
    },
    dyn_kv_conf: {
      contexts: ['http'],
      args: [0, 1],
      syntax: 'dyn_kv_conf [file | off]',
      value: optionalFile,
      default: undefined,
      doc: 'How workers join the event bus.',
    },
  },
})

/** True when the configuration's `http` block asks for key values in the data plane. */
export function wantsKeyValues(tree: Directive): boolean {
  const setting = findDirective(findDirective(tree.block, 'http')?.block, 'dyn_kv_conf')
  return setting !== undefined && setting.args[0] !== 'off'
}

/** The modules of one process; without `control` their content is refused when it is compiled. */
export function createControlModules(control?: Control): readonly AnyModule[] {
  return [
    defineWorkerScaling(control !== undefined),
    controlBus,
    controlAccess,
    defineApi(control),
    defineDoc(control),
    ...createDisplayModules((directive) => required(control, directive)),
  ]
}

function defineApi(control: Control | undefined): HttpModule<ControlApiConf> {
  return defineHttpModule<ControlApiConf>({
    id: 'control.api',
    directives: {
      dyn_module_api: {
        contexts: ['http.location'],
        args: [0, 0],
        syntax: 'dyn_module_api',
        value: present,
        default: false,
        inherited: false,
        doc: 'Serves the dynamic API below this location.',
      },
    },
    hooks: {
      content: ({ dyn_module_api: on }, { scope }) => {
        if (!on) return undefined
        const { plane, entrance } = required(control, 'dyn_module_api')
        const conf = scope.conf(controlBus)
        const serve = createApi(endpointsOf(scope, entrance), plane, {
          timeoutMs: conf.dyn_sendmsg_rpc_timeout,
          inFlightMax: conf.config_req_pool_size,
          audit: entrance.audit,
          redaction: entrance.redaction,
        })
        return guarded(serve, scope, entrance)
      },
    },
  })
}

function defineDoc(control: Control | undefined): HttpModule<ControlDocConf> {
  return defineHttpModule<ControlDocConf>({
    id: 'control.doc',
    directives: {
      doc_api: {
        contexts: ['http.location'],
        args: [0, 0],
        syntax: 'doc_api',
        value: present,
        default: false,
        inherited: false,
        doc: 'Serves the document of the dynamic API and a page to try it.',
      },
    },
    hooks: {
      content: ({ doc_api: on }, { scope, pattern }) => {
        if (!on) return undefined
        const { version, entrance } = required(control, 'doc_api')
        const document = toOpenApi(endpointsOf(scope, entrance), { version, base: '/api' })
        return guarded(createDoc(document, pattern?.text ?? ''), scope, entrance)
      },
    },
  })
}

function required(control: Control | undefined, name: string): Control {
  if (control !== undefined) return control
  throw new ConfError(`"${name}" works in the configuration of the control copilot only`)
}

/** Endpoints that the `load_module` lines of this configuration ask for. */
function endpointsOf(scope: Scope, { door }: Entrance): readonly Endpoint[] {
  let main = scope
  while (main.parent !== undefined) main = main.parent
  const loaded = main.own('load_module').map(({ args }) => byModule[loadName(args[0] ?? '')])
  const asked = new Set(loaded.filter((endpoint) => endpoint !== undefined))
  return [...asked, ...always, tokensEndpoint(door.tokens)]
}
