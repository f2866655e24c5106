/** Each kind of health check against real servers: well, ill, silent and hostile ones. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { directive } from '../../src/engine/conf/tree.ts'
import type { ValueEnv } from '../../src/engine/core/module.ts'
import { healthCheckValue } from '../../src/engine/upstream/health/check-parameters.ts'
import { compileProbe } from '../../src/engine/upstream/health/compile-health.ts'
import type { ProbeSession } from '../../src/engine/upstream/health/probe.ts'
import { certificateAuthority, certificateFor } from '../support/certificates.ts'
import { startTcpBackend, startTlsBackend, startUdpBackend } from '../support/echo-servers.ts'
import { giveKeyPair, type MysqlAccount, startMysqlDouble } from '../support/mysql-double.ts'
import { startNginx } from '../support/nginx.ts'
import { freePort } from '../support/ports.ts'
import { run, startProcess } from '../support/process.ts'
import { onEnd } from '../support/scope.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'

const host = '127.0.0.1'

/** The check that such a directive defines, for the server at that port. */
function check(port: number, ...words: readonly string[]): ProbeSession {
  const node = directive('health_check', words)
  const env = { node, context: 'http.upstream', confPath: (path: string) => path } as ValueEnv
  const parameters = healthCheckValue.parse(words, env)
  const { probe } = compileProbe(
    { node, parameters },
    { upstream: 'group.test', match: () => undefined },
  )
  const address = { family: 4, host, port } as const
  return probe.open({ address, peer: `${host}:${port}`, upstream: 'group.test' })
}

/** What the check says: `undefined` when all is well. */
async function outcome(session: ProbeSession, timeoutMs = 10_000): Promise<string | undefined> {
  try {
    await session.run(AbortSignal.timeout(timeoutMs))
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    session.close()
  }
}

const silent = 300

suite('http', () => {
  async function startPages(t: TestContext): Promise<number> {
    const port = await freePort()
    const pages = [
      `listen ${host}:${port};`,
      'location / { add_header X-State ready; return 200 "all is well\\n"; }',
      'location /moved { return 302 /; }',
      'location /broken { return 500 broken; }',
      'location /host { return 200 $http_host; }',
    ]
    await startNginx(t, { http: `server { ${pages.join(' ')} }` })
    return port
  }

  const cases: readonly { readonly words: readonly string[]; readonly fault?: string }[] = [
    { words: [] },
    { words: ['uri=/moved'] },
    { words: ['uri=/broken'], fault: 'unexpected status 500' },
    { words: ['uri=/broken', 'status=500-502'] },
    { words: ['status=! 200 404'], fault: 'unexpected status 200' },
    { words: ['uri=/moved', 'status=200'], fault: 'unexpected status 302' },
    { words: ['header=X-State'] },
    { words: ['header=! X-State'], fault: 'unexpected header "X-State"' },
    { words: ['header=! X-Other', 'header=x-state = ready', 'header=X-State != down'] },
    { words: ['header=X-State ~ ^rea', 'header=X-State !~ x'] },
    { words: ['header=X-State = x'], fault: 'unexpected value of header "X-State"' },
    { words: ['header=X-Other ~ .'], fault: 'unexpected value of header "X-Other"' },
    { words: ['body=~ ^all'] },
    { words: ['body=~* ALL IS'] },
    { words: ['body=!~ well'], fault: 'unexpected body' },
    { words: ['uri=/host', 'body=~ ^group\\.test$'] },
    { words: ['uri=/host', 'host=other.test:8080', 'body=~ ^other\\.test:8080$'] },
    { words: ['uri=/broken', 'only_check_port=on'] },
  ]
  test('what is asked, and what a good answer is', async (t) => {
    const port = await startPages(t)
    for (const { words, fault } of cases) {
      assert.equal(await outcome(check(port, ...words)), fault, words.join(' '))
    }
  })

  test('one connection for as long as it may be used again', async (t) => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    const backend = await startTcpBackend(t, (socket) => {
      socket.on('data', () => socket.write(answer))
      socket.on('end', () => socket.end())
    })
    for (const { words, connections } of [
      { words: ['keepalive_time=1h'], connections: 1 },
      { words: [], connections: 3 },
    ]) {
      const before = backend.accepted
      const session = check(backend.port, ...words)
      for (let i = 0; i < 3; i += 1) await session.run(AbortSignal.timeout(10_000))
      session.close()
      assert.equal(backend.accepted - before, connections)
      await until(() => backend.open === 0, { what: 'the end of the connections' })
    }
  })

  const servers = [
    { name: 'closes', say: '', fault: /^socket hang up|connection closed/ },
    { name: 'speaks another protocol', say: 'SSH-2.0-x\r\n', fault: /^Parse Error/ },
    {
      name: 'cuts its answer',
      say: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
      fault: /^aborted/,
    },
    {
      name: 'sends a head without end',
      say: `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`,
      fault: /^Parse Error: Header overflow/,
    },
  ] as const
  for (const { name, say, fault } of servers) {
    test(`a server that ${name} is not well`, async (t) => {
      const { port } = await startTcpBackend(t, (socket) => {
        socket.once('data', () => socket.end(say))
      })
      assert.match((await outcome(check(port))) ?? '', fault)
    })
  }

  test('a server that is not there, or says nothing, is not well', async (t) => {
    assert.equal(
      await outcome(check(await freePort())),
      'connect() failed (111: Connection refused)',
    )
    const { port } = await startTcpBackend(t, () => undefined)
    assert.equal(await outcome(check(port), silent), 'timed out')
  })

  test('only the beginning of a body is looked at', async (t) => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n'
    const { port } = await startTcpBackend(t, (socket) => {
      socket.once('data', () => {
        socket.write(head)
        socket.write(`first${'x'.repeat(5_000_000)}last`)
      })
    })
    assert.equal(await outcome(check(port, 'body=~ ^first')), undefined)
    assert.equal(await outcome(check(port, 'body=~ last')), 'unexpected body')
  })
})

