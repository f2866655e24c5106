/**
 * `/api/v1/ssl`, `/api/v1/stream_ssl` and `/api/v1/crl` in a running engine: which certificate clients are
 * shown, and whose own are refused, by the time a change is answered.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it, test } from 'node:test'
import {
  type Certificate,
  certificateAuthority,
  certificateFor,
  revocationListOf,
} from '../support/certificates.ts'
import { freePorts } from '../support/ports.ts'
import { type Owner, Scope } from '../support/scope.ts'
import { connectTls } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import {
  type Control,
  host,
  mainConf,
  refused,
  type Reply,
  startControl,
  success,
} from './support.ts'

const patient = { timeout: 120_000 }

/** Connections at the same time, so that both workers take some. */
const crowd = 12

type Kind = 'rsa' | 'ecdsa'

const algorithms = { rsa: 'RSA+SHA256:RSA-PSS+SHA256', ecdsa: 'ECDSA+SHA256' } as const

/** Serial numbers of what a crowd of clients is shown that take certificates of one kind only. */
async function serials(owner: Owner, port: number, kind: Kind): Promise<ReadonlySet<string>> {
  const shown = Array.from({ length: crowd }, async () => {
    const client = await connectTls(owner, {
      host,
      port,
      servername: 'shop.test',
      sigalgs: algorithms[kind],
    })
    const { serialNumber } = client.socket.getPeerCertificate()
    client.close()
    return serialNumber
  })
  return new Set(await Promise.all(shown))
}

const only = (certificate: Certificate): ReadonlySet<string> => new Set([certificate.serial])

for (const subsystem of ['http', 'stream'] as const) {
  const path = subsystem === 'http' ? '/api/v1/ssl' : '/api/v1/stream_ssl'

  describe(`certificates of ${subsystem} servers`, patient, () => {
    const scope = new Scope()
    const first = certificateFor('shop.test')
    const second = certificateFor(['shop.test', 'second.test'])
    const elliptic = certificateFor('shop.test', 'ecdsa')
    let control: Control
    let port: number
    let server: { readonly listens: readonly string[]; readonly serverNames: readonly string[] }

    before(async () => {
      ;[port] = (await freePorts(1)) as [number]
      const text = `server {
        listen ${host}:${port} ssl;
        server_name shop.test;
        ssl_certificate ${first.certFile};
        ssl_certificate_key ${first.keyFile};
        return ${subsystem === 'http' ? '200 shop' : 'shop'};
      }`
      server = { listens: [`${host}:${port}`], serverNames: ['shop.test'] }
      control = await startControl(scope, {
        workers: 2,
        blocks: subsystem === 'http' ? `http { ${text} }` : '',
        stream: subsystem === 'stream' ? text : '',
      })
    })

    after(() => scope.close())

    const put = (type: string, cert_info: object, query = ''): Promise<Reply> =>
      control.ask(scope, 'PUT', `${path}${query}`, { type, ...server, cert_info })

    const shown = (kind: Kind = 'rsa'): Promise<ReadonlySet<string>> => serials(scope, port, kind)

    it('replace the one of the same kind, in every worker, and give it back', async () => {
      const info = { certificate: second.certFile, certificateKey: second.keyFile }
      const open = await connectTls(scope, { host, port, servername: 'shop.test' })
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(await shown(), only(first))
        assert.deepEqual(await put('add', info), success)
        assert.deepEqual(await shown(), only(second))
        assert.deepEqual(await put('add', info), refused(11, ' dyn ssl cert repeated'))
        assert.deepEqual(await put('del', info), success)
      }
      assert.deepEqual(await shown(), only(first))
      if (subsystem === 'http') assert.equal(open.ending, undefined, 'connections stay')
      open.close()
    })

    it('stand beside one of another kind, as the text itself too', async () => {
      const info = {
        cert_type: 'ecc',
        certificate: `data:${elliptic.cert}`,
        certificateKey: `data:${elliptic.key}`,
      }
      await assert.rejects(shown('ecdsa'), 'there is none')
      assert.deepEqual(await put('add', info, '?dry_run=1'), success)
      await assert.rejects(shown('ecdsa'), 'there still is none')
      assert.deepEqual(await put('add', info), success)
      assert.deepEqual(await shown('ecdsa'), only(elliptic))
      assert.deepEqual(await shown('rsa'), only(first))
      const { servers } = await control.get<{ servers: { certificates: object[] }[] }>(scope, path)
      assert.deepEqual(servers[0]!.certificates, [
        { cert_type: 'other', certificate: first.certFile, certificateKey: first.keyFile },
        info,
      ])
      assert.deepEqual(await put('del', info), success)
      await assert.rejects(shown('ecdsa'), 'there is none again')
    })

    it('are refused where they cannot be used, and then nothing has changed', async () => {
      const pair = { certificate: second.certFile, certificateKey: second.keyFile }
      const cases: readonly (readonly [object, RegExp])[] = [
        [
          { certificate: '/nowhere.pem' },
          /cannot load certificate \\"\/nowhere\.pem\\".*No such file/,
        ],
        [{ certificate: 'data:nonsense' }, /cannot load certificate \\"data:\.\.\.\\"/],
        [{ certificateKey: elliptic.keyFile }, /no certificate assigned/],
        [{ certificateKey: first.keyFile }, /key values mismatch/],
        [{ certificateKey: 'data:nonsense' }, /cannot load certificate key \\"data:\.\.\.\\"/],
      ]
      const revision = await control.revision(scope)
      for (const [change, message] of cases) {
        const { status, text } = await put('add', { ...pair, ...change })
        assert.equal(status, 200)
        assert.match(text, message, JSON.stringify(change))
        assert.match(text, /"code":4/)
        assert.doesNotMatch(text, /PRIVATE|nonsense/, 'secrets are not repeated')
      }
      const missing = ' the certificate was not added dynamically'
      const own = { certificate: first.certFile, certificateKey: first.keyFile }
      assert.deepEqual(await put('del', own), refused(4, missing))
      assert.equal(await control.revision(scope), revision)
      assert.deepEqual(await shown(), only(first))
    })

    it('leave nothing behind', () => {
      assert.equal(control.engine.children('worker process').length, 2)
      assert.doesNotMatch(control.engine.errorLog, /\[(?:alert|emerg|crit)\]/)
    })
  })
}

