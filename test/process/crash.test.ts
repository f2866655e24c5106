/** Any one process is killed; the others serve on, and the dead one is replaced. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { echo, startTcpBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import { isAlive } from '../support/process-tree.ts'
import { connectTcp } from '../support/tcp.ts'
import { startTrijet, trijetCommand } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import { ping, streamConf, textOf, untilGone, untilWorkers, workerPids } from './support.ts'

const host = '127.0.0.1'

test('a killed worker is replaced; the connections of the others live on, the port stays open', async (t) => {
  const [port, { port: target }] = [await freePort(), await startTcpBackend(t, echo)]
  const engine = await startTrijet(t, {
    conf: `worker_processes 2;
      error_log logs/error.log notice;
      events {}
      stream { server { listen ${host}:${port}; proxy_pass ${host}:${target}; } }`,
  })
  const [victim, survivor] = workerPids(engine)
  process.kill(victim!, 'SIGSTOP')
  // While one worker stands still, the other takes all connections.
  const clients = await Promise.all(Array.from({ length: 8 }, () => connectTcp(t, { host, port })))
  const taken: typeof clients = []
  for (const client of clients) {
    await client.send('x')
    await until(() => client.pending.length > 0, { what: 'an answer', deadlineMs: 1_000 }).then(
      () => taken.push(client),
      () => undefined,
    )
  }
  assert(taken.length > 0)
  process.kill(victim!, 'SIGKILL')
  const fresh = await untilWorkers(engine, 2, [victim!])
  assert(fresh.includes(survivor!))
  for (const client of taken) await client.read(1)
  for (const client of taken) await ping(client, 'alive')
  assert.match(engine.errorLog, /\[alert\] .*worker process \d+ exited on signal SIGKILL/)
})

test('connects go through while the only worker is being replaced', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'served' }) })
  for (let round = 0; round < 3; round++) {
    const [pid] = workerPids(engine)
    process.kill(pid!, 'SIGKILL')
    assert.equal(await textOf(t, port), 'served')
  }
})

test('a worker that keeps dying is started again later and later, and the log says so', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'a' }) })
  let last: number[] = []
  for (let round = 0; round < 3; round++) {
    last = await untilWorkers(engine, 1, last)
    process.kill(last[0]!, 'SIGKILL')
  }
  await engine.waitForLog(/\[warn\] .*keeps ending, it is started again in 500 ms/)
  await engine.waitForLog(/keeps ending, it is started again in 1000 ms/)
  assert.equal(await textOf(t, port), 'a')
})

test('a killed master takes its workers with it, and a new one starts on what it left', async (t) => {
  const port = await freePort()
  const conf = streamConf({ [port]: 'a' }, 'worker_processes 2;')
  const engine = await startTrijet(t, { conf })
  const pids = workerPids(engine)
  engine.signal('SIGKILL')
  for (const pid of pids) await untilGone(pid)
  const next = await startTrijet(t, { conf, prefix: engine.prefix })
  assert.equal(await textOf(t, port), 'a')
  assert(isAlive(next.pid))
})

test('a second engine on the same port says so and gives up', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'a' }, 'worker_processes 2;') })
  const { code, stderr } = await trijetCommand([
    '-p',
    engine.prefix.path,
    '-g',
    'daemon off; pid logs/second.pid;',
  ])
  assert.equal(code, 1)
  const line = `trijet: [emerg] bind() to ${host}:${port} failed (98: Address already in use)\n`
  assert.equal(stderr, line.repeat(5))
  assert.equal(engine.prefix.read('logs/second.pid'), '')
  assert.equal(await textOf(t, port), 'a')
})

test('what is wrong with a configuration is told at start, with exit code 1', async (t) => {
  const port = await freePort()
  const engine = startTrijet(t, { conf: `${streamConf({ [port]: 'a' })}\nnonsense;` })
  await assert.rejects(
    engine,
    /trijet: \[emerg\] unknown directive "nonsense" in .*trijet\.conf:\d+/,
  )
})
