/** Upstreams whose addresses are found while serving. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { a, startDnsServer } from '../../src/engine/upstream/dns/dns-server.fixture.ts'
import { sayName, startTcpBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import { startStream } from './support.ts'

const host = '127.0.0.1'

async function greeting(t: TestContext, port: number): Promise<string> {
  const client = await connectTcp(t, { port, host })
  const text = (await client.readAll({ orReset: true })).toString()
  client.close()
  return text
}

test('a name in a variable is resolved for each session, and may be unknown', async (t) => {
  const backend = await startTcpBackend(t, sayName('found'))
  const dns = await startDnsServer(t, { records: [a('known.test', host)] })
  const [port, other, none] = [await freePort(), await freePort(), await freePort()]
  const engine = await startStream(
    t,
    `resolver ${host}:${dns.address.port} ipv6=off;
     map x $known { default known.test:${backend.port}; }
     map x $unknown { default unknown.test:${backend.port}; }
     map x $portless { default known.test; }
     server { listen ${host}:${port}; proxy_pass $known; }
     server { listen ${host}:${other}; proxy_pass $unknown; }
     server { listen ${host}:${none}; proxy_pass $portless; }`,
  )
  assert.equal(await greeting(t, port), 'found')
  assert.equal(await greeting(t, other), '')
  assert.match(engine.errorLog, /unknown\.test could not be resolved \(3: Host not found\)/)
  assert.equal(await greeting(t, none), '')
  assert.match(engine.errorLog, /no port in upstream "known\.test"/)
  await until(() => engine.engine.active === 0, { what: 'the end of all sessions' })
})

test('without a resolver a name in a variable is an error', async (t) => {
  const port = await freePort()
  const engine = await startStream(
    t,
    `map x $name { default some.test:1; } server { listen ${host}:${port}; proxy_pass $name; }`,
  )
  assert.equal(await greeting(t, port), '')
  assert.match(engine.errorLog, /no resolver defined to resolve some\.test/)
})

test('the servers of a group follow their name', async (t) => {
  const [one, two] = ['127.0.0.1', '127.0.0.2']
  const port = await freePort()
  const first = await startTcpBackend(t, sayName('one'), { host: one })
  await startTcpBackend(t, sayName('two'), { host: two, port: first.port })
  const dns = await startDnsServer(t, { records: [a('moving.test', one, 1)] })
  await startStream(
    t,
    `resolver ${host}:${dns.address.port} ipv6=off valid=1s;
     upstream u { zone u 64k; server moving.test:${first.port} resolve; }
     server { listen ${host}:${port}; proxy_pass u; }`,
  )
  assert.equal(await greeting(t, port), 'one')
  dns.behaviour.records = [a('moving.test', two, 1)]
  await until(async () => (await greeting(t, port)) === 'two', { what: 'the other address' })
})

test('a name that is looked up at start', async (t) => {
  const [port, backend] = [await freePort(), await startTcpBackend(t, sayName('local'))]
  await startStream(t, `server { listen ${host}:${port}; proxy_pass localhost:${backend.port}; }`)
  await until(async () => (await greeting(t, port)) === 'local', { what: 'an answer' })
})
