/** Certificates whose names hang on the client, in both subsystems. */
import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { suite, test, type TestContext } from 'node:test'
import { certificateFor } from '../support/certificates.ts'
import { freePort } from '../support/ports.ts'
import { connectTls } from '../support/tcp.ts'
import { startStream } from '../stream/support.ts'
import { startHttp } from './support.ts'

const names = ['one.test', 'two.test'] as const

const files = Object.fromEntries(
  names.flatMap((name) => {
    const { cert, key } = certificateFor(name)
    return [
      [`conf/certs/${name}.crt`, cert],
      [`conf/certs/${name}.key`, key],
    ]
  }),
)

async function subjectAt(t: TestContext, port: number, servername: string): Promise<string> {
  const { socket } = await connectTls(t, { port, servername })
  return String(socket.getPeerCertificate().subject.CN)
}

const byName = `ssl_certificate certs/$ssl_server_name.crt;
  ssl_certificate_key certs/$ssl_server_name.key;`

suite('http', () => {
  test('the file of the name, read when it is asked for', async (t) => {
    const port = await freePort()
    const engine = await startHttp(
      t,
      `access_log off; server { listen 127.0.0.1:${port} ssl; ${byName} return 200; }`,
      files,
    )
    for (const name of names) assert.equal(await subjectAt(t, port, name), name)
    await assert.rejects(connectTls(t, { port, servername: 'three.test' }), /internal error/)
    assert.match(engine.errorLog, /cannot load certificate ".*certs\/three\.test\.crt"/)
    for (const end of ['crt', 'key']) {
      renameSync(
        engine.prefix.file(`conf/certs/one.test.${end}`),
        engine.prefix.file(`conf/certs/three.test.${end}`),
      )
    }
    assert.equal(await subjectAt(t, port, 'three.test'), 'one.test')
  })

  test('a map chooses, and what it holds may be the certificate itself', async (t) => {
    const port = await freePort()
    const inline = certificateFor('inline.test')
    await startHttp(
      t,
      `access_log off;
       map $ssl_server_name $shown { default "${inline.cert}"; }
       map $ssl_server_name $secret { default "${inline.key}"; }
       server { listen 127.0.0.1:${port} ssl; ssl_certificate data:$shown;
         ssl_certificate_key data:$secret; ssl_certificate_cache max=10; return 200; }`,
    )
    for (let i = 0; i < 2; i += 1) {
      assert.equal(await subjectAt(t, port, 'any.test'), 'inline.test')
    }
  })

  test('beside a certificate of another kind of key that has a fixed name', async (t) => {
    const port = await freePort()
    const ecdsa = certificateFor('fixed.test', 'ecdsa')
    await startHttp(
      t,
      `access_log off; server { listen 127.0.0.1:${port} ssl; ${byName}
         ssl_certificate fixed.crt; ssl_certificate_key fixed.key; return 200; }`,
      { ...files, 'conf/fixed.crt': ecdsa.cert, 'conf/fixed.key': ecdsa.key },
    )
    const rsa = { sigalgs: 'rsa_pss_rsae_sha256' }
    const { socket } = await connectTls(t, { port, servername: 'one.test', ...rsa })
    assert.equal(socket.getPeerCertificate().subject.CN, 'one.test')
    const other = { sigalgs: 'ecdsa_secp256r1_sha256' }
    const second = await connectTls(t, { port, servername: 'one.test', ...other })
    assert.equal(second.socket.getPeerCertificate().subject.CN, 'fixed.test')
  })
})

test('stream: the file of the name', async (t) => {
  const port = await freePort()
  const [one] = names.map((name) => certificateFor(name))
  const folder = one!.certFile.replace(/[^/]+$/, '')
  const [, base] = /([^/]+)\.crt\.pem$/.exec(one!.certFile) ?? []
  await startStream(
    t,
    `map $ssl_server_name $base { one.test ${base}; }
     server { listen 127.0.0.1:${port} ssl; ssl_certificate ${folder}$base.crt.pem;
       ssl_certificate_key ${folder}$base.key.pem; return "$ssl_server_name"; }`,
  )
  assert.equal(await subjectAt(t, port, 'one.test'), 'one.test')
  await assert.rejects(connectTls(t, { port, servername: 'two.test' }), /internal error/)
})
