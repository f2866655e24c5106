/**
 * Trying a change, the history of changes, and the way back.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { certificateFor } from '../support/certificates.ts'
import { startTcpBackend, sayName } from '../support/echo-servers.ts'
import { isListening } from '../support/process-tree.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { Scope } from '../support/scope.ts'
import { connectTls } from '../support/tcp.ts'
import {
  byClientAddress,
  type Control,
  host,
  refused,
  type Reply,
  startControl,
  success,
  textFor,
  topicOf,
} from './support.ts'

interface History {
  readonly revision: number
  readonly entries: readonly {
    readonly revision: number
    readonly time: string
    readonly action: string
    readonly actor: string
    readonly edits: readonly {
      readonly key: string
      readonly before: string | null
      readonly after: string | null
    }[]
  }[]
}

describe('dry runs, history and rollback', { timeout: 120_000 }, () => {
  const scope = new Scope()
  let control: Control
  let plain: number
  let secure: number
  let one: string
  let two: string

  before(async () => {
    ;[plain, secure] = (await freePorts(2)) as [number, number]
    one = (await startTcpBackend(scope, sayName('one'))).address
    two = (await startTcpBackend(scope, sayName('two'))).address
    const { certFile, keyFile } = certificateFor('first.test', 'ecdsa')
    control = await startControl(scope, {
      workers: 2,
      stream: `
        ${byClientAddress}
        map $remote_addr $word { default nothing; }
        server { listen ${host}:${plain}; server_name fixed; proxy_pass ${one}; }
        server {
            listen ${host}:${secure} ssl;
            server_name first.test;
            ssl_certificate ${certFile};
            ssl_certificate_key ${keyFile};
            return $word;
        }`,
    })
  })

  after(() => scope.close())

  function ask(method: string, path: string, body?: unknown): Promise<Reply> {
    return control.ask(scope, method, path, body)
  }

  function named(name: string): { addr_port: string; server_name: string; server_body: string } {
    return { addr_port: `${host}:${plain}`, server_name: name, server_body: `return "${name}";` }
  }

  function history(query = ''): Promise<History> {
    return control.get(scope, `/api/v2/history${query}`)
  }

  function rollBack(to: number, query = ''): Promise<Reply> {
    return ask('POST', `/api/v2/rollback${query}`, { to })
  }

  function setWord(word: string): Promise<Reply> {
    const values = [{ valueFrom: 'default', valueTo: word }]
    const map = { keyFrom: '$remote_addr', keyTo: '$word', values }
    return ask('PUT', '/api/v1/config/stream_dyn_map', { maps: [map] })
  }

  function setTarget(name: string, proxy_pass: string): Promise<Reply> {
    const server = { listens: [`${host}:${plain}`], serverNames: [name], proxy_pass }
    return ask('PUT', '/api/v1/config/stream_proxy_pass', { servers: [server] })
  }

  function addCertificate(name: string): Promise<Reply> {
    const { cert, key } = certificateFor(name, 'ecdsa')
    return ask('PUT', '/api/v1/stream_ssl', {
      type: 'add',
      listens: [`${host}:${secure}`],
      serverNames: ['first.test'],
      cert_info: { cert_type: 'ecc', certificate: `data:${cert}`, certificateKey: `data:${key}` },
    })
  }

  /** Subject of the certificate, and the word. */
  async function secured(): Promise<readonly string[]> {
    const client = await connectTls(scope, { host, port: secure, servername: 'first.test' })
    const { CN } = client.socket.getPeerCertificate().subject
    const word = (await client.readAll({ orReset: true })).toString()
    client.close()
    return [String(CN), word]
  }

  /** Lines of the running configuration; servers that came back stand behind the others. */
  async function configuration(): Promise<readonly string[]> {
    const { text } = await ask('GET', '/api/v2/config')
    return text.split('\n').sort()
  }

  /** In whatever order the servers stand. */
  async function targets(): Promise<readonly string[]> {
    const { text } = await ask('GET', '/api/v1/config/stream_proxy_pass')
    const { servers } = JSON.parse(text) as { readonly servers: readonly object[] }
    return servers.map((server) => JSON.stringify(server)).sort()
  }

  /** Everything that the changes of these tests are about. */
  async function picture(): Promise<unknown> {
    return {
      servers: await control.servers(scope),
      maps: await ask('GET', '/api/v1/config/stream_dyn_map'),
      targets: await targets(),
      certificates: await ask('GET', '/api/v1/stream_ssl'),
      config: await configuration(),
      secured: await secured(),
      texts: await Promise.all(
        [host, '127.0.1.1', '127.0.1.2'].map((address) => textFor(scope, plain, address)),
      ),
    }
  }

  it('a dry run says what a change would be answered, and changes nothing', async () => {
    const port = await freePort()
    const server = { ...named('dry'), addr_port: `${host}:${port}` }
    const still = await picture()
    const revision = await control.revision(scope)
    for (const query of ['?dry_run=1', '?dry_run=true']) {
      assert.deepEqual(await control.add(scope, server, query), success)
      assert.deepEqual(await control.add(scope, named('s-127.0.1.1'), query), success)
    }
    const wrong = { ...server, server_body: 'return $nope;' }
    const { text } = await control.add(scope, wrong, '?dry_run=1')
    assert.match(text, /unknown \\"nope\\" variable/)
    assert.deepEqual(
      await control.add(scope, { ...server, addr_port: `${host}:${control.port}` }, '?dry_run=1'),
      refused(4, `Port ${control.port} is already in use in checking port`),
    )
    assert.equal(isListening(port, 'tcp', control.engine.pid), false)
    assert.deepEqual(await picture(), still)
    assert.equal(await control.revision(scope), revision)

    assert.deepEqual(await control.add(scope, server), success)
    const there = await picture()
    assert.deepEqual(await control.del(scope, server, '?dry_run=1'), success)
    assert.deepEqual(await rollBack(revision, '?dry_run=1'), success)
    assert.equal(await textFor(scope, port), 'dry')
    assert.deepEqual(await picture(), there)
    assert.equal(await control.revision(scope), revision + 1)
    assert.deepEqual(await control.del(scope, server), success)
  })

  it('tells who changed what, newest first, in pages', async () => {
    const start = await control.revision(scope)
    const servers = ['h1', 'h2', 'h3'].map(named)
    for (const server of servers) assert.deepEqual(await control.add(scope, server), success)
    assert.deepEqual(await control.del(scope, servers[1]!), success)
    const { revision, entries } = await history('?limit=2')
    assert.equal(revision, start + 4)
    assert.deepEqual(
      entries.map((entry) => [entry.revision, entry.action, entry.actor]),
      [
        [start + 4, 'PUT /api/v1/stream_srv', host],
        [start + 3, 'POST /api/v1/stream_srv', host],
      ],
    )
    const body = JSON.stringify({ type: 'add', ...servers[1]! })
    assert.deepEqual(entries[0]!.edits, [{ key: topicOf(servers[1]!), before: body, after: null }])
    assert.ok(entries.every(({ time }) => new Date(time).toISOString() === time))
    const older = await history(`?before=${start + 3}&limit=2`)
    assert.deepEqual(
      older.entries.map((entry) => entry.revision),
      [start + 2, start + 1],
    )
    for (const query of ['?limit=0', '?limit=x', '?before=-1', '?before=1.5']) {
      const { status } = await ask('GET', `/api/v2/history${query}`)
      assert.equal(status, 400, query)
    }
    assert.deepEqual(await rollBack(start), success)
  })

  it('goes back over every kind of change, step by step and at once', async () => {
    const server = { ...named('s-127.0.1.1'), server_body: `proxy_pass ${one};` }
    const other = named('s-127.0.1.2')
    const steps: readonly (() => Promise<Reply>)[] = [
      () => control.add(scope, server),
      () => control.add(scope, other),
      () => setTarget('s-127.0.1.1', two),
      () => setTarget('fixed', two),
      () => setWord('hello'),
      () => addCertificate('second.test'),
      () => setWord('goodbye'),
      () => control.del(scope, server),
      () => control.add(scope, { ...server, server_body: 'return "another";' }),
      () => control.del(scope, other),
    ]
    const start = await control.revision(scope)
    const pictures = [await picture()]
    for (const [i, step] of steps.entries()) {
      assert.deepEqual(await step(), success, `step ${i + 1}`)
      pictures.push(await picture())
    }
    assert.deepEqual(await secured(), ['second.test', 'goodbye'])
    for (const to of [7, 5, 8, 2, 10, 6, 0, 4, 9, 1, 3, 10, 0]) {
      assert.deepEqual(await rollBack(start + to), success)
      assert.deepEqual(await picture(), pictures[to], `after step ${to}`)
    }
    const { entries } = await history('?limit=1')
    assert.equal(entries[0]?.action, `rollback to ${start}`)
  })

  it('refuses the way back to what is not there, and where it is barred', async () => {
    const revision = await control.revision(scope)
    assert.deepEqual(
      await rollBack(revision + 1),
      refused(4, `there is no revision ${revision + 1}, the last one is ${revision}`),
    )
    for (const body of ['', '{', '{}', '{"to":"1"}', '{"to":-1}', '{"to":1.5}', '[]', 'null']) {
      const reply = await ask('POST', '/api/v2/rollback', body)
      assert.equal(reply.status, 400, body)
    }
    // Another program has taken the port meanwhile.
    const port = await freePort()
    const server = { ...named('gone'), addr_port: `${host}:${port}` }
    assert.deepEqual(await control.add(scope, server), success)
    assert.deepEqual(await control.del(scope, server), success)
    const still = await picture()
    const blocker = await startTcpBackend(scope, sayName('blocker'), { port })
    assert.deepEqual(
      await rollBack(revision + 1),
      refused(4, `Port ${port} is already in use in checking port`),
    )
    assert.deepEqual(await picture(), still)
    assert.equal(await control.revision(scope), revision + 2)
    await blocker.close()
    assert.deepEqual(await rollBack(revision + 1), success)
    assert.equal(await textFor(scope, port), 'gone')
    assert.deepEqual(await rollBack(revision), success)
  })

  it('goes back to the files alone', async () => {
    assert.deepEqual(await control.add(scope, named('last')), success)
    assert.deepEqual(await rollBack(0), success)
    assert.deepEqual(await control.servers(scope), [])
    const revision = await control.revision(scope)
    assert.deepEqual(await rollBack(0), success, 'nothing is left to take back')
    assert.equal(await control.revision(scope), revision)
  })
})