suite('TLS', () => {
  const names = 'group.test'

  async function startSecure(t: TestContext, ...more: readonly string[]): Promise<number> {
    const port = await freePort()
    const { certFile, keyFile } = certificateFor(names)
    const args = [
      's_server',
      '-accept',
      `${host}:${port}`,
      '-cert',
      certFile,
      '-key',
      keyFile,
      '-www',
    ]
    const server = await startProcess(t, ['openssl', ...args, ...more])
    await until(() => server.said().includes('ACCEPT'), { what: 'openssl s_server' })
    return port
  }

  const trust = [
    'ssl=on',
    'ssl_verify=on',
    `ssl_trusted_certificate=${certificateAuthority().certFile}`,
  ]

  test('a certificate is verified where that is asked for', async (t) => {
    const port = await startSecure(t)
    assert.equal(await outcome(check(port, 'ssl=on')), undefined)
    assert.equal(await outcome(check(port, ...trust)), undefined)
    assert.equal(
      await outcome(check(port, ...trust, 'ssl_name=other.test')),
      'upstream SSL certificate does not match "other.test"',
    )
    const stranger = certificateFor('stranger.test').certFile
    assert.match(
      (await outcome(
        check(port, 'ssl=on', 'ssl_verify=on', `ssl_trusted_certificate=${stranger}`),
      )) ?? '',
      /unable to (?:verify the first certificate|get local issuer certificate)/,
    )
    assert.match((await outcome(check(port))) ?? '', /hang up|closed|Parse Error|ECONNRESET|recv/)
  })

  test('protocols and ciphers are those that are configured', async (t) => {
    const port = await startSecure(t, '-tls1_2')
    assert.equal(await outcome(check(port, 'ssl=on', 'ssl_protocols=TLSv1.2')), undefined)
    assert.match(
      (await outcome(check(port, 'ssl=on', 'ssl_protocols=TLSv1.3'))) ?? '',
      /alert protocol version/,
    )
    const cipher = 'ECDHE-RSA-AES128-GCM-SHA256'
    const only = ['ssl=on', `ssl_ciphers=${cipher}`, `body=~ Cipher +: ${cipher}`]
    assert.equal(await outcome(check(port, ...only)), undefined)
  })

  test('a certificate is shown to servers that ask for one', async (t) => {
    const authority = certificateAuthority().certFile
    const port = await startSecure(t, '-Verify', '1', '-verify_return_error', '-CAfile', authority)
    assert.notEqual(await outcome(check(port, 'ssl=on')), undefined)
    const { certFile, keyFile } = certificateFor('client.test')
    const shown = [`ssl_certificate=${certFile}`, `ssl_certificate_key=${keyFile}`]
    assert.equal(await outcome(check(port, 'ssl=on', ...shown)), undefined)
  })

  test('the name is sent where that is asked for', async (t) => {
    const asked: string[] = []
    const { cert, key } = certificateFor(names)
    const backend = await startTlsBackend(
      t,
      {
        cert,
        key,
        SNICallback: (name, done) => {
          asked.push(name)
          done(null)
        },
      },
      (socket) => socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\n')),
    )
    assert.equal(await outcome(check(backend.port, 'ssl=on')), undefined)
    assert.deepEqual(asked, [])
    assert.equal(await outcome(check(backend.port, 'ssl=on', 'ssl_server_name=on')), undefined)
    assert.deepEqual(asked, [names])
  })

  test('sessions are resumed where that is asked for', async (t) => {
    const { cert, key } = certificateFor(names)
    let resumed = 0
    const backend = await startTlsBackend(t, { cert, key, maxVersion: 'TLSv1.2' }, (socket) => {
      const secure = socket as typeof socket & { isSessionReused(): boolean }
      if (secure.isSessionReused()) resumed += 1
      socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\n'))
    })
    for (const { words, count } of [
      { words: [], count: 0 },
      { words: ['ssl_session_reuse=on'], count: 2 },
    ]) {
      resumed = 0
      const session = check(backend.port, 'ssl=on', 'ssl_protocols=TLSv1.2', ...words)
      for (let i = 0; i < 3; i += 1) await session.run(AbortSignal.timeout(10_000))
      session.close()
      assert.equal(resumed, count)
    }
  })
})

