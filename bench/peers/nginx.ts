/**
 * nginx: the measure of all others.
 */
import { certificateFor } from '../../test/support/certificates.ts'
import { startNginx } from '../../test/support/nginx.ts'
import { processTree } from '../../test/support/process-tree.ts'
import { connectionsMax, idleTimeoutMinutes, type ProxyPlan, type StartPeer } from './peer.ts'

/** The stream block for a plan, in the grammar that nginx and the engine share. */
export function streamConf({ transport, port, backendPort }: ProxyPlan): string {
  const { certFile, keyFile } = certificateFor('bench', 'ecdsa')
  const options = { tcp: '', udp: ' udp', tls: ' ssl', http: '' }[transport]
  return [
    'server {',
    `    listen 127.0.0.1:${port}${options};`,
    `    proxy_pass 127.0.0.1:${backendPort};`,
    `    proxy_timeout ${idleTimeoutMinutes}m;`,
    ...(transport === 'tls'
      ? [`    ssl_certificate ${certFile};`, `    ssl_certificate_key ${keyFile};`]
      : []),
    '}',
  ].join('\n')
}

/** Workers that may read the folder of the run. */
const asRoot = process.getuid?.() === 0 ? 'user root;\n' : ''

export const startNginxPeer: StartPeer = async (owner, plan) => {
  const nginx = await startNginx(owner, {
    main: `${asRoot}worker_processes ${plan.workers};\nerror_log logs/error.log warn;`,
    events: `worker_connections ${connectionsMax * 2 + 100};`,
    ...(plan.http === undefined ? { stream: streamConf(plan) } : { http: plan.http }),
    ...(plan.files && { files: plan.files }),
  })
  return {
    name: 'nginx',
    pids: () => processTree(nginx.pid).map(({ pid }) => pid),
    stop: () => nginx.stop(),
  }
}
