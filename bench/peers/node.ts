/**
 * Proxies that are written in JavaScript for Node: what one would otherwise use from npm, and Node's own
 * `http` module by hand. Each is one process on the Node that runs the bench.
 */
import { fileURLToPath } from 'node:url'
import { startProcess } from '../../test/support/process.ts'
import { isListening } from '../../test/support/process-tree.ts'
import { until } from '../../test/support/wait.ts'
import type { PeerName, StartPeer } from './peer.ts'

const program = fileURLToPath(new URL('./node-proxy.ts', import.meta.url))

export function startNodePeer(name: PeerName): StartPeer {
  return async (owner, { port, backendPort }) => {
    const words = [process.execPath, program, name, String(port), String(backendPort)] as const
    const proxy = await startProcess(owner, words)
    const ready = (): boolean => {
      if (!proxy.running) throw new Error(lastLine(proxy.said()))
      return isListening(port, 'tcp', proxy.pid)
    }
    await until(ready, { what: name })
    return { name, pids: () => [proxy.pid], stop: async () => void (await proxy.stop()) }
  }
}

/** A package that is not installed says so in one line of many. */
function lastLine(said: string): string {
  return /^.*Cannot find package.*$/m.exec(said)?.[0] ?? said.slice(-2000)
}