suite('tcp and udp', () => {
  test('a dialogue by TCP', async (t) => {
    const { port } = await startTcpBackend(t, (socket) => {
      socket.write('+HEL')
      setImmediate(() => socket.write('LO\r\n'))
      socket.on('data', (data: Buffer) => {
        if (data.equals(Buffer.from('PING\x00\r\n'))) socket.write('+PONG\r\n')
      })
    })
    for (const { words, fault } of [
      { words: [] },
      { words: ['expect=+HELLO'] },
      { words: ['expect=+HELP'], fault: 'unexpected answer' },
      { words: ['expect=~ HELLO'] },
      { words: ['send=PING\\x00\\r\\n', 'expect=~ PONG'] },
    ]) {
      assert.equal(await outcome(check(port, 'type=tcp', ...words)), fault, words.join(' '))
    }
    assert.equal(await outcome(check(port, 'type=tcp', 'expect=~ PONG'), silent), 'timed out')
    const refused = await outcome(check(await freePort(), 'type=tcp'))
    assert.equal(refused, 'connect() failed (111: Connection refused)')
  })

  test('a server that ends before it has said what it should is not well', async (t) => {
    const { port } = await startTcpBackend(t, (socket) => void socket.end('+HE'))
    const fault = 'connection closed before the expected answer'
    assert.equal(await outcome(check(port, 'type=tcp', 'expect=+HELLO')), fault)
  })

  test('a dialogue by TCP with TLS', async (t) => {
    const { cert, key } = certificateFor('group.test')
    const backend = await startTlsBackend(t, { cert, key }, (socket) => void socket.write('ready'))
    assert.equal(
      await outcome(check(backend.port, 'type=tcp', 'ssl=on', 'expect=ready')),
      undefined,
    )
    const plain = await startTcpBackend(t, (socket) => void socket.end('ready'))
    assert.match(
      (await outcome(check(plain.port, 'type=tcp', 'ssl=on'))) ?? '',
      /wrong version|SSL/,
    )
  })

  test('a dialogue by UDP', async (t) => {
    const { port } = await startUdpBackend(t, (bytes) => (bytes.toString() === 'a' ? 'b' : ''))
    assert.equal(await outcome(check(port, 'type=udp', 'send=a', 'expect=b')), undefined)
    assert.equal(await outcome(check(port, 'type=udp', 'send=a', 'expect=c')), 'unexpected answer')
    const quiet = await startUdpBackend(t, () => [])
    assert.equal(
      await outcome(check(quiet.port, 'type=udp', 'send=x', 'expect=b'), silent),
      'timed out',
    )
    assert.equal(await outcome(check(quiet.port, 'type=udp'), silent), undefined)
    assert.match(
      (await outcome(check(await freePort(), 'type=udp'))) ?? '',
      /111: Connection refused/,
    )
  })
})

