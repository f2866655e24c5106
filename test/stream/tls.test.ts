/** TLS: terminated, passed through and towards upstreams; certificates by name and by original port. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { certificateAuthority, certificateFor } from '../support/certificates.ts'
import { startTcpBackend, startTlsBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { connectTcp, connectTls } from '../support/tcp.ts'
import { compareWithNginx } from './differential.ts'
import { refusalOf, startStream } from './support.ts'

const host = '127.0.0.1'

/** Options of a client with an address of its own, which Node passes on to \`net.connect\`. */
function from(localAddress: string, port: number): { host: string; port: number } {
  return { host, port, ...{ localAddress } }
}

const [one, two] = [certificateFor('one.test'), certificateFor('two.test', 'ecdsa')]
const ownCertificate = `ssl_certificate ${one.certFile}; ssl_certificate_key ${one.keyFile};`
const otherCertificate = `ssl_certificate ${two.certFile}; ssl_certificate_key ${two.keyFile};`

describe('terminated', () => {
  test('the plain text goes to the upstream and back', async (t) => {
    const [port, backend] = [await freePort(), await startTcpBackend(t)]
    await startStream(
      t,
      `server { listen ${host}:${port} ssl; ${ownCertificate} proxy_pass ${backend.address}; }`,
    )
    const client = await connectTls(t, { host, port })
    await client.send('ping')
    assert.equal((await client.read(4)).toString(), 'ping')
    const large = Buffer.alloc(3 * 1024 * 1024, 'xyz')
    client.socket.write(large)
    assert.ok((await client.read(large.length)).equals(large))
  })

  test('a certificate for each name, and the default one', async (t) => {
    const port = await freePort()
    await startStream(
      t,
      `server { listen ${host}:${port} ssl; server_name one.test; ${ownCertificate} return one; }
       server { listen ${host}:${port} ssl; server_name two.test; ${otherCertificate} return two; }
       server { listen ${host}:${port}; server_name *.wild.test; return wild; }`,
    )
    for (const [servername, subject, text] of [
      ['one.test', 'one.test', 'one'],
      ['two.test', 'two.test', 'two'],
      ['a.wild.test', 'one.test', 'wild'],
      ['nobody.test', 'one.test', 'one'],
    ] as const) {
      const client = await connectTls(t, { host, port, servername })
      assert.equal(client.socket.getPeerCertificate().subject.CN, subject)
      assert.equal((await client.readAll()).toString(), text)
    }
  })

  test('ssl_reject_handshake refuses names that nobody serves', async (t) => {
    const port = await freePort()
    await startStream(
      t,
      `server { listen ${host}:${port} ssl; ssl_reject_handshake on; return no; }
       server { listen ${host}:${port} ssl; server_name one.test; ${ownCertificate} return one; }`,
    )
    const client = await connectTls(t, { host, port, servername: 'one.test' })
    assert.equal((await client.readAll()).toString(), 'one')
    await assert.rejects(
      connectTls(t, { host, port, servername: 'nobody.test' }),
      /unrecognized name|alert number 112/i,
    )
  })

  test('the server chosen before the handshake shows its certificate', async (t) => {
    const port = await freePort()
    const engine = await startStream(
      t,
      `map $remote_addr $mesh_server_name { 127.0.0.2 two; }
       server { listen ${host}:${port} ssl; ssl_reject_handshake on; return no; }
       server { listen ${host}:${port} ssl; server_name two; ${otherCertificate} return "two ok"; }`,
    )
    const client = await connectTls(t, from('127.0.0.2', port))
    assert.equal(client.socket.getPeerCertificate().subject.CN, 'two.test')
    assert.equal((await client.readAll()).toString(), 'two ok')
    await assert.rejects(connectTls(t, from('127.0.0.3', port)))
    assert.match(engine.errorLog, /while SSL handshaking, client: 127\.0\.0\.3, server: /)
  })

  test('client certificates, and what variables say of them', async (t) => {
    const authority = certificateAuthority()
    const client = certificateFor('client.test')
    const identity = { cert: client.cert, key: client.key }
    for (const mode of ['on', 'optional', 'off']) {
      await compareWithNginx(t, {
        stream: (port) => `
          server { listen ${host}:${port} ssl; ${ownCertificate}
            ssl_client_certificate ${authority.certFile}; ssl_verify_client ${mode};
            ssl_protocols TLSv1.2 TLSv1.3;
            return "$ssl_client_verify|$ssl_client_s_dn|$ssl_client_i_dn|$ssl_client_serial|$ssl_client_fingerprint|$ssl_protocol|$ssl_cipher|$ssl_server_name|$ssl_session_reused|$ssl_client_v_end"; }`,
        run: async ({ port }) => {
          const answers: string[] = []
          for (const own of [identity, {}]) {
            const secure = await connectTls(t, { host, port, servername: 'one.test', ...own })
            answers.push((await secure.readAll({ orReset: true })).toString())
            secure.close()
          }
          return answers
        },
      })
    }
  })

  test('the log counts the bytes of the plain text', async (t) => {
    const backend = await startTcpBackend(t)
    await compareWithNginx(t, {
      stream: (port) => `
        log_format a '$status $bytes_received $bytes_sent $upstream_bytes_sent $upstream_bytes_received';
        access_log logs/access.log a;
        server { listen ${host}:${port} ssl; ${ownCertificate} proxy_pass ${backend.address}; }`,
      run: async ({ port, accessLog }) => {
        const client = await connectTls(t, { host, port })
        await client.send('hello')
        await client.read(5)
        client.close()
        return accessLog(1)
      },
    })
  })

  test('openssl s_client agrees on protocol and ALPN', async (t) => {
    const port = await freePort()
    await startStream(
      t,
      `server { listen ${host}:${port} ssl; ${ownCertificate} ssl_protocols TLSv1.2; ssl_alpn h2 mine;
         return "$ssl_alpn_protocol $ssl_protocol"; }`,
    )
    const { stdout } = await run(
      ['openssl', 's_client', '-connect', `${host}:${port}`, '-alpn', 'mine', '-quiet'],
      {},
    )
    assert.equal(stdout, 'mine TLSv1.2')
  })
})

