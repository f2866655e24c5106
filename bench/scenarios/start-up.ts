/**
 * From the start of the process to the first message that came back through it, and from the signal to its
 * end.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { startTcpBackend } from '../../test/support/echo-servers.ts'
import { freePort } from '../../test/support/ports.ts'
import { memoryBytes } from '../../test/support/process-tree.ts'
import { Scope, type Owner } from '../../test/support/scope.ts'
import { connectTcp } from '../../test/support/tcp.ts'
import type { PeerName } from '../peers/peer.ts'
import { inRounds } from '../rounds.ts'
import type { Bench, Sample, Scenario } from '../scenario.ts'

const retryEveryMs = 1
const giveUpAfterMs = 30_000

export const startUp: Scenario = {
  name: 'start-up',
  title: 'From start to the first answer through the proxy, and from SIGTERM to the end',
  peers: ['nginx', 'haproxy', 'trijet'],
  metrics: [
    { key: 'startMs', label: 'start ms', digits: 0 },
    { key: 'stopMs', label: 'stop ms', digits: 0 },
    { key: 'processes', label: 'processes', digits: 0 },
    { key: 'memoryMib', label: 'MiB', digits: 1 },
  ],
  run: (bench) => inRounds(bench, startUp, (name) => measure(bench, name)),
}

async function measure({ starters }: Bench, name: PeerName): Promise<Sample> {
  const owner = new Scope()
  try {
    const backend = await startTcpBackend(owner)
    const port = await freePort()
    const began = performance.now()
    const starting = starters[name](owner, {
      transport: 'tcp',
      port,
      backendPort: backend.port,
      workers: 1,
    })
    const [peer, answered] = await Promise.all([starting, firstAnswer(owner, port)])
    const pids = peer.pids()
    const memory = pids.reduce((sum, pid) => sum + memoryBytes(pid), 0)
    const stopping = performance.now()
    await peer.stop()
    const stopMs = performance.now() - stopping
    return {
      startMs: answered - began,
      stopMs,
      processes: pids.length,
      memoryMib: memory / 2 ** 20,
    }
  } finally {
    await owner.close()
  }
}

/** The time of the first answer. */
async function firstAnswer(owner: Owner, port: number): Promise<number> {
  for (const giveUpAt = performance.now() + giveUpAfterMs; performance.now() < giveUpAt;) {
    try {
      const client = await connectTcp(owner, { host: '127.0.0.1', port })
      await client.send('x')
      await client.read(1)
      client.close()
      return performance.now()
    } catch {
      await delay(retryEveryMs)
    }
  }
  throw new Error(`no answer within ${giveUpAfterMs} ms`)
}
