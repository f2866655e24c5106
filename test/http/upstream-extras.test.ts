/** What groups do beyond nginx's free edition: clients bound to servers, queues, drains, times. */
import assert from 'node:assert/strict'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import { parseAnswer } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import { startHttp } from './support.ts'

interface Backend {
  readonly address: string
  /** Responses that were not sent yet, where it holds them. */
  readonly held: ServerResponse[]
}

interface BackendOptions {
  readonly fields?: Readonly<Record<string, string>>
  readonly holds?: boolean
}

/** Answers with its name. */
async function startBackend(
  t: TestContext,
  name: string,
  { fields = {}, holds = false }: BackendOptions = {},
): Promise<Backend> {
  const held: ServerResponse[] = []
  const server: Server = createServer((_, response) => {
    response.writeHead(200, fields)
    if (holds) held.push(response)
    else response.end(name)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, held }
}

interface Reply {
  readonly status: number
  readonly body: string
  readonly cookie: string
}

async function ask(t: TestContext, port: number, fields = ''): Promise<Reply> {
  const client = await connectTcp(t, { port })
  await client.send(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields}\r\n`)
  const bytes = await client.readAll()
  const { status, body } = parseAnswer(bytes)
  const cookie = /^set-cookie: ([^\r]*)/im.exec(bytes.toString())?.[1] ?? ''
  return { status, body: body.toString(), cookie }
}

/** A server that passes on to a group of that text. */
async function serve(t: TestContext, group: string): Promise<number> {
  const port = await freePort()
  await startHttp(
    t,
    `access_log off; upstream g { ${group} }
     server { listen 127.0.0.1:${port}; location / { proxy_pass http://g; } }`,
  )
  return port
}

suite('sticky', () => {
  test('cookie: a client comes back to its server', async (t) => {
    const [a, b] = [await startBackend(t, 'a'), await startBackend(t, 'b')]
    const port = await serve(
      t,
      `server ${a.address}; server ${b.address}; sticky cookie srv path=/ httponly;`,
    )
    const first = await ask(t, port)
    assert.match(first.cookie, /^srv=[0-9a-f]{32}; path=\/; httponly$/)
    const [cookie] = first.cookie.split(';', 1)
    for (let i = 0; i < 4; i += 1) {
      const again = await ask(t, port, `Cookie: ${cookie}\r\n`)
      assert.deepEqual([again.body, again.cookie], [first.body, ''])
    }
  })

  test('route: the server that a request names', async (t) => {
    const [a, b] = [await startBackend(t, 'a'), await startBackend(t, 'b')]
    const port = await serve(
      t,
      `server ${a.address} route=one; server ${b.address} route=two; sticky route $http_x_route $arg_r;`,
    )
    for (let i = 0; i < 3; i += 1) {
      assert.equal((await ask(t, port, 'X-Route: two\r\n')).body, 'b')
      assert.equal((await ask(t, port, 'X-Route: one\r\n')).body, 'a')
    }
  })

  for (const when of ['', ' header']) {
    test(`learn${when}: the session that a server has begun`, async (t) => {
      const [a, b] = await Promise.all(
        ['a', 'b'].map((name) =>
          startBackend(t, name, { fields: { 'Set-Cookie': `session=${name}42` } }),
        ),
      )
      const port = await serve(
        t,
        `server ${a!.address}; server ${b!.address};
         sticky learn create=$upstream_cookie_session lookup=$cookie_session zone=s:64k${when};`,
      )
      const names = [(await ask(t, port)).body, (await ask(t, port)).body]
      assert.deepEqual(names.toSorted(), ['a', 'b'])
      for (const name of ['a', 'b', 'b', 'a', 'a']) {
        assert.equal((await ask(t, port, `Cookie: session=${name}42\r\n`)).body, name)
      }
    })
  }

  test('drain: only clients that are bound', async (t) => {
    const [a, b] = [await startBackend(t, 'a'), await startBackend(t, 'b')]
    const port = await serve(
      t,
      `server ${a.address} route=a drain; server ${b.address} route=b; sticky cookie srv;`,
    )
    for (let i = 0; i < 4; i += 1) assert.equal((await ask(t, port)).body, 'b')
    assert.equal((await ask(t, port, 'Cookie: srv=a\r\n')).body, 'a')
  })
})

suite('queue', () => {
  test('requests wait for a server and are served in their order', async (t) => {
    const backend = await startBackend(t, 'a', { holds: true })
    const port = await serve(t, `server ${backend.address} max_conns=1; queue 2 timeout=60s;`)
    const answers = [ask(t, port), ask(t, port), ask(t, port)]
    for (let i = 0; i < 3; i += 1) {
      const response = await until(() => backend.held[i])
      assert.equal(backend.held.length, i + 1)
      response.end(`answer ${i}`)
    }
    const bodies = (await Promise.all(answers)).map(({ body }) => body)
    assert.deepEqual(bodies.toSorted(), ['answer 0', 'answer 1', 'answer 2'])
  })

  test('a full queue and a long wait are a 502', async (t) => {
    const backend = await startBackend(t, 'a', { holds: true })
    const port = await serve(t, `server ${backend.address} max_conns=1; queue 1 timeout=1s;`)
    const first = ask(t, port)
    await until(() => backend.held.length === 1)
    const [one, two] = await Promise.all([ask(t, port), ask(t, port)])
    assert.deepEqual([one.status, two.status], [502, 502])
    backend.held[0]!.end('done')
    assert.equal((await first).body, 'done')
  })

  test('a client that goes away leaves its place to the next', async (t) => {
    const backend = await startBackend(t, 'a', { holds: true })
    const port = await serve(t, `server ${backend.address} max_conns=1; queue 1 timeout=60s;`)
    const first = ask(t, port)
    await until(() => backend.held.length === 1)
    const leaver = await connectTcp(t, { port })
    await leaver.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await until(async () => (await ask(t, port)).status === 502, { what: 'a full queue' })
    leaver.socket.destroy()
    const third = until(async () => {
      const answer = ask(t, port)
      return (await Promise.race([answer, waited()])) === 'waiting' ? { answer } : undefined
    })
    const { answer } = await third
    backend.held[0]!.end('first')
    assert.equal((await first).body, 'first')
    const response = await until(() => backend.held[1])
    response.end('third')
    assert.equal((await answer).body, 'third')
  })
})

/** Longer than it takes to be refused. */
function waited(): Promise<'waiting'> {
  return new Promise((resolve) => setTimeout(resolve, 300, 'waiting'))
}

test('least_time: the server that answers sooner has more to do', async (t) => {
  const slow = await startBackend(t, 'slow', { holds: true })
  const fast = await startBackend(t, 'fast')
  const port = await serve(
    t,
    `least_time last_byte; server ${slow.address}; server ${fast.address};`,
  )
  const held = ask(t, port)
  await until(() => slow.held.length === 1)
  for (let i = 0; i < 3; i += 1) assert.equal((await ask(t, port)).body, 'fast')
  slow.held[0]!.end('slow')
  assert.equal((await held).body, 'slow')
  for (let i = 0; i < 3; i += 1) assert.equal((await ask(t, port)).body, 'fast')
})

test('state: servers from a file', async (t) => {
  const backend = await startBackend(t, 'a')
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; upstream g { zone z 64k; state servers.state; }
     server { listen 127.0.0.1:${port}; location / { proxy_pass http://g; } }`,
    { 'servers.state': `server ${backend.address} max_fails=2;\n` },
  )
  assert.ok(engine)
  assert.equal((await ask(t, port)).body, 'a')
})
