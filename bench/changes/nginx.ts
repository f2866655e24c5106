/**
 * nginx: a change is an edit of the file and a reload. Its stream module has no virtual servers by name in
 * this version, so the servers that come and go are HTTP's; the clients load a stream proxy beside them.
 */
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { type NginxConf, nginxConfText, startNginx } from '../../test/support/nginx.ts'
import { freePorts } from '../../test/support/ports.ts'
import { processTree } from '../../test/support/process-tree.ts'
import { connectionsMax } from '../peers/peer.ts'
import { streamConf } from '../peers/nginx.ts'
import type { StartChangeable } from './changeable.ts'

const retryEveryMs = 2
const appliedWithinMs = 60_000

export const startChangeableNginx: StartChangeable = async (owner) => {
  const [port, backendPort, httpPort] = (await freePorts(3)) as [number, number, number]
  const servers = new Set<number>()
  const conf = (): NginxConf => ({
    main: 'worker_processes 1;\nerror_log logs/error.log warn;',
    events: `worker_connections ${connectionsMax};`,
    stream: streamConf({ transport: 'tcp', port, backendPort, workers: 1 }),
    http: httpConf(httpPort, servers),
  })
  const nginx = await startNginx(owner, conf())
  const reload = async (probe: number, wanted: boolean): Promise<void> => {
    nginx.prefix.write('conf/nginx.conf', nginxConfText(conf()))
    nginx.process.signal('SIGHUP')
    const giveUpAt = performance.now() + appliedWithinMs
    while ((await isServed(httpPort, probe)) !== wanted) {
      if (performance.now() > giveUpAt) throw new Error(`not reloaded in ${appliedWithinMs} ms`)
      await delay(retryEveryMs)
    }
  }
  return {
    peer: {
      name: 'nginx',
      pids: () => processTree(nginx.pid).map(({ pid }) => pid),
      stop: () => nginx.stop(),
    },
    // Its workers come and go, and take their place from the master.
    serving: () => processTree(nginx.pid).map(({ pid }) => pid),
    port,
    backendPort,
    addsPerSample: 10,
    add: (number) => reload(number, servers.add(number).has(number)),
    remove: (number) => reload(number, !servers.delete(number)),
    fill: async (from, to) => {
      for (let number = from; number < to; number++) servers.add(number)
      if (to > from) await reload(to - 1, true)
      return []
    },
  }
}

function httpConf(port: number, servers: ReadonlySet<number>): string {
  const listen = `listen 127.0.0.1:${port};`
  const lines = [...servers].map(
    (n) => `server { ${listen} server_name server-${n}; location / { return 200 "server-${n}"; } }`,
  )
  return [
    'access_log off;',
    'server_names_hash_max_size 65536;',
    'server_names_hash_bucket_size 128;',
    `server { ${listen} server_name none; location / { return 200 none; } }`,
    ...lines,
  ].join('\n')
}

/** Asks over a new connection, so that the newest worker answers. */
function isServed(port: number, number: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const headers = { host: `server-${number}`, connection: 'close' }
    const asked = request({ host: '127.0.0.1', port, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('latin1')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve(body === `server-${number}`))
    })
    asked.on('error', reject)
    asked.end()
  })
}
