/** A reload applies the difference, in all workers or in none, and disturbs nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { echo, startTcpBackend } from '../support/echo-servers.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { startTrijet } from '../support/trijet.ts'
import { isListening } from '../support/process-tree.ts'
import { until } from '../support/wait.ts'
import { ping, streamConf, textOf, untilGone, untilWorkers, workerPids } from './support.ts'

const host = '127.0.0.1'
/** More than any buffer on the way holds. */
const transferBytes = 16 * 1024 * 1024

test('twenty reloads close no connection, restart no worker and break no transfer', async (t) => {
  const [port, changing] = (await freePorts(2)) as [number, number]
  const { port: target } = await startTcpBackend(t, echo)
  const source = await startTcpBackend(
    t,
    (socket) => void socket.end(Buffer.alloc(transferBytes, 7)),
  )
  const sourcePort = await freePort()
  const conf = (round: number): string => `
    worker_processes 2;
    error_log logs/error.log notice;
    events {}
    stream {
      server { listen ${host}:${port}; proxy_pass ${host}:${target}; }
      server { listen ${host}:${sourcePort}; proxy_pass ${host}:${source.port}; }
      server { listen ${host}:${changing}; return "round ${round}"; }
    }`
  const engine = await startTrijet(t, { conf: conf(0) })
  const workers = workerPids(engine)
  const clients = await Promise.all(Array.from({ length: 8 }, () => connectTcp(t, { host, port })))
  const transfer = await connectTcp(t, { host, port: sourcePort })
  transfer.socket.pause()
  for (let round = 1; round <= 20; round++) {
    await engine.reload(conf(round))
    assert.equal(await textOf(t, changing), `round ${round}`)
    for (const client of clients) await ping(client, `round ${round}`)
  }
  assert.deepEqual(workerPids(engine), workers)
  transfer.socket.resume()
  const bytes = await transfer.readAll()
  assert.equal(bytes.length, transferBytes)
  assert(bytes.every((byte) => byte === 7))
})

test('a configuration that is wrong leaves the old one in force', async (t) => {
  const [port, other] = await freePorts(2)
  const engine = await startTrijet(t, {
    conf: streamConf({ [port!]: 'old' }, 'worker_processes 2;'),
  })
  const workers = workerPids(engine)
  const wrong = [
    'events {} stream {',
    `events {} stream { server { listen ${host}:${other}; nonsense; } }`,
    `${streamConf({ [port!]: 'new', [other!]: 'x' })} user nobody-of-that-name;`,
    `events {} stream { server { listen ${host}:${other}; return new; } server { listen 192.0.2.1:1; return x; } }`,
  ]
  for (const conf of wrong) {
    await engine.reload(conf)
    assert.equal(await textOf(t, port!), 'old')
    assert(!isListening(other!), 'nothing of a refused configuration is taken into use')
  }
  assert.deepEqual(workerPids(engine), workers)
  assert.match(
    engine.errorLog,
    /\[emerg\] \d+#\d+: unknown directive "nonsense" in .*trijet\.conf:1/,
  )
})

test('ports that are gone are closed, those that stay keep the clients in their queue', async (t) => {
  const [stays, goes, comes] = await freePorts(3)
  const engine = await startTrijet(t, { conf: streamConf({ [stays!]: 'a', [goes!]: 'b' }) })
  await engine.reload(streamConf({ [stays!]: 'a', [comes!]: 'c' }))
  assert.equal(await textOf(t, stays!), 'a')
  assert.equal(await textOf(t, comes!), 'c')
  await until(() => !isListening(goes!), { what: 'the port to be closed' })
})

test('worker_processes grows and shrinks, and a leaving worker drains', async (t) => {
  const [port, { port: target }] = [await freePort(), await startTcpBackend(t, echo)]
  const conf = (count: number): string => `
    worker_processes ${count};
    error_log logs/error.log notice;
    events {}
    stream { server { listen ${host}:${port}; proxy_pass ${host}:${target}; } }`
  const engine = await startTrijet(t, { conf: conf(1) })
  const [first] = workerPids(engine)
  await engine.reload(conf(3))
  const three = await untilWorkers(engine, 3)
  assert(three.includes(first!))
  const clients = await Promise.all(Array.from({ length: 24 }, () => connectTcp(t, { host, port })))
  for (const client of clients) await ping(client, 'spread')
  await engine.reload(conf(1))
  for (const client of clients) await ping(client, 'still here')
  for (const client of clients) client.close()
  for (const pid of three) if (pid !== first) await untilGone(pid)
  assert.deepEqual(workerPids(engine), [first])
})

test('the pid file and the error log move when their directives say so', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'a' }) })
  const { pid } = engine
  const text = `pid logs/other.pid; events {} error_log logs/other.log notice;
    stream { server { listen ${host}:${port}; return a; } }`
  engine.prefix.write('conf/trijet.conf', text)
  engine.signal('SIGHUP')
  await until(() => engine.prefix.read('logs/other.log').includes('reconfigured'), {
    what: 'the new error log',
  })
  assert.equal(Number(engine.prefix.read('logs/other.pid')), pid)
  assert.equal(engine.prefix.read('logs/trijet.pid'), '')
})
