/** TLS in both roles, against openssl and Node. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectPlain, type AddressInfo } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import { connect, createServer } from 'node:tls'
import { silentLog } from '../../src/engine/core/log.ts'
import type { InetAddress } from '../../src/engine/net/address.ts'
import type { ClientHello } from '../../src/engine/net/client-hello.ts'
import { openListeningSocket } from '../../src/engine/net/listening-socket.ts'
import type { Socket } from '../../src/engine/net/socket.ts'
import { TimingWheel } from '../../src/engine/net/timing-wheel.ts'
import { toTicketKey } from '../../src/engine/net/openssl/ticket-keys.ts'
import { secureClient, type TlsClientSettings } from '../../src/engine/net/tls/secure-client.ts'
import { secureServer, type TlsServerSettings } from '../../src/engine/net/tls/secure-server.ts'
import { SecureSocket } from '../../src/engine/net/tls/secure-socket.ts'
import { SessionCache } from '../../src/engine/net/tls/session-cache.ts'
import { TlsContexts, type TlsContextOptions } from '../../src/engine/net/tls/tls-contexts.ts'
import { certificateAuthority, certificateFor } from '../support/certificates.ts'
import { run } from '../support/process.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { until, within } from '../support/wait.ts'
import { openTransport } from './carriers.ts'
import { Recorder } from './recorder.ts'

const ticketKeys = [toTicketKey(Buffer.alloc(80, 7))!]
const contexts = new TlsContexts(() => ticketKeys)

function contextOptions(name: string, more: Partial<TlsContextOptions> = {}): TlsContextOptions {
  const { certFile, keyFile } = certificateFor(name)
  return {
    certificates: [{ certificate: certFile, key: keyFile }],
    protocols: ['TLSv1.2', 'TLSv1.3'],
    ciphers: 'HIGH:!aNULL:!MD5',
    ...more,
  }
}

function settingsFor(name: string, more: Partial<TlsContextOptions> = {}): TlsServerSettings {
  return { context: contexts.get(contextOptions(name, more)), requestCertificate: false, alpn: [] }
}

interface Server {
  readonly port: number
  readonly address: InetAddress
  /** One per connection, in order. */
  readonly sides: Recorder[]
  readonly sockets: SecureSocket[]
}

/** Says the name of the certificate's server and what was agreed on. */
function serve(
  t: TestContext,
  select: (hello: ClientHello | undefined) => TlsServerSettings | 'reject',
  handshakeMs?: number,
): Server {
  const transport = openTransport(t, 'epoll')
  const wheel = new TimingWheel(transport.clock)
  const address = { family: 4, host: '127.0.0.1', port: 0 } as const
  const spec = { key: 'tls', protocol: 'tcp', address, options: {} } as const
  const sides: Recorder[] = []
  const sockets: SecureSocket[] = []
  const listener = transport.listen(openListeningSocket(spec, silentLog), spec, {
    onAccept: (socket) => {
      const side = new Recorder({ onConnect: greet, onEnd: (one) => one.end() })
      sides.push(side)
      const timeout = handshakeMs === undefined ? {} : { timeout: { wheel, ms: handshakeMs } }
      sockets.push(secureServer(socket, side, { select, ...timeout }))
    },
  })
  listener.start()
  const local = listener.local as InetAddress
  return { port: local.port, address: local, sides, sockets }
}

function greet(socket: Socket): void {
  assert.ok(socket instanceof SecureSocket)
  const { protocol, serverName, alpn, sessionReused } = socket.facts!
  const reused = sessionReused ? 'reused' : 'new'
  socket.write(Buffer.from(`[${protocol} ${serverName ?? '-'} ${alpn || '-'} ${reused}]`))
  socket.end()
}

/** Runs `openssl s_client` until the server has greeted or refused. */
async function openssl(port: number, ...args: string[]): Promise<string> {
  const command = ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', ...args]
  const { stdout, stderr } = await run(command as [string, ...string[]], { input: 'Q\n' })
  return `${stdout}\n${stderr}`
}

