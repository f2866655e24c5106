/** nginx: a change is an edit of the file and a reload, in force when a new connection sees it. */
import { setTimeout as delay } from 'node:timers/promises'
import { certificateFor } from '../../../test/support/certificates.ts'
import { startNginx, nginxConfText, type NginxConf } from '../../../test/support/nginx.ts'
import { processTree } from '../../../test/support/process-tree.ts'
import { connectionsMax } from '../../peers/peer.ts'
import { gatewayConf, host, type Pieces } from './gateway-conf.ts'
import type { Change, Kind, StartMixed } from './mixed.ts'

const retryEveryMs = 2
const appliedWithinMs = 60_000

export const startMixedNginx: StartMixed = async (owner, ports) => {
  let pieces: Pieces = {}
  let revision = 0
  const conf = (): NginxConf => ({
    main: 'user root;\nworker_processes 1;\nerror_log logs/error.log warn;',
    events: `worker_connections ${connectionsMax};`,
    http: `${gatewayConf(ports, pieces)}
      server { listen ${host}:${ports.controlPort}; return 200 "${revision}"; }`,
  })
  const nginx = await startNginx(owner, conf())
  const apply = async (change: Change): Promise<void> => {
    pieces = {
      ...pieces,
      [change.kind]: change.made ? writers[change.kind](change, ports) : undefined,
    }
    revision += 1
    nginx.prefix.write('conf/nginx.conf', nginxConfText(conf()))
    nginx.process.signal('SIGHUP')
    const giveUpAt = performance.now() + appliedWithinMs
    while ((await revisionAt(ports.controlPort)) !== String(revision)) {
      if (performance.now() > giveUpAt) throw new Error(`not reloaded in ${appliedWithinMs} ms`)
      await delay(retryEveryMs)
    }
  }
  const pids = (): number[] => processTree(nginx.pid).map(({ pid }) => pid)
  return { peer: { name: 'nginx', pids, stop: () => nginx.stop() }, serving: pids, apply }
}

type Write = (change: Change, ports: { readonly port: number }) => string

const writers: Readonly<Record<Kind, Write>> = {
  location: ({ number }) => `location /added/${number} { return 200 added; }`,
  member: () => `server ${host}:1 down;`,
  map: ({ number }) => `v${number}`,
  limit: () => 'limit_req zone=reqs burst=5 nodelay;',
  certificate: () => {
    const { certFile, keyFile } = certificateFor('secure.test', 'ecdsa')
    return `ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};`
  },
  header: ({ number }) => `add_header X-Number ${number} always;`,
  server: ({ number }, { port }) =>
    `server { listen ${host}:${port}; server_name server-${number}.test; return 200 new; }`,
}

async function revisionAt(port: number): Promise<string> {
  const response = await fetch(`http://${host}:${port}/`, { headers: { connection: 'close' } })
  return response.text()
}