test('passed through: the upstream is chosen by the name in the hello', async (t) => {
  const first = await startTlsBackend(t, { cert: one.cert, key: one.key }, (socket) =>
    socket.end('1'),
  )
  const second = await startTlsBackend(t, { cert: two.cert, key: two.key }, (socket) =>
    socket.end('2'),
  )
  await compareWithNginx(t, {
    stream: (port) => `
      log_format a '$ssl_preread_server_name $ssl_preread_protocol $ssl_preread_alpn_protocols $status';
      access_log logs/access.log a;
      map $ssl_preread_server_name $to { one.test ${first.address}; default ${second.address}; }
      server { listen ${host}:${port}; ssl_preread on; proxy_pass $to; }`,
    run: async ({ port, accessLog }) => {
      const got: string[] = []
      for (const servername of ['one.test', 'other.test']) {
        const client = await connectTls(t, { host, port, servername, ALPNProtocols: ['h2', 'x'] })
        got.push(client.socket.getPeerCertificate().subject.CN as string)
        got.push((await client.readAll()).toString())
        client.close()
      }
      return [got, await accessLog(2)]
    },
  })
})

describe('towards upstreams', () => {
  test('verified, named, with a client certificate', async (t) => {
    const authority = certificateAuthority()
    const client = certificateFor('proxy.test')
    const backend = await startTlsBackend(
      t,
      { cert: one.cert, key: one.key, ca: authority.cert, requestCert: true },
      (socket) => {
        const secure = socket as TLSSocket
        socket.end(`${String(secure.servername)} ${String(secure.getPeerCertificate().subject.CN)}`)
      },
    )
    const port = await freePort()
    await startStream(
      t,
      `server { listen ${host}:${port}; proxy_pass ${backend.address}; proxy_ssl on;
         proxy_ssl_name one.test; proxy_ssl_server_name on; proxy_ssl_verify on;
         proxy_ssl_trusted_certificate ${authority.certFile};
         proxy_ssl_certificate ${client.certFile}; proxy_ssl_certificate_key ${client.keyFile}; }`,
    )
    const plain = await connectTcp(t, { host, port })
    assert.equal((await plain.readAll()).toString(), 'one.test proxy.test')
  })

  test('a certificate for another name is refused, and told', async (t) => {
    const authority = certificateAuthority()
    // The handshake breaks off, which a backend that keeps half-open connections would not notice.
    const identity = { cert: one.cert, key: one.key, allowHalfOpen: false }
    const backend = await startTlsBackend(t, identity)
    const port = await freePort()
    const engine = await startStream(
      t,
      `server { listen ${host}:${port}; proxy_pass ${backend.address}; proxy_ssl on;
         proxy_ssl_name other.test; proxy_ssl_verify on;
         proxy_ssl_trusted_certificate ${authority.certFile}; }`,
    )
    const plain = await connectTcp(t, { host, port })
    assert.equal((await plain.readAll({ orReset: true })).toString(), '')
    assert.match(
      engine.errorLog,
      /upstream SSL certificate does not match "other\.test" while SSL handshaking to upstream/,
    )
  })
})

test('messages', async (t) => {
  const listen = 'listen 127.0.0.1:1 ssl;'
  assert.deepEqual(await refusalOf(t, `server { ${listen} return 1; }`), [
    'no "ssl_certificate" is defined for the "listen ... ssl" directive in conf/test.conf:2',
  ])
  assert.match(
    (await refusalOf(t, `server { ${listen} return 1; ssl_certificate ${one.certFile}; }`))[0]!,
    /^no "ssl_certificate_key" is defined for the "listen \.\.\. ssl" directive/,
  )
  assert.match(
    (
      await refusalOf(
        t,
        `server { ${listen} return 1; ssl_certificate /no; ssl_certificate_key /no; }`,
      )
    )[0]!,
    /^cannot load certificate "?/,
  )
  assert.match(
    (await refusalOf(t, `server { ${listen} return 1; ${ownCertificate} ssl_ntls on; }`))[0]!,
    /^"ssl_ntls on" is not supported/,
  )
})
