/**
 * This engine, on the configuration that nginx is given.
 */
import { startTrijet } from '../../test/support/trijet.ts'
import { streamConf } from './nginx.ts'
import { connectionsMax, type StartPeer } from './peer.ts'

export const startTrijetPeer: StartPeer = async (owner, plan) => {
  const conf = [
    `worker_processes ${plan.workers};`,
    'pid logs/trijet.pid;',
    'error_log logs/error.log warn;',
    `events { worker_connections ${connectionsMax * 2 + 100}; }`,
    plan.http === undefined ? `stream {\n${streamConf(plan)}\n}` : `http {\n${plan.http}\n}`,
    '',
  ].join('\n')
  const engine = await startTrijet(owner, { conf, ...(plan.files && { files: plan.files }) })
  return {
    name: 'trijet',
    pids: () => engine.processes().map(({ pid }) => pid),
    stop: async () => void (await engine.stop()),
  }
}
