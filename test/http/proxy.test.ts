/** Passing requests on: TLS and unix sockets, slow clients, upgrades, interim responses, trailers, changes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { createServer as createSecureServer } from 'node:tls'
import { certificateAuthority, certificateFor } from '../support/certificates.ts'
import { parseAnswer } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { seededRandom } from '../support/random.ts'
import { onEnd, type Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import { talk } from './both.ts'
import { startHttp, type HttpRunner } from './support.ts'

interface Upstream {
  readonly address: string
  readonly port: number
  /** Requests as they came, up to the end of their heads. */
  readonly seen: string[]
  readonly sockets: Set<Socket>
}

type Answer = (socket: Socket, request: string) => void

/** Answers each head that comes whole. */
async function startUpstream(
  owner: Owner,
  answer: Answer,
  { server = createServer(), path }: { server?: Server; path?: string } = {},
): Promise<Upstream> {
  const seen: string[] = []
  const sockets = new Set<Socket>()
  const event = 'setSecureContext' in server ? 'secureConnection' : 'connection'
  server.on(event, (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let pending = ''
    socket.on('data', (chunk: Buffer) => {
      pending += chunk.toString('latin1')
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        const request = pending.slice(0, end + 4)
        pending = pending.slice(end + 4)
        seen.push(request)
        answer(socket, request)
      }
    })
  })
  onEnd(owner, () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  const where = server.address()
  const port = typeof where === 'object' ? where!.port : 0
  return { address: path === undefined ? `127.0.0.1:${port}` : `unix:${path}`, port, seen, sockets }
}

const ok = (body: string, fields = ''): string =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${fields}\r\n${body}`

const get = (path = '/', fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields}\r\n`

interface Site {
  readonly runner: HttpRunner
  readonly port: number
  ask(path?: string, fields?: string): Promise<string>
}

/** Serves `location /` with the directives, and what stands before the server. */
async function startSite(owner: Owner, location: string, http = ''): Promise<Site> {
  const port = await freePort()
  const text = (inner: string): string =>
    `access_log off; ${http} server { listen 127.0.0.1:${port}; location / { ${inner} } }`
  const runner = await startHttp(owner, text(location))
  const ask = (path?: string, fields?: string): Promise<string> =>
    talk(owner, port, get(path, fields))
  return { runner, port, ask }
}

describe('upstreams over TLS', () => {
  const leaf = certificateFor('up.test')

  async function startSecure(owner: Owner, answer: Answer): Promise<Upstream> {
    const server = createSecureServer({ cert: leaf.cert, key: leaf.key })
    return startUpstream(owner, answer, { server })
  }

  test('a certificate that is trusted, by name', async (t) => {
    const names: (string | false)[] = []
    const upstream = await startSecure(t, (socket) => {
      names.push((socket as Socket & { servername: string | false }).servername)
      socket.end(ok('secret'))
    })
    const { ask } = await startSite(
      t,
      `proxy_pass https://${upstream.address}; proxy_ssl_verify on; proxy_ssl_name up.test;
       proxy_ssl_server_name on; proxy_ssl_trusted_certificate ${certificateAuthority().certFile};`,
    )
    assert.equal(parseAnswer(Buffer.from(await ask())).body.toString(), 'secret')
    assert.deepEqual(names, ['up.test'])
  })

  test('a certificate for another name is refused', async (t) => {
    const upstream = await startSecure(t, (socket) => socket.end(ok('secret')))
    const { ask, runner } = await startSite(
      t,
      `proxy_pass https://${upstream.address}; proxy_ssl_verify on; proxy_ssl_name other.test;
       proxy_ssl_trusted_certificate ${certificateAuthority().certFile};`,
    )
    assert.match(await ask(), /^HTTP\/1\.1 502 /)
    assert.match(
      runner.errorLog,
      /upstream SSL certificate does not match "other\.test" while SSL handshaking to upstream/,
    )
    assert.equal(upstream.seen.length, 0)
  })

  test('connections are kept for one name, not for another', async (t) => {
    const upstream = await startSecure(t, (socket) => void socket.write(ok('kept')))
    const { ask } = await startSite(
      t,
      `proxy_pass https://pool; proxy_http_version 1.1; proxy_set_header Connection "";
       proxy_ssl_server_name on; proxy_ssl_name $arg_name;`,
      `upstream pool { server ${upstream.address}; keepalive 4; }`,
    )
    for (const name of ['a.test', 'a.test', 'b.test']) await ask(`/?name=${name}`)
    assert.equal(upstream.sockets.size, 2)
  })
})

