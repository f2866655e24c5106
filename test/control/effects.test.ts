/**
 * What a change does by the time it is answered: in every worker, to new and to live sessions.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { certificateFor } from '../support/certificates.ts'
import { type Backend, startTcpBackend, startUdpBackend } from '../support/echo-servers.ts'
import { isListening } from '../support/process-tree.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { Scope } from '../support/scope.ts'
import { connectTcp, connectTls, exchangeTcp, type TcpClient } from '../support/tcp.ts'
import { openUdp } from '../support/udp.ts'
import { until } from '../support/wait.ts'
import {
  byClientAddress,
  type Control,
  datagramFor,
  host,
  refused,
  startControl,
  success,
  textFor,
} from './support.ts'

/** Connections opened at the same time, so that both workers take some. */
const crowd = 40

async function ping(client: TcpClient, text: string): Promise<void> {
  await client.send(text)
  assert.equal((await client.read(text.length)).toString(), text)
}

describe('effects of a change', { timeout: 120_000 }, () => {
  const scope = new Scope()
  let control: Control
  let backend: Backend
  let datagrams: Backend
  let plain: number
  let secure: number

  before(async () => {
    ;[plain, secure] = (await freePorts(2)) as [number, number]
    backend = await startTcpBackend(scope)
    datagrams = await startUdpBackend(scope)
    control = await startControl(scope, {
      workers: 2,
      stream: `
        ${byClientAddress}
        server { listen ${host}:${plain}; server_name fixed; proxy_pass ${backend.address}; }
        server { listen ${host}:${plain} udp; return "default"; }
        server { listen ${host}:${secure} ssl; ssl_reject_handshake on; return "default"; }`,
    })
  })

  after(() => scope.close())

  async function add(addr_port: string, server_name: string, server_body: string): Promise<void> {
    assert.deepEqual(await control.add(scope, { addr_port, server_name, server_body }), success)
  }

  async function del(addr_port: string, server_name: string): Promise<void> {
    assert.deepEqual(await control.del(scope, { addr_port, server_name }), success)
  }

  /** What many clients at once are told. */
  function texts(port: number, localAddress: string): Promise<string[]> {
    const clients = Array.from({ length: crowd }, () => textFor(scope, port, localAddress))
    return Promise.all(clients)
  }

  /** Opens crowds until every worker has taken a client; the texts are pids. */
  async function askEveryWorker(port: number, localAddress: string): Promise<void> {
    const workers = control.engine.children('worker process').map(({ pid }) => String(pid))
    const seen = new Set<string>()
    await until(
      async () => {
        for (const text of await texts(port, localAddress)) seen.add(text)
        return seen.size >= workers.length
      },
      { what: 'an answer of every worker' },
    )
    assert.deepEqual([...seen].sort(), workers.sort())
  }

  it('is in every worker when it is answered', async () => {
    const at = `${host}:${plain}`
    for (let round = 0; round < 5; round++) {
      await add(at, 's-127.0.1.1', `return "round ${round}";`)
      assert.deepEqual(new Set(await texts(plain, '127.0.1.1')), new Set([`round ${round}`]))
      await del(at, 's-127.0.1.1')
      const client = await connectTcp(scope, { host, port: plain, localAddress: '127.0.1.1' })
      await ping(client, 'the default server is back')
      client.close()
    }
    await add(at, 's-127.0.1.1', 'return $pid;')
    await askEveryWorker(plain, '127.0.1.1')
    await del(at, 's-127.0.1.1')
  })

  it('opens a new port in every worker, and closes it with its last server', async () => {
    const port = await freePort()
    const at = `${host}:${port}`
    await add(at, 'first', 'return "first $pid";')
    assert.ok((await texts(port, host)).every((text) => text.startsWith('first ')))
    await add(at, 's-127.0.1.1', 'return $pid;')
    await askEveryWorker(port, '127.0.1.1')
    await del(at, 'first')
    assert.match(await textFor(scope, port), /^\d+$/, 'the server that is left is the default')
    await del(at, 's-127.0.1.1')
    await assert.rejects(textFor(scope, port), { code: 'ECONNREFUSED' })
    await add(at, 'again', 'return "again";')
    assert.equal(await textFor(scope, port), 'again')
    await del(at, 'again')
  })

  it('opens a new port for datagrams, one socket for each worker', async () => {
    const port = await freePort()
    const at = `${host}:${port} udp`
    await add(at, 'first', 'return "first";')
    const answers = await Promise.all(Array.from({ length: crowd }, () => datagramFor(scope, port)))
    assert.deepEqual(new Set(answers), new Set(['first']))
    await del(at, 'first')
    assert.equal(isListening(port, 'udp', control.engine.pid), false)
  })

  it('chooses datagram servers by name, and ends their sessions with them', async () => {
    const at = `${host}:${plain} udp`
    await add(at, 's-127.0.1.2', `proxy_pass ${datagrams.address};`)
    const client = await openUdp(scope, { host, port: plain }, { localAddress: '127.0.1.2' })
    await client.send('echo')
    assert.equal((await client.receive()).bytes.toString(), 'echo')
    assert.equal(await datagramFor(scope, plain), 'default')
    await del(at, 's-127.0.1.2')
    await client.send('echo')
    assert.equal((await client.receive()).bytes.toString(), 'default')
    client.close()
  })

  it('takes options of a new port: the PROXY protocol, IPv6, unix sockets', async () => {
    const port = await freePort()
    const server = {
      addr_port: `${host}:${port}`,
      server_name: 'p',
      listen_option: 'proxy_protocol',
    }
    const server_body = 'return $proxy_protocol_addr;'
    assert.deepEqual(await control.add(scope, { ...server, server_body }), success)
    const preface = 'PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n'
    assert.equal(await exchangeTcp(scope, { host, port }, preface), '192.0.2.7')
    await del(server.addr_port, 'p')

    await add(`[::1]:${port}`, 'six', 'return $server_addr;')
    assert.equal(await exchangeTcp(scope, { host: '::1', port }), '::1')
    await del(`[0::1]:${port}`, 'six')

    const path = control.prefix.file('logs/dynamic.sock')
    await add(`unix:${path}`, 'local', 'return local;')
    assert.equal(await exchangeTcp(scope, { path }), 'local')
    await del(`unix:${path}`, 'local')
    await until(() => !existsSync(path), { what: 'the end of the socket file' })
  })

  it('finds wildcard and regular expression names', async () => {
    const at = `${host}:${plain}`
    await add(at, '~^s-127\\.0\\.2\\.\\d+$', 'return expression;')
    await add(at, 's-127.0.2.*', 'return "wildcard";')
    assert.equal(await textFor(scope, plain, '127.0.2.9'), 'wildcard')
    await del(at, 's-127.0.2.*')
    assert.equal(await textFor(scope, plain, '127.0.2.9'), 'expression')
    await del(at, '~^s-127\\.0\\.2\\.\\d+$')
  })

  it('ends the live sessions of a deleted server and of no other', async () => {
    const at = `${host}:${plain}`
    const open = (localAddress: string): Promise<TcpClient> =>
      connectTcp(scope, { host, port: plain, localAddress })
    const early = await open('127.0.1.3')
    await ping(early, 'on the default server')
    for (const address of ['127.0.1.3', '127.0.1.4']) {
      await add(at, `s-${address}`, `proxy_pass ${backend.address};`)
    }
    const doomed = await Promise.all(Array.from({ length: 10 }, () => open('127.0.1.3')))
    const others = [early, await open('127.0.1.4'), await open(host)]
    for (const client of [...doomed, ...others]) await ping(client, 'before')
    await del(at, 's-127.0.1.3')
    for (const client of doomed) await client.readAll({ orReset: true })
    for (const client of others) await ping(client, 'after')
    await del(at, 's-127.0.1.4')
    await others[1]!.readAll({ orReset: true })
    await ping(early, 'still there')
    for (const client of [...doomed, ...others]) client.close()
    await until(() => backend.open === 0, { what: 'the end of the connections to the backend' })
  })

  it('gives each server of a port its own certificate', async () => {
    const at = `${host}:${secure}`
    const subject = async (servername: string): Promise<readonly string[]> => {
      const client = await connectTls(scope, { host, port: secure, servername })
      const { CN } = client.socket.getPeerCertificate().subject
      const text = (await client.readAll({ orReset: true })).toString()
      client.close()
      return [String(CN), text]
    }
    for (const name of ['one.test', 'two.test']) {
      const { certFile, keyFile } = certificateFor(name)
      const pair = `ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};`
      await add(at, name, `${pair} return "${name}";`)
    }
    assert.deepEqual(await subject('one.test'), ['one.test', 'one.test'])
    assert.deepEqual(await subject('two.test'), ['two.test', 'two.test'])
    await del(at, 'one.test')
    await assert.rejects(subject('one.test'), 'the default server refuses handshakes')
    assert.deepEqual(await subject('two.test'), ['two.test', 'two.test'])
    await del(at, 'two.test')
  })

  it('puts requests that come at the same time one behind the other', async () => {
    const server = { addr_port: `${host}:${plain}`, server_name: 's-127.0.1.1' }
    const bodies = Array.from({ length: 12 }, (_, i) => `return "body ${i}";`)
    const added = await Promise.all(
      bodies.map((server_body) => control.add(scope, { ...server, server_body })),
    )
    const first = added.filter(({ text }) => text === success.text)
    assert.equal(first.length, 1, 'one of them was first')
    const exists = refused(5, `error:[${server.addr_port}] server[s-127.0.1.1] exist!`)
    for (const reply of added) assert.ok(first.includes(reply) || reply.text === exists.text)
    const winner = bodies[added.indexOf(first[0]!)]!
    assert.equal((await control.servers(scope))[0]?.server_body, winner)
    const deleted = await Promise.all(bodies.map(() => control.del(scope, server)))
    assert.equal(deleted.filter(({ text }) => text === success.text).length, 1)

    const names = bodies.map((_, i) => `crowd-${i}`)
    await Promise.all(names.map((name) => add(server.addr_port, name, 'return x;')))
    assert.equal((await control.servers(scope)).length, names.length)
    await Promise.all(names.map((name) => del(server.addr_port, name)))
  })

  it('leaves nothing behind', async () => {
    assert.deepEqual(await control.servers(scope), [])
    assert.equal(control.engine.children('worker process').length, 2)
    assert.doesNotMatch(control.engine.errorLog, /\[(?:alert|emerg|crit)\]/)
  })
})
