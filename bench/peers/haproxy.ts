/**
 * haproxy in TCP mode, one thread. It has no UDP.
 */
import { certificateFor } from '../../test/support/certificates.ts'
import { startProcess } from '../../test/support/process.ts'
import { isListening, processTree } from '../../test/support/process-tree.ts'
import { makeTempPrefix } from '../../test/support/temp-prefix.ts'
import { until } from '../../test/support/wait.ts'
import { connectionsMax, idleTimeoutMinutes, type ProxyPlan, type StartPeer } from './peer.ts'

function confText({ transport, port, backendPort }: ProxyPlan): string {
  const tls = transport === 'tls' ? ' ssl crt certs/both.pem' : ''
  return [
    'global',
    '    nbthread 1',
    `    maxconn ${connectionsMax}`,
    'defaults',
    '    mode tcp',
    '    timeout connect 5s',
    `    timeout client ${idleTimeoutMinutes}m`,
    `    timeout server ${idleTimeoutMinutes}m`,
    'frontend in',
    `    bind 127.0.0.1:${port}${tls}`,
    '    default_backend out',
    'backend out',
    `    server one 127.0.0.1:${backendPort}`,
    '',
  ].join('\n')
}

export const startHaproxyPeer: StartPeer = async (owner, plan) => {
  if (plan.transport === 'http') throw new Error('haproxy is measured as a TCP proxy')
  const { cert, key } = certificateFor('bench', 'ecdsa')
  const files = { 'conf/haproxy.cfg': confText(plan), 'certs/both.pem': `${cert}${key}` }
  const prefix = makeTempPrefix(owner, files)
  const command = ['haproxy', '-db', '-f', prefix.file('conf/haproxy.cfg')] as const
  const haproxy = await startProcess(owner, command, { cwd: prefix.path })
  const ready = (): boolean => {
    if (!haproxy.running) throw new Error(`haproxy did not start\n${haproxy.said()}`)
    return isListening(plan.port)
  }
  await until(ready, { what: 'haproxy' })
  return {
    name: 'haproxy',
    pids: () => processTree(haproxy.pid).map(({ pid }) => pid),
    stop: async () => void (await haproxy.stop()),
  }
}