test('a unix socket', async (t) => {
  const path = `/tmp/trijet-proxy-${process.pid}-${Math.trunc(performance.now())}.sock`
  const upstream = await startUpstream(t, (socket) => socket.end(ok('by path')), { path })
  const { ask } = await startSite(t, `proxy_pass http://${upstream.address}:/app;`)
  assert.match(await ask('/x'), /by path$/)
  assert.match(upstream.seen[0]!, /^GET \/appx HTTP\/1\.0\r\nHost: localhost\r\n/)
})

test('a connection that was closed while it waited is no failure', async (t) => {
  const upstream = await startUpstream(t, (socket) => void socket.write(ok('again')))
  const { ask } = await startSite(
    t,
    'proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection "";',
    `upstream pool { server ${upstream.address}; keepalive 4; }`,
  )
  for (let i = 0; i < 3; i++) {
    assert.match(await ask(), /again$/)
    for (const socket of upstream.sockets) socket.destroy()
  }
  assert.equal(upstream.seen.length, 3)
})

describe('a client that reads slowly', () => {
  const bytes = 8 * 1024 * 1024
  const body = Buffer.alloc(bytes, 'slow ')
  const large: Answer = (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
    socket.end(body)
  }

  async function readSlowly(
    owner: Owner,
    port: number,
    upstreamDone: () => boolean,
  ): Promise<Buffer> {
    const client = await connectTcp(owner, { port, host: '127.0.0.1' })
    client.socket.pause()
    await client.send(get())
    await until(() => upstreamDone() || undefined, { what: 'the upstream' }).catch(() => undefined)
    client.socket.resume()
    await until(() => client.ending, { what: 'the end of the answer' })
    return client.pending
  }

  test('does not hold the upstream where responses are buffered', async (t) => {
    const upstream = await startUpstream(t, large)
    const { port, runner } = await startSite(t, `proxy_pass http://${upstream.address};`)
    let freed = false
    const answer = await readSlowly(t, port, () => {
      freed = upstream.seen.length === 1 && upstream.sockets.size === 0
      return freed
    })
    assert.equal(freed, true, 'the upstream had to wait')
    assert.deepEqual(parseAnswer(answer).body, body)
    assert.match(runner.errorLog, /an upstream response is buffered to a temporary file/)
  })

  test('holds it where they are not', async (t) => {
    // More than the kernel keeps on the way.
    const bytesMore = bytes * 8
    const upstream = await startUpstream(t, (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytesMore}\r\n\r\n`)
      socket.end(Buffer.alloc(bytesMore, 'slow '))
    })
    const { port, runner } = await startSite(
      t,
      `proxy_pass http://${upstream.address}; proxy_buffering off;`,
    )
    const client = await connectTcp(t, { port, host: '127.0.0.1' })
    client.socket.pause()
    await client.send(get())
    await until(() => upstream.seen.length === 1 || undefined)
    const [socket] = upstream.sockets
    await until(() => (socket!.writableLength > 0 ? true : undefined))
    client.close()
    assert.doesNotMatch(runner.errorLog, /temporary file/)
  })

  test('a file of no bytes keeps all in memory and holds the upstream', async (t) => {
    const upstream = await startUpstream(t, large)
    const { port } = await startSite(
      t,
      `proxy_pass http://${upstream.address}; proxy_max_temp_file_size 0;`,
    )
    const answer = await readSlowly(t, port, () => upstream.seen.length === 1)
    assert.deepEqual(parseAnswer(answer).body, body)
  })
})

