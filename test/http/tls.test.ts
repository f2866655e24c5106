/** TLS towards clients: certificates by name, refusals, client certificates, plain requests on a TLS port. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { certificateAuthority, certificateFor } from '../support/certificates.ts'
import { curl, parseAnswer } from '../support/http.ts'
import { freePorts } from '../support/ports.ts'
import { Scope } from '../support/scope.ts'
import { connectTcp, connectTls } from '../support/tcp.ts'
import { startHttp } from './support.ts'

const scope = new Scope()

let tlsPort = 0
let proxyPort = 0
let rejectPort = 0

const site = certificateFor('site.test')
const other = certificateFor('other.test', 'ecdsa')
const client = certificateFor('client')

before(async () => {
  ;[tlsPort, proxyPort, rejectPort] = (await freePorts(3)) as [number, number, number]
  const files = {
    'conf/site.crt': site.cert,
    'conf/site.key': site.key,
    'conf/other.crt': other.cert,
    'conf/other.key': other.key,
    'conf/ca.crt': certificateAuthority().cert,
    'html/large.bin': Buffer.alloc(3_000_000, 'abcdefg'),
  }
  await startHttp(
    scope,
    `
    access_log off;
    ssl_certificate site.crt;
    ssl_certificate_key site.key;
    server { listen 127.0.0.1:${tlsPort} ssl; server_name site.test;
      location / { return 200 "$server_name $scheme $https $ssl_protocol $ssl_server_name $ssl_client_verify"; }
      location /large.bin { root html; } }
    server { listen 127.0.0.1:${tlsPort} ssl; server_name other.test;
      ssl_certificate other.crt; ssl_certificate_key other.key; ssl_protocols TLSv1.2;
      return 200 "$server_name $ssl_protocol"; }
    server { listen 127.0.0.1:${tlsPort} ssl; server_name rejected.test; ssl_reject_handshake on; }
    server { listen 127.0.0.1:${tlsPort} ssl; server_name verified.test;
      ssl_verify_client on; ssl_client_certificate ca.crt;
      return 200 "$ssl_client_verify $ssl_client_s_dn"; }
    server { listen 127.0.0.1:${proxyPort} ssl proxy_protocol; server_name site.test;
      return 200 "$proxy_protocol_addr $remote_addr $ssl_server_name"; }
    server { listen 127.0.0.1:${rejectPort} ssl; ssl_reject_handshake on; }`,
    files,
  )
})
after(() => scope.close())

function at(name: string, path = '/'): string[] {
  return ['-k', '--resolve', `${name}:${tlsPort}:127.0.0.1`, `https://${name}:${tlsPort}${path}`]
}

test('the certificate and the server of the name', async () => {
  const answer = await curl(...at('site.test'))
  assert.equal(answer.body.toString(), 'site.test https on TLSv1.3 site.test NONE')
  const tls = await connectTls(scope, { port: tlsPort, servername: 'other.test' })
  assert.equal(tls.socket.getPeerCertificate().subject.CN, 'other.test')
  assert.equal(tls.socket.getProtocol(), 'TLSv1.2')
})

test('an unknown name gets the default server', async () => {
  const answer = await curl(...at('nobody.test'))
  assert.match(answer.body.toString(), /^site\.test https/)
})

test('a rejected name gets an alert and no certificate', async () => {
  for (const [port, servername] of [
    [tlsPort, 'rejected.test'],
    [rejectPort, 'any.test'],
  ] as const) {
    await assert.rejects(connectTls(scope, { port, servername }), /unrecognized name/i)
  }
})

test('ALPN agrees on http/1.1', async () => {
  const tls = await connectTls(scope, {
    port: tlsPort,
    servername: 'site.test',
    ALPNProtocols: ['h2', 'http/1.1'],
  })
  assert.equal(tls.socket.alpnProtocol, 'http/1.1')
})

test('several requests on one connection', async () => {
  const tls = await connectTls(scope, { port: tlsPort, servername: 'site.test' })
  for (let i = 0; i < 3; i++) {
    await tls.send('GET / HTTP/1.1\r\nHost: site.test\r\n\r\n')
    assert.match(await tls.readUntil('NONE'), /^HTTP\/1\.1 200 OK/)
  }
})

test('a large file, whole', async () => {
  const answer = await curl(...at('site.test', '/large.bin'))
  assert.equal(answer.body.length, 3_000_000)
  assert.equal(answer.body.equals(Buffer.alloc(3_000_000, 'abcdefg')), true)
})

test('plain HTTP on the TLS port is told so', async () => {
  const answer = await curl(`http://127.0.0.1:${tlsPort}/`)
  assert.equal(answer.status, 400)
  assert.match(answer.body.toString(), /The plain HTTP request was sent to HTTPS port/)
})

test('a client certificate is asked for and judged', async () => {
  const without = await curl(...at('verified.test'))
  assert.equal(without.status, 400)
  assert.match(without.body.toString(), /No required SSL certificate was sent/)
  const tls = await connectTls(scope, {
    port: tlsPort,
    servername: 'verified.test',
    cert: client.cert,
    key: client.key,
  })
  await tls.send('GET / HTTP/1.1\r\nHost: verified.test\r\nConnection: close\r\n\r\n')
  assert.match(parseAnswer(await tls.readAll()).body.toString(), /^SUCCESS .*CN=client/)
})

test('a name other than that of the handshake does not get around a client certificate', async () => {
  const tls = await connectTls(scope, { port: tlsPort, servername: 'site.test' })
  await tls.send('GET / HTTP/1.1\r\nHost: verified.test\r\nConnection: close\r\n\r\n')
  assert.equal(parseAnswer(await tls.readAll()).status, 421)
})

test('the PROXY protocol before the handshake', async () => {
  const answer = await curl(
    '-k',
    '--haproxy-protocol',
    '--resolve',
    `site.test:${proxyPort}:127.0.0.1`,
    `https://site.test:${proxyPort}/`,
  )
  assert.equal(answer.body.toString(), '127.0.0.1 127.0.0.1 site.test')
})

test('a handshake that never comes is not waited for longer than the time-out', async (t) => {
  const port = tlsPort
  const own = await startHttp(
    t,
    `access_log off; server { listen 127.0.0.1:${rejectPort + 1} ssl; client_header_timeout 100ms;
      ssl_reject_handshake on; }`,
  )
  assert.ok(own)
  const silent = await connectTcp(t, { port: rejectPort + 1 })
  await silent.readAll({ orReset: true })
  assert.notEqual(port, 0)
})