suite('grpc', () => {
  /** `grpc.health.v1.Health`: a service is asked for by name, the answer is one number. */
  async function startHealth(
    t: TestContext,
    answer: (service: string, stream: ServerHttp2Stream) => void,
  ): Promise<number> {
    const server = createHttp2Server()
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      const chunks: Buffer[] = []
      stream.on('error', () => undefined)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        assert.equal(headers[':path'], '/grpc.health.v1.Health/Check')
        assert.equal(headers['content-type'], 'application/grpc')
        const message = Buffer.concat(chunks)
        assert.equal(message.readUInt32BE(1), message.length - 5)
        answer(message.length === 5 ? '' : message.subarray(7).toString(), stream)
      })
    })
    server.listen(0, host)
    await once(server, 'listening')
    onEnd(t, () => void server.close())
    return (server.address() as AddressInfo).port
  }

  const say =
    (status: number) =>
    (_service: string, stream: ServerHttp2Stream): void => {
      const headers = { ':status': 200, 'content-type': 'application/grpc' }
      stream.respond(headers, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]))
    }

  const failing =
    (code: number) =>
    (_service: string, stream: ServerHttp2Stream): void => {
      stream.respond({ ':status': 200, 'grpc-status': String(code) }, { endStream: true })
    }

  test('a service that serves, and one that does not', async (t) => {
    assert.equal(await outcome(check(await startHealth(t, say(1)), 'type=grpc')), undefined)
    assert.equal(
      await outcome(check(await startHealth(t, say(2)), 'type=grpc')),
      'the gRPC service does not serve',
    )
  })

  test('the service is asked for by its name', async (t) => {
    const long = 'shop.'.repeat(40)
    const asked: string[] = []
    const port = await startHealth(t, (service, stream) => {
      asked.push(service)
      say(1)(service, stream)
    })
    await outcome(check(port, 'type=grpc', 'grpc_service=shop.v1'))
    await outcome(check(port, 'type=grpc'))
    assert.deepEqual(asked, ['shop.v1', ''])
    assert.ok(long.length > 127)
  })

  test('a server that does not know the protocol may be well', async (t) => {
    const port = await startHealth(t, failing(12))
    assert.equal(await outcome(check(port, 'type=grpc')), 'unexpected gRPC status 12')
    assert.equal(await outcome(check(port, 'type=grpc', 'grpc_status=12')), undefined)
  })

  test('a server that speaks HTTP/1.1, or nothing, is not well', async (t) => {
    const old = await startTcpBackend(t, (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    assert.notEqual(await outcome(check(old.port, 'type=grpc')), undefined)
    const quiet = await startTcpBackend(t, () => undefined)
    assert.equal(await outcome(check(quiet.port, 'type=grpc'), silent), 'timed out')
  })
})