test('a client that goes away takes the upstream with it', async (t) => {
  const upstream = await startUpstream(t, () => undefined)
  const { port, runner } = await startSite(t, `proxy_pass http://${upstream.address};`)
  const client = await connectTcp(t, { port, host: '127.0.0.1' })
  await client.send(get())
  await until(() => upstream.seen.length === 1 || undefined)
  await client.end()
  await until(() => upstream.sockets.size === 0 || undefined)
  assert.match(
    runner.errorLog,
    /client prematurely closed connection, so upstream connection is closed too while reading response header from upstream/,
  )
})

test('proxy_ignore_client_abort hears the upstream out', async (t) => {
  const upstream = await startUpstream(t, () => undefined)
  const { port } = await startSite(
    t,
    `proxy_pass http://${upstream.address}; proxy_ignore_client_abort on;`,
  )
  const client = await connectTcp(t, { port, host: '127.0.0.1' })
  await client.send(get())
  await until(() => upstream.seen.length === 1 || undefined)
  const [socket] = upstream.sockets
  client.reset()
  // Another request has its turn meanwhile, so the reset was seen.
  const other = await connectTcp(t, { port, host: '127.0.0.1' })
  await other.send(get('/other'))
  await until(() => upstream.seen.length === 2 || undefined)
  assert.equal(socket!.destroyed, false)
  socket!.end(ok('for nobody'))
  await until(() => upstream.sockets.size === 1 || undefined)
})

test('what follows a 101 goes both ways, and early bytes are not lost', async (t) => {
  const upstream = await startUpstream(t, (socket) => {
    socket.removeAllListeners('data')
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nhi',
    )
    socket.pipe(socket)
  })
  const { port } = await startSite(
    t,
    `proxy_pass http://${upstream.address}; proxy_http_version 1.1;
     proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;`,
  )
  const client = await connectTcp(t, { port, host: '127.0.0.1' })
  await client.send('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n')
  await until(() => client.pending.includes('\r\n\r\nhi') || undefined)
  const load = Buffer.alloc(300_000, 'ping')
  await client.send(load)
  await until(() => client.pending.length >= load.length + 100 || undefined)
  assert(client.pending.includes(load))
  client.close()
  await until(() => upstream.sockets.size === 0 || undefined)
})

describe('interim responses', () => {
  const hints: Answer = (socket) =>
    socket.end(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nServer: up\r\n\r\n${ok('final')}`,
    )

  test('are passed over', async (t) => {
    const upstream = await startUpstream(t, hints)
    const { ask } = await startSite(t, `proxy_pass http://${upstream.address};`)
    assert.match(await ask(), /^HTTP\/1\.1 200 OK\r\n[^]*final$/)
  })

  test('early_hints passes 103 on', async (t) => {
    const upstream = await startUpstream(t, hints)
    const { ask } = await startSite(
      t,
      `proxy_pass http://${upstream.address}; early_hints $http_x_wants;`,
    )
    assert.match(
      await ask('/', 'X-Wants: 1\r\n'),
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    )
    assert.match(await ask(), /^HTTP\/1\.1 200 OK\r\n/)
  })

  test('without end are a failure', async (t) => {
    const upstream = await startUpstream(t, (socket) =>
      socket.end(`${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(20)}${ok('never')}`),
    )
    const { ask } = await startSite(t, `proxy_pass http://${upstream.address};`)
    assert.match(await ask(), /^HTTP\/1\.1 502 /)
  })
})

