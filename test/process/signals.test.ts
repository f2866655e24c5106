/** What each signal does, sent to the master and by `-s`. */
import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { test } from 'node:test'
import { echo, startTcpBackend } from '../support/echo-servers.ts'
import { isAlive } from '../support/process-tree.ts'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { startProcess } from '../support/process.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { launcher, startTrijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import {
  command,
  ping,
  streamConf,
  textOf,
  untilGone,
  untilWorkers,
  workerPids,
} from './support.ts'

const host = '127.0.0.1'

function proxyConf(port: number, target: number, main = ''): string {
  const server = `server { listen ${host}:${port}; proxy_pass ${host}:${target}; }`
  return `${main}\nerror_log logs/error.log notice;\nevents {}\nstream { ${server} }\n`
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} stops at once and leaves nothing behind`, async (t) => {
    const [port, { port: target }] = [await freePort(), await startTcpBackend(t, echo)]
    const engine = await startTrijet(t, { conf: proxyConf(port, target, 'worker_processes 2;') })
    const client = await connectTcp(t, { host, port })
    await ping(client, 'open')
    const pids = engine.processes().map(({ pid }) => pid)
    assert.equal(pids.length, 3)
    assert.deepEqual(await engine.stop(signal), { code: 0, signal: null })
    await client.readAll({ orReset: true })
    for (const pid of pids) assert(!isAlive(pid))
    assert(!engine.hasPidFile)
    assert.match(engine.errorLog, /\[notice\] \d+#\d+: exit\n$/)
  })
}

test('SIGQUIT lets connections end, and accepts no more', async (t) => {
  const [port, { port: target }] = [await freePort(), await startTcpBackend(t, echo)]
  const engine = await startTrijet(t, { conf: proxyConf(port, target) })
  const client = await connectTcp(t, { host, port })
  await ping(client, 'before')
  engine.signal('SIGQUIT')
  await engine.waitForLog(/gracefully shutting down/)
  await until(
    () =>
      connectTcp(t, { host, port }).then(
        () => false,
        () => true,
      ),
    {
      what: 'the port to be closed',
    },
  )
  await ping(client, 'after')
  client.close()
  assert.deepEqual(await engine.process.exited, { code: 0, signal: null })
})

test('SIGTERM after SIGQUIT hurries', async (t) => {
  const [port, { port: target }] = [await freePort(), await startTcpBackend(t, echo)]
  const engine = await startTrijet(t, { conf: proxyConf(port, target) })
  const client = await connectTcp(t, { host, port })
  await ping(client, 'open')
  engine.signal('SIGQUIT')
  await engine.waitForLog(/gracefully shutting down/)
  assert.deepEqual(await engine.stop('SIGTERM'), { code: 0, signal: null })
})

test('worker_shutdown_timeout ends what does not end by itself', async (t) => {
  const [port, { port: target }] = [await freePort(), await startTcpBackend(t, echo)]
  const main = 'worker_shutdown_timeout 200ms;'
  const engine = await startTrijet(t, { conf: proxyConf(port, target, main) })
  const client = await connectTcp(t, { host, port })
  await ping(client, 'open')
  engine.signal('SIGQUIT')
  assert.deepEqual(await engine.process.exited, { code: 0, signal: null })
  await client.readAll({ orReset: true })
})

test('SIGUSR1 opens the logs again in all processes', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'a' }, 'worker_processes 2;') })
  const log = engine.prefix.file('logs/error.log')
  renameSync(log, `${log}.1`)
  const { code, stderr } = await command(engine.prefix, '-s', 'reopen')
  assert.deepEqual([code, stderr], [0, ''])
  const count = (): number => engine.errorLog.split('reopening logs').length - 1
  await until(() => count() >= 2, { what: 'both workers to write to the new file' })
  assert.doesNotMatch(engine.prefix.read('logs/error.log.1'), /signal 15/)
})

test('a worker takes signals of its own', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'a' }) })
  const [first] = workerPids(engine)
  process.kill(first!, 'SIGHUP')
  process.kill(first!, 'SIGUSR1')
  await engine.waitForLog(/reopening logs/)
  assert.deepEqual(workerPids(engine), [first])
  process.kill(first!, 'SIGQUIT')
  await untilWorkers(engine, 1, [first!])
  assert.equal(await textOf(t, port), 'a')
})

test('-s stop, quit and reload reach the master by its pid file', async (t) => {
  const [one, other] = [await freePort(), await freePort()]
  const engine = await startTrijet(t, { conf: streamConf({ [one]: 'one' }) })
  engine.prefix.write('conf/trijet.conf', streamConf({ [one]: 'two', [other]: 'other' }))
  assert.equal((await command(engine.prefix, '-s', 'reload')).code, 0)
  await engine.waitForLog(/reconfigured/)
  assert.equal(await textOf(t, one), 'two')
  assert.equal(await textOf(t, other), 'other')
  assert.equal((await command(engine.prefix, '-s', 'quit')).code, 0)
  assert.deepEqual(await engine.process.exited, { code: 0, signal: null })
})

test('without its master a worker ends', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'a' }, 'worker_processes 2;') })
  const pids = workerPids(engine)
  engine.signal('SIGKILL')
  for (const pid of pids) await untilGone(pid)
})

test('the title of each process says what it is', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'a' }) })
  const [master, worker] = engine.processes()
  assert.match(master!.command, /^trijet: master process trijet -p /)
  assert.equal(worker!.command, 'trijet: worker process')
})

test('a signal that comes while the engine starts is obeyed', async (t) => {
  const port = await freePort()
  const prefix = makeTempPrefix(t, { 'conf/trijet.conf': streamConf({ [port]: 'a' }) })
  const words = [launcher, '-p', prefix.path, '-g', 'daemon off;'] as const
  const running = await startProcess(t, words)
  await until(() => prefix.read('logs/error.log').includes('start worker process'), {
    what: 'the first worker to be started',
  })
  running.signal('SIGTERM')
  assert.deepEqual(await running.exited, { code: 0, signal: null })
  assert.equal(prefix.read('logs/trijet.pid'), '')
})

test('many reloads at once end with the files that were written last', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'first' }) })
  for (let round = 0; round < 10; round++) {
    engine.prefix.write('conf/trijet.conf', streamConf({ [port]: `round ${round}` }))
    engine.signal('SIGHUP')
  }
  await until(() => textOf(t, port).then((text) => text === 'round 9'), { what: 'the last files' })
})