suite('mysql', () => {
  const account: MysqlAccount = {
    user: 'probe',
    password: 'se cret',
    db: 'shop',
    plugin: 'mysql_native_password',
  }
  const login = ['type=mysql', 'user=probe', 'password=se cret', 'db=shop']

  for (const plugin of ['mysql_native_password', 'caching_sha2_password'] as const) {
    for (const secured of [false, true]) {
      for (const cached of plugin === 'caching_sha2_password' ? [true, false] : [true]) {
        const how = `${plugin}${secured ? ' by TLS' : ''}${cached ? '' : ', asked for the password'}`
        test(`a login with ${how}`, async (t) => {
          const pair = certificateFor('mysql.test')
          const known = { ...account, plugin, cached }
          giveKeyPair(known, { key: pair.key, cert: await publicKeyOf(pair.certFile) })
          const double = await startMysqlDouble(t, known, secured ? pair : undefined)
          const { port } = double
          assert.equal(await outcome(check(port, ...login, 'select=SELECT 1')), undefined)
          assert.deepEqual(double.questions, ['SELECT 1'])
          const wrong = login.with(2, 'password=wrong')
          assert.equal(await outcome(check(port, ...wrong)), 'server error 1045: Access denied')
          await until(() => double.secured === (secured ? 2 : 0), { what: 'both sessions' })
        })
      }
    }
  }

  test('a login with another plugin than the server greets with', async (t) => {
    const greets = 'caching_sha2_password'
    const { port } = await startMysqlDouble(t, { ...account, greets })
    assert.equal(await outcome(check(port, ...login)), undefined)
  })

  test('a question that fails is a failure', async (t) => {
    const { port } = await startMysqlDouble(t, account)
    assert.equal(
      await outcome(check(port, ...login, 'select=SELECT * FROM nowhere')),
      `server error 1146: Table 'nowhere' doesn't exist`,
    )
  })

  test('what is no such server is not well', async (t) => {
    const silence = await startTcpBackend(t, () => undefined)
    assert.equal(await outcome(check(silence.port, ...login), silent), 'timed out')
    const other = await startTcpBackend(t, (socket) => void socket.end('220 mail\r\n'.repeat(20)))
    assert.equal(await outcome(check(other.port, ...login)), 'unexpected answer')
    const short = await startTcpBackend(
      t,
      (socket) => void socket.end(Buffer.from([50, 0, 0, 0, 10])),
    )
    assert.equal(
      await outcome(check(short.port, ...login)),
      'connection closed before the expected answer',
    )
  })

  test('a server that greets and falls silent in the handshake is not well', async (t) => {
    const { port } = await startMysqlDouble(t, account, certificateFor('mysql.test'))
    const mute = await startTcpBackend(t, (socket) => {
      const real = connect({ host, port })
      real.once('data', (greeting) => socket.write(greeting))
      socket.on('close', () => real.destroy())
      socket.on('end', () => socket.end())
      socket.resume()
    })
    assert.equal(await outcome(check(mute.port, ...login), silent), 'timed out')
    await until(() => mute.open === 0, { what: 'the end of the connection' })
  })

  test('MariaDB', async (t) => {
    const prefix = makeTempPrefix(t)
    const port = await freePort()
    const data = join(prefix.path, 'data')
    const socket = join(prefix.path, 'sock')
    await run(['chmod', '755', prefix.path])
    const folders = [`--datadir=${data}`, '--user=root']
    await run(['mariadb-install-db', ...folders, '--auth-root-authentication-method=normal'])
    const { certFile, keyFile } = certificateFor('mysql.test')
    const server = await startProcess(t, [
      'mariadbd',
      '--no-defaults',
      ...folders,
      `--port=${port}`,
      `--bind-address=${host}`,
      `--socket=${socket}`,
      `--ssl-cert=${certFile}`,
      `--ssl-key=${keyFile}`,
    ])
    await until(() => server.said().includes('ready for connections'), { what: 'MariaDB' })
    const sql = `CREATE DATABASE shop; CREATE USER probe@'${host}' IDENTIFIED BY 'se cret'; GRANT ALL ON shop.* TO probe@'${host}';`
    const { code, stderr } = await run(['mariadb', '-u', 'root', `--socket=${socket}`, '-e', sql])
    assert.equal(code, 0, stderr)
    assert.equal(await outcome(check(port, ...login, 'select=SELECT 1')), undefined)
    assert.equal(await outcome(check(port, ...login, 'use_ssl=off')), undefined)
    assert.match(
      (await outcome(check(port, ...login.with(2, 'password=wrong')))) ?? '',
      /^server error 1045: Access denied for user 'probe'@/,
    )
    assert.match(
      (await outcome(check(port, ...login, 'select=SELECT * FROM nowhere'))) ?? '',
      /^server error 1146: /,
    )
    assert.match(
      (await outcome(check(port, ...login.with(3, 'db=other')))) ?? '',
      /^server error 104/,
    )
  })
})

/** The double without TLS gives its key for passwords, as servers do. */
async function publicKeyOf(certFile: string): Promise<string> {
  const { stdout } = await run(['openssl', 'x509', '-in', certFile, '-pubkey', '-noout'])
  return stdout
}
