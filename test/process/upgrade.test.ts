/** USR2: a new master on the same sockets, without a lost connection. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { echo, startTcpBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { startTrijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import { ping, stopAfter, streamConf, textOf, untilGone, workerPids } from './support.ts'

const host = '127.0.0.1'

test('the new binary takes over: no connect fails, open connections drain', async (t) => {
  const [port, { port: target }] = [await freePort(), await startTcpBackend(t, echo)]
  const conf = `worker_processes 2;
    error_log logs/error.log notice;
    events {}
    stream { server { listen ${host}:${port}; proxy_pass ${host}:${target}; } }`
  const engine = await startTrijet(t, { conf })
  const { prefix } = engine
  stopAfter(t, prefix)
  const old = engine.pid
  const client = await connectTcp(t, { host, port })
  await ping(client, 'before')

  const stop = new AbortController()
  let connects = 0
  const load = (async () => {
    while (!stop.signal.aborted) {
      const one = await connectTcp(t, { host, port })
      await ping(one, 'load')
      one.close()
      connects++
    }
  })()

  process.kill(old, 'SIGUSR2')
  await until(() => Number(prefix.read('logs/trijet.pid')) > 0 && engine.pid !== old, {
    what: 'the pid file of the new master',
  })
  const fresh = engine.pid
  assert.equal(Number(prefix.read('logs/trijet.pid.oldbin')), old)
  process.kill(old, 'SIGQUIT')
  const before = connects
  await until(() => connects > before + 20, { what: 'connects after the change' })
  await ping(client, 'still here')
  client.close()
  await untilGone(old)
  stop.abort()
  await load
  assert.equal(prefix.read('logs/trijet.pid.oldbin'), '')
  assert.equal(workerPids(engine).length, 2)
  process.kill(fresh, 'SIGTERM')
  await untilGone(fresh)
})

test('a new binary that fails leaves the old one as it was', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'a' }) })
  const { pid, prefix } = engine
  prefix.write('conf/trijet.conf', 'nonsense;')
  process.kill(pid, 'SIGUSR2')
  await engine.waitForLog(/new binary process \d+ exited with code 1/)
  await until(() => Number(prefix.read('logs/trijet.pid')) === pid, { what: 'the old pid file' })
  assert.equal(await textOf(t, port), 'a')
})
