/**
 * This engine: a change is one request to the control API, answered when every worker has applied it.
 */
import { freePorts } from '../../test/support/ports.ts'
import { startTrijet } from '../../test/support/trijet.ts'
import { streamConf } from '../peers/nginx.ts'
import { connectionsMax } from '../peers/peer.ts'
import type { StartChangeable } from './changeable.ts'
import { ControlClient } from './control-client.ts'

interface Ports {
  readonly port: number
  readonly backendPort: number
  readonly meshPort: number
  readonly controlPort: number
}

const path = '/api/v1/stream_srv'

function mainConf({ port, backendPort, meshPort }: Ports): string {
  return [
    'helper broker modules/njt_helper_broker_module.so conf/mqtt.conf;',
    'helper ctrl modules/njt_helper_ctrl_module.so conf/ctrl.conf;',
    'load_module modules/njt_stream_dyn_server_module.so;',
    'worker_processes 1;',
    'pid logs/trijet.pid;',
    'error_log logs/error.log warn;',
    `events { worker_connections ${connectionsMax}; }`,
    'stream {',
    'map $njtmesh_port $mesh_server_name { default "none"; }',
    `server { listen 127.0.0.1:${meshPort} mesh; return none; }`,
    streamConf({ transport: 'tcp', port, backendPort, workers: 1 }),
    '}',
    '',
  ].join('\n')
}

function controlConf({ controlPort }: Ports): string {
  return [
    'load_module modules/njt_http_sendmsg_module.so;',
    'load_module modules/njt_stream_dyn_server_api_module.so;',
    'error_log logs/error_ctrl.log warn;',
    'events { worker_connections 1024; }',
    'http {',
    'dyn_sendmsg_conf conf/iot-ctrl.conf;',
    `server { listen 127.0.0.1:${controlPort}; location /api { dyn_module_api; } }`,
    '}',
    '',
  ].join('\n')
}

export const startChangeableTrijet: StartChangeable = async (owner) => {
  const [port, backendPort, meshPort, controlPort] = (await freePorts(4)) as [
    number,
    number,
    number,
    number,
  ]
  const ports = { port, backendPort, meshPort, controlPort }
  const engine = await startTrijet(owner, {
    conf: mainConf(ports),
    files: { 'conf/mqtt.conf': '', 'conf/iot-ctrl.conf': '', 'conf/ctrl.conf': controlConf(ports) },
    ports: [port, meshPort, controlPort],
  })
  const control = new ControlClient(owner, controlPort)
  const place = (n: number) => ({ addr_port: `127.0.0.1:${meshPort}`, server_name: `server-${n}` })
  const add = (n: number): Promise<void> =>
    control.change('POST', path, { type: 'add', ...place(n), server_body: `return "${n}";` })
  return {
    peer: {
      name: 'trijet',
      pids: () => engine.processes().map(({ pid }) => pid),
      stop: async () => void (await engine.stop()),
    },
    serving: () => engine.children('worker process').map(({ pid }) => pid),
    port,
    backendPort,
    addsPerSample: 500,
    add,
    remove: (n) => control.change('PUT', path, { type: 'del', ...place(n) }),
    fill: async (from, to) => {
      const latencies: number[] = []
      for (let n = from; n < to; n++) {
        const began = performance.now()
        await add(n)
        latencies.push(performance.now() - began)
      }
      return latencies
    },
  }
}