test('trailers are variables, and go on where that is wanted', async (t) => {
  const upstream = await startUpstream(t, (socket) =>
    socket.end(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 42\r\n\r\n',
    ),
  )
  const { ask } = await startSite(
    t,
    `proxy_pass http://${upstream.address}; proxy_http_version 1.1; proxy_pass_trailers on;
     add_trailer X-Seen $upstream_trailer_x_sum;`,
  )
  const answer = await ask()
  assert.match(answer, /\r\n0\r\n[^]*X-Sum: 42\r\n[^]*\r\n\r\n$/)
  assert.match(answer, /X-Seen: 42\r\n/)
})

test('proxy_limit_rate lets a body rest', async (t) => {
  const body = 'x'.repeat(400_000)
  const upstream = await startUpstream(t, (socket) => socket.end(ok(body)))
  const { ask } = await startSite(
    t,
    `proxy_pass http://${upstream.address}; proxy_limit_rate 200k;`,
  )
  const startedAt = performance.now()
  assert(parseAnswer(Buffer.from(await ask())).body.equals(Buffer.from(body)))
  // A second's worth is free, the rest takes most of another.
  assert(performance.now() - startedAt >= 300)
})

test('a changed group takes the next request, and nothing of the server is compiled again', async (t) => {
  const first = await startUpstream(t, (socket) => void socket.write(ok('first')))
  const second = await startUpstream(t, (socket) => void socket.write(ok('second')))
  const port = await freePort()
  const conf = (address: string): string =>
    `access_log off; upstream pool { server ${address}; keepalive 2; }
     server { listen 127.0.0.1:${port}; location / { proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection ""; } }`
  const runner = await startHttp(t, conf(first.address))
  assert.match(await talk(t, port, get()), /first$/)
  await runner.load(conf(second.address))
  assert.match(await talk(t, port, get()), /second$/)
})

test('a name in a variable needs a resolver, an address does not', async (t) => {
  const upstream = await startUpstream(t, (socket) => socket.end(ok('found')))
  const { ask, runner } = await startSite(t, 'proxy_pass http://$arg_to;')
  assert.match(await ask(`/?to=${upstream.address}`), /found$/)
  assert.match(await ask('/?to=somewhere:1'), /^HTTP\/1\.1 502 /)
  assert.match(runner.errorLog, /no resolver defined to resolve somewhere/)
  assert.match(await ask('/?to='), /^HTTP\/1\.1 500 /)
})

test('whatever the client sends, one well-formed request goes on', async (t) => {
  const random = seededRandom(t)
  const upstream = await startUpstream(t, (socket) => void socket.write(ok('')))
  const { port } = await startSite(
    t,
    `set $x $arg_x; proxy_pass http://pool/p/$x; proxy_http_version 1.1; proxy_set_header Connection "";
       proxy_set_header X-Arg $arg_x; proxy_set_header X-Uri $uri; proxy_method $arg_m;`,
    `upstream pool { server ${upstream.address}; keepalive 2; }`,
  )
  const signs = [
    '%0d%0a',
    '%20',
    '%00',
    'a',
    '/',
    '..',
    '%2e',
    '"',
    '%7f',
    '%e4',
    'Host:%20b',
    '%0d%0aX:%20y',
  ]
  for (let i = 0; i < 60; i++) {
    const word = (): string =>
      Array.from({ length: random.integer(0, 5) }, () => random.pick(signs)).join('')
    await talk(
      t,
      port,
      get(`/${word()}?x=${word()}&m=${word()}`, `X-A: ${'b'.repeat(random.integer(0, 49))}\r\n`),
    )
  }
  assert(upstream.seen.length > 0)
  for (const request of upstream.seen) {
    const [line, ...fields] = request.slice(0, -4).split('\r\n')
    assert.match(line!, /^[\w!#$%&'*+.^`|~-]+ \/[^\s\0-\x20\x7f]* HTTP\/1\.1$/)
    // oxlint-disable-next-line no-control-regex
    for (const field of fields) assert.match(field, /^[\w-]+: [^\0-\x08\x0a-\x1f\x7f]*$/)
    assert.equal(fields.filter((field) => /^host:/i.test(field)).length, 1)
  }
})