suite('server', () => {
  test('chooses by name before the handshake', async (t) => {
    const { port } = serve(t, (hello) => settingsFor(hello?.serverName ?? 'default.example'))
    for (const servername of ['one.example', 'two.example']) {
      const client = connect({ port, servername, ca: certificateAuthority().cert })
      const [data] = (await within(once(client, 'data'))) as [Buffer]
      assert.equal(data.toString(), `[TLSv1.3 ${servername} - new]`)
      assert.equal(client.authorized, true)
      client.destroy()
    }
    const nameless = connect({ port, rejectUnauthorized: false })
    await within(once(nameless, 'secureConnect'))
    assert.equal(nameless.getPeerCertificate().subject.CN, 'default.example')
    nameless.destroy()
  })

  test('rejects a handshake with unrecognized_name, without a certificate', async (t) => {
    const { port, sides } = serve(t, () => 'reject')
    const output = await openssl(port, '-servername', 'nobody.example')
    assert.match(output, /tlsv1 unrecognized name/)
    assert.match(output, /no peer certificate available/)
    const error = await within(sides[0]!.closed)
    assert.equal(error?.message, 'handshake rejected')
    assert.deepEqual(sides[0]!.steps, ['close'])
  })

  test('serves RSA and ECDSA on one server', async (t) => {
    const rsa = certificateFor('both.example')
    const ecdsa = certificateFor('both.example', 'ecdsa')
    const certificates = [rsa, ecdsa].map(({ certFile, keyFile }) => ({
      certificate: certFile,
      key: keyFile,
    }))
    const { port } = serve(t, () => settingsFor('both.example', { certificates }))
    const rsaOnly = await openssl(port, '-sigalgs', 'rsa_pss_rsae_sha256', '-tls1_3')
    assert.match(rsaOnly, /Peer signature type: RSA-PSS/)
    const ecdsaOnly = await openssl(port, '-sigalgs', 'ecdsa_secp256r1_sha256', '-tls1_3')
    assert.match(ecdsaOnly, /Peer signature type: ECDSA/)
  })

  test('speaks the protocols of its list, gaps included', async (t) => {
    const protocols = ['TLSv1', 'TLSv1.2'] as const
    const { port } = serve(t, () => settingsFor('old.example', { protocols }))
    const legacy = ['-cipher', 'ALL:@SECLEVEL=0']
    assert.match(await openssl(port, '-tls1', ...legacy), /\[TLSv1 /)
    assert.match(await openssl(port, '-tls1_2'), /\[TLSv1\.2 /)
    assert.doesNotMatch(await openssl(port, '-tls1_1', ...legacy), /\[TLS/)
    assert.doesNotMatch(await openssl(port, '-tls1_3'), /\[TLS/)
  })

  test('agrees on a protocol, or refuses', async (t) => {
    const settings = { ...settingsFor('alpn.example'), alpn: ['h2', 'http/1.1'] }
    const { port } = serve(t, () => settings)
    assert.match(await openssl(port, '-alpn', 'http/1.1,h2'), /\[TLSv1\.3 - h2 new\]/)
    assert.match(await openssl(port, '-alpn', 'spdy'), /no application protocol/)
    assert.match(await openssl(port), /\[TLSv1\.3 - - new\]/)
  })

  test('asks for a certificate and says what is wrong with it', async (t) => {
    const authorities = [certificateAuthority().certFile]
    const settings = {
      ...settingsFor('mtls.example', { authorities }),
      requestCertificate: true,
    }
    const { port, sockets } = serve(t, () => settings)
    const good = certificateFor('client.example')
    await openssl(port, '-cert', good.certFile, '-key', good.keyFile)
    assert.equal(sockets[0]!.facts!.verifyFault, undefined)
    assert.match(sockets[0]!.facts!.peerCertificate!.subject, /CN=client\.example/)
    await openssl(port)
    assert.equal(sockets[1]!.facts!.peerCertificate, undefined)
    const folder = makeTempPrefix(t).path
    const [crt, key] = [`${folder}/self.crt`, `${folder}/self.key`]
    const make = ['req', '-x509', '-nodes', '-newkey', 'rsa:2048', '-subj', '/CN=self']
    await run(['openssl', ...make, '-keyout', key, '-out', crt])
    await openssl(port, '-cert', crt, '-key', key)
    assert.deepEqual(sockets[2]!.facts!.verifyFault, {
      number: 18,
      text: 'self-signed certificate',
    })
  })

  test('resumes a session with a ticket', async (t) => {
    const { port } = serve(t, () => settingsFor('ticket.example'))
    const file = `${makeTempPrefix(t).path}/session`
    assert.match(await openssl(port, '-tls1_2', '-sess_out', file), /- new\]/)
    assert.match(await openssl(port, '-tls1_2', '-sess_in', file), /- reused\]/)
  })

  test('does not resume where tickets are off, or at another server', async (t) => {
    const off = serve(t, () => settingsFor('noticket.example', { sessionTickets: false }))
    const prefix = makeTempPrefix(t)
    const file = prefix.file('session')
    await openssl(off.port, '-tls1_2', '-sess_out', file)
    assert.match(await openssl(off.port, '-tls1_2', '-sess_in', file), /- new\]/)
    const [one, two] = ['one.example', 'two.example'].map((name) =>
      serve(t, () => settingsFor(name)),
    )
    await openssl(one!.port, '-tls1_2', '-sess_out', file)
    assert.doesNotMatch(await openssl(two!.port, '-tls1_2', '-sess_in', file), /- reused\]/)
  })

  test('a client that speaks no TLS gets an alert, one that goes away an error', async (t) => {
    const { port, sides } = serve(t, () => settingsFor('plain.example'))
    const client = connectPlain(port, '127.0.0.1')
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    client.on('error', () => {})
    client.resume()
    const error = await until(() => sides[0]?.closed)
    assert.match(error.message, /http request/)
    const leaver = connectPlain(port, '127.0.0.1')
    leaver.end(Buffer.from([22, 3, 1]))
    leaver.resume()
    await until(() => sides.length === 2)
    const left = await within(sides[1]!.closed)
    assert.equal(left?.message, 'peer closed connection in SSL handshake')
  })

  test('a client that sends nothing is timed out', async (t) => {
    const { port, sides } = serve(t, () => settingsFor('slow.example'), 60)
    const client = connectPlain(port, '127.0.0.1')
    client.on('error', () => {})
    await within(once(client, 'connect'))
    await until(() => sides.length === 1)
    const error = await within(sides[0]!.closed)
    assert.equal(error?.code, 'ETIMEDOUT')
    client.destroy()
  })
})

