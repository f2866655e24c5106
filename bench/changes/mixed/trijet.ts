/** This engine: each change is one request to the control API, answered when every worker has applied it. */
import { certificateFor } from '../../../test/support/certificates.ts'
import { startTrijet } from '../../../test/support/trijet.ts'
import { connectionsMax } from '../../peers/peer.ts'
import { ControlClient } from '../control-client.ts'
import { crowdConf, gatewayConf, host } from './gateway-conf.ts'
import type { Change, Kind, MixedPorts, StartMixed } from './mixed.ts'

export const startMixedTrijet: StartMixed = async (owner, ports, crowd = 0) => {
  const engine = await startTrijet(owner, {
    conf: mainConf(ports, crowd),
    deadlineMs: 120_000,
    files: { 'conf/mqtt.conf': '', 'conf/ctrl.conf': controlConf(ports) },
    ports: [ports.port, ports.tlsPort, ports.controlPort],
  })
  const appliers = createAppliers(new ControlClient(owner, ports.controlPort), ports)
  return {
    peer: {
      name: 'trijet',
      pids: () => engine.processes().map(({ pid }) => pid),
      stop: async () => void (await engine.stop()),
    },
    serving: () => engine.children('worker process').map(({ pid }) => pid),
    apply: (change) => appliers[change.kind](change),
  }
}

type Apply = (change: Change) => Promise<void>

function createAppliers(
  control: ControlClient,
  { port, tlsPort }: MixedPorts,
): Readonly<Record<Kind, Apply>> {
  const place = { addr_port: `${host}:${port}`, server_name: 'bench.test' }
  const servers = (location: object): object => ({
    servers: [
      { listens: [place.addr_port], serverNames: [place.server_name], locations: [location] },
    ],
  })
  const put = (key: string, document: object): Promise<void> =>
    control.change('PUT', `/api/v1/config/${key}`, document)
  const members = '/api/v1/upstream_api/http/upstreams/members/servers/'
  let member = 0
  return {
    location: ({ number, made }) => {
      const location_name = `/added/${number}`
      return made
        ? control.change('POST', '/api/v1/dyn_loc', {
            type: 'add',
            ...place,
            locations: [{ location_name, location_body: 'return 200 added;' }],
          })
        : control.change('PUT', '/api/v1/dyn_loc', { type: 'del', ...place, location_name })
    },
    member: async ({ made }) => {
      if (made) {
        const text = await control.ask('POST', members, { server: `${host}:1`, down: true })
        member = (JSON.parse(text) as { id: number }).id
      } else await control.ask('DELETE', `${members}${member}`)
    },
    map: ({ number, made }) => {
      const values = [{ valueFrom: 'a', valueTo: made ? `v${number}` : 'one' }]
      return put('http_dyn_map', { maps: [{ keyFrom: '$arg_k', keyTo: '$mapped', values }] })
    },
    limit: ({ made }) =>
      put(
        'http_dyn_limit',
        servers({
          location: '/limit',
          limit_reqs_scope: 'location',
          limit_reqs: made ? [{ zone: 'reqs', burst: 5, delay: '0' }] : [],
        }),
      ),
    certificate: ({ made }) => {
      const { cert, key } = certificateFor('secure.test', 'ecdsa')
      return control.change('PUT', '/api/v1/ssl', {
        type: made ? 'add' : 'del',
        listens: [`${host}:${tlsPort}`],
        serverNames: ['secure.test'],
        cert_info: {
          cert_type: 'ecc',
          certificate: `data:${cert}`,
          certificateKey: `data:${key}`,
        },
      })
    },
    header: ({ number, made }) => {
      const headers = made ? [{ key: 'X-Number', value: String(number), always: 1 }] : []
      return put('http_dyn_header', servers({ location: '/header', headers }))
    },
    server: ({ number, made }) => {
      const server = { addr_port: place.addr_port, server_name: `server-${number}.test` }
      const path = '/api/v1/dyn_srv'
      return made
        ? control.change('POST', path, { type: 'add', ...server, server_body: 'return 200 new;' })
        : control.change('PUT', path, { type: 'del', ...server })
    },
  }
}

function mainConf(ports: MixedPorts, crowd: number): string {
  return `
    helper broker modules/njt_helper_broker_module.so conf/mqtt.conf;
    helper ctrl modules/njt_helper_ctrl_module.so conf/ctrl.conf;
    load_module modules/njt_http_location_module.so;
    load_module modules/njt_http_dyn_server_module.so;
    worker_processes 1; pid logs/trijet.pid; error_log logs/error.log warn;
    events { worker_connections ${connectionsMax}; }
    http { ${gatewayConf(ports)}
${crowdConf(ports, crowd)} }
  `
}

function controlConf({ controlPort }: MixedPorts): string {
  return `
    load_module modules/njt_http_sendmsg_module.so;
    load_module modules/njt_http_location_api_module.so;
    load_module modules/njt_http_dyn_server_api_module.so;
    load_module modules/njt_ctrl_config_api_module.so;
    error_log logs/error_ctrl.log warn;
    events { worker_connections 1024; }
    http { dyn_sendmsg_rpc_timeout 30s;
      server { listen ${host}:${controlPort}; location /api { dyn_module_api; } } }
  `
}
