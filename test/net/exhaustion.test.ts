/** A process without descriptors left: rests, serves those it has, and recovers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { startProcess } from '../support/process.ts'
import { within } from '../support/wait.ts'

const program = fileURLToPath(new URL('exhaustion-peer.ts', import.meta.url))
const descriptorsMax = 60
const clientsMax = 80

/** Processor time of a process so far, in ticks of 10 ms. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

test('accepting rests while no descriptor is left', async (t) => {
  const shell = `ulimit -n ${descriptorsMax}; exec "$0" "$1"`
  const peer = await startProcess(t, ['sh', '-c', shell, process.execPath, program])
  const [, port] = await peer.waitForOutput(/127\.0\.0\.1:(\d+)\n/)
  const clients: Socket[] = []
  t.after(() => clients.forEach((client) => client.destroy()))
  for (let i = 0; i < clientsMax; i += 1) {
    const client = connect(Number(port), '127.0.0.1')
    client.on('error', () => {})
    clients.push(client)
    await within(once(client, 'connect'))
  }
  await peer.waitForOutput(/\[crit\] accept4\(\) failed \(24: Too many open files\)/, {
    stream: 'stderr',
  })
  // Those that were accepted are served, and the others do not burn the processor.
  const before = cpuTicks(peer.pid)
  clients[0]!.write('ping')
  const [answer] = (await within(once(clients[0]!, 'data'))) as [Buffer]
  assert.equal(answer.toString(), 'ping')
  await new Promise((resolve) => setTimeout(resolve, 1200))
  assert.ok(cpuTicks(peer.pid) - before < 40, `${cpuTicks(peer.pid) - before} ticks`)
  const lines = peer.stderr.split('accept4() failed').length - 1
  assert.ok(lines < 10, `${lines} lines in the log`)
  // Room again: whoever waited is taken.
  for (const client of clients.splice(0, 60)) client.destroy()
  const last = clients.at(-1)!
  last.write('late')
  const [late] = (await within(once(last, 'data'))) as [Buffer]
  assert.equal(late.toString(), 'late')
})