suite('client', () => {
  /** One connection to `address`; resolves with what became of it. */
  async function attempt(
    t: TestContext,
    port: number,
    settings: TlsClientSettings,
  ): Promise<{ readonly socket: SecureSocket; readonly side: Recorder }> {
    const transport = openTransport(t, 'epoll')
    const side = new Recorder()
    const started = Promise.withResolvers<SecureSocket>()
    transport.connect(
      { family: 4, host: '127.0.0.1', port },
      {},
      new Recorder({
        onConnect: (plain) => started.resolve(secureClient(plain, side, { settings })),
      }),
    )
    const socket = await within(started.promise)
    await within(Promise.race([side.connected, side.closed]))
    t.after(() => socket.destroy())
    return { socket, side }
  }

  async function upstream(t: TestContext, name: string): Promise<number> {
    const { cert, key } = certificateFor(name)
    const server = createServer({ cert, key, ALPNProtocols: ['echo'] }, (socket) => {
      socket.on('error', () => {})
      socket.write(`${socket.servername || '-'} ${socket.isSessionReused()}`)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    return (server.address() as AddressInfo).port
  }

  const plain: TlsContextOptions = {
    certificates: [],
    protocols: ['TLSv1.2', 'TLSv1.3'],
    ciphers: 'DEFAULT',
  }
  const trusting = contexts.get({ ...plain, authorities: [certificateAuthority().certFile] })

  test('verifies name and chain', async (t) => {
    const port = await upstream(t, 'up.example')
    const settings = {
      context: trusting,
      serverName: 'up.example',
      verify: { name: 'up.example', depth: 1 },
      alpn: ['echo'],
    }
    const { socket, side } = await attempt(t, port, settings)
    await within(side.received(1))
    assert.equal(side.text, 'up.example false')
    assert.equal(socket.facts!.alpn, 'echo')
  })

  test('refuses another name and an unknown authority, in the words of nginx', async (t) => {
    const port = await upstream(t, 'up.example')
    const wrongName = { context: trusting, verify: { name: 'other.example', depth: 1 } }
    const first = await attempt(t, port, wrongName)
    const mismatch = await within(first.side.closed)
    assert.equal(mismatch?.message, 'upstream SSL certificate does not match "other.example"')
    assert.deepEqual(first.side.steps, ['close'])
    const unknown = { context: contexts.get(plain), verify: { name: 'up.example', depth: 1 } }
    const second = await attempt(t, port, unknown)
    const untrusted = await within(second.side.closed)
    assert.equal(
      untrusted?.message,
      'upstream SSL certificate verify error: (21:unable to verify the first certificate)',
    )
  })

  test('resumes sessions it has kept', async (t) => {
    const port = await upstream(t, 'up.example')
    const sessions = { cache: new SessionCache(), key: 'up' }
    const settings = { context: trusting, sessions }
    const first = await attempt(t, port, settings)
    await until(() => sessions.cache.get('up') !== undefined, { what: 'a session' })
    first.socket.destroy()
    const second = await attempt(t, port, settings)
    await within(second.side.received(1))
    assert.equal(second.side.text, '- true')
    assert.equal(second.socket.facts!.sessionReused, true)
  })

  test('a peer that speaks no TLS is an error before any onConnect', async (t) => {
    const { port } = serve(t, () => settingsFor('x.example'))
    const garbage = connectPlain(port, '127.0.0.1')
    garbage.on('error', () => {})
    garbage.destroy()
    const transport = openTransport(t, 'epoll')
    const spec = {
      key: 'plain',
      protocol: 'tcp',
      address: { family: 4, host: '127.0.0.1', port: 0 },
      options: {},
    } as const
    const listener = transport.listen(openListeningSocket(spec, silentLog), spec, {
      onAccept: (socket) => void socket.write(Buffer.from('220 mail.example ESMTP\r\n')),
    })
    listener.start()
    const { side } = await attempt(t, (listener.local as InetAddress).port, { context: trusting })
    const error = await within(side.closed)
    assert.match(String(error?.message), /wrong version number/)
    assert.deepEqual(side.steps, ['close'])
  })
})