describe('lists of revoked certificates', patient, () => {
  const scope = new Scope()
  const own = certificateFor('shop.test')
  const good = certificateFor('good.test')
  const revoked = certificateFor('revoked.test')
  let control: Control
  let http: number
  let stream: number

  before(async () => {
    ;[http, stream] = (await freePorts(2)) as [number, number]
    const server = (port: number, text: string): string => `server {
      listen ${host}:${port} ssl;
      server_name shop.test;
      ssl_certificate ${own.certFile};
      ssl_certificate_key ${own.keyFile};
      ssl_client_certificate ${certificateAuthority().certFile};
      ssl_verify_client on;
      ssl_crl ${revocationListOf([]).file};
      return ${text};
    }`
    control = await startControl(scope, {
      workers: 2,
      blocks: `http { ${server(http, '200 welcome')} }`,
      stream: server(stream, 'welcome'),
    })
  })

  after(() => scope.close())

  const put = (port: number, ssl_crl: string, query = ''): Promise<Reply> => {
    const server = { listens: [`${host}:${port}`], serverNames: ['shop.test'] }
    return control.ask(scope, 'PUT', `/api/v1/crl${query}`, { ...server, ssl_crl })
  }

  /** Whether a crowd of clients with that certificate is let in. */
  async function letsIn(port: number, { cert, key }: Certificate): Promise<ReadonlySet<boolean>> {
    const clients = Array.from({ length: crowd }, async () => {
      const client = await connectTls(scope, { host, port, servername: 'shop.test', cert, key })
      await client.send('GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n')
      const text = (await client.readAll({ orReset: true })).toString()
      client.close()
      return text.endsWith('welcome')
    })
    return new Set(await Promise.all(clients))
  }

  it('count in every worker when the request is answered, for servers of both blocks', async () => {
    const list = revocationListOf([revoked])
    for (const port of [http, stream]) {
      assert.deepEqual(await letsIn(port, revoked), new Set([true]))
      assert.deepEqual(await put(port, list.file, '?dry_run=1'), success)
      assert.deepEqual(await letsIn(port, revoked), new Set([true]), 'it was a dry run')
      assert.deepEqual(await put(port, list.file), success)
      assert.deepEqual(await letsIn(port, revoked), new Set([false]))
      assert.deepEqual(await letsIn(port, good), new Set([true]))
      assert.deepEqual(await put(port, `data:${revocationListOf([good]).text}`), success)
      assert.deepEqual(await letsIn(port, revoked), new Set([true]))
      assert.deepEqual(await letsIn(port, good), new Set([false]))
    }
  })

  it('are refused where they are none, and then nothing has changed', async () => {
    const { text } = await put(http, '/nowhere.pem')
    assert.match(text, /"code":4,"msg":"X509_LOOKUP_load_file\(\\"\/nowhere\.pem\\"\)/)
    assert.match((await put(http, 'data:nonsense')).text, /no certificate or crl found/)
    assert.deepEqual(await put(http, ''), refused(4, ' ssl_crl is empty'))
    assert.deepEqual(await letsIn(http, good), new Set([false]))
  })

  it('give way to those of the files when all is rolled back', async () => {
    assert.deepEqual(await control.ask(scope, 'POST', '/api/v2/rollback', { to: 0 }), success)
    for (const port of [http, stream]) {
      for (const client of [good, revoked]) {
        assert.deepEqual(await letsIn(port, client), new Set([true]))
      }
    }
  })
})

test('certificates and lists outlive kills, reload, stop and start', patient, async (t) => {
  const [port, controlPort] = (await freePorts(2)) as [number, number]
  const first = certificateFor('shop.test')
  const second = certificateFor(['shop.test', 'second.test'])
  const options = {
    workers: 2,
    blocks: `http {
      server {
        listen ${host}:${port} ssl;
        server_name shop.test;
        ssl_certificate ${first.certFile};
        ssl_certificate_key ${first.keyFile};
        return 200;
      }
    }`,
    stream: '',
    controlPort,
  }
  const control = await startControl(t, options)
  const server = { listens: [`${host}:${port}`], serverNames: ['shop.test'] }
  const cert_info = { certificate: second.certFile, certificateKey: second.keyFile }
  const add = { type: 'add', ...server, cert_info }
  assert.deepEqual(await control.ask(t, 'PUT', '/api/v1/ssl', add), success)
  const list = { ...server, ssl_crl: revocationListOf([]).file }
  assert.deepEqual(await control.ask(t, 'PUT', '/api/v1/crl', list), success)
  const verify = async (what: string): Promise<void> =>
    assert.deepEqual(await serials(t, port, 'rsa'), only(second), what)
  for (const victim of ['worker process', 'ctrl']) {
    await control.kill(victim)
    await until(() => control.engine.children('worker process').length === 2, { what: 'a worker' })
    await verify(`after the end of ${victim}`)
  }
  await control.waitForControl(t)
  assert.equal(await control.engine.reload(mainConf({ ...options, workers: 1 })), true)
  await verify('after a reload')
  await control.engine.stop()
  const again = await startControl(t, { ...options, prefix: control.prefix })
  await verify('after a restart')
  const { servers } = await again.get<{ servers: unknown[] }>(t, '/api/v1/crl')
  assert.deepEqual(servers, [{ ...server, ssl_crls: [{ ssl_crl: list.ssl_crl }] }])
  const del = { ...add, type: 'del' }
  assert.deepEqual(await again.ask(t, 'PUT', '/api/v1/ssl', del), success)
  assert.deepEqual(await serials(t, port, 'rsa'), only(first))
})
