/**
 * The declarative keys, certificates of running servers, and key values: what they answer and what they do.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { certificateFor, type KeyType } from '../support/certificates.ts'
import { sayName, startTcpBackend } from '../support/echo-servers.ts'
import { curl } from '../support/http.ts'
import { freePorts } from '../support/ports.ts'
import { runOk } from '../support/process.ts'
import { Scope } from '../support/scope.ts'
import { connectTls } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import {
  type Control,
  host,
  refused,
  type Reply,
  startControl,
  success,
  textFor,
} from './support.ts'

const notFound: Reply = {
  status: 404,
  type: 'application/json',
  text: '{"code":404,"msg":"not found error"}',
}

/** Documents that are merged, in the order in which they are listed. */
const documents: readonly string[] = [
  'http_log',
  'http_vts',
  'http_dyn_bwlist',
  'http_dyn_limit',
  'http_dyn_map',
  'stream_dyn_map',
  'http_split_clients_2',
  'http_split_clients',
  'http_dyn_fault_inject',
  'http_dyn_header',
  'http_dyn_auth',
  'proxy_pass',
  'stream_proxy_pass',
  'stream_dyn_sts',
  'otel',
]

describe('declarative keys, certificates and key values', { timeout: 120_000 }, () => {
  const scope = new Scope()
  let control: Control
  let plain: number
  let secure: number
  let http: number
  let counted: number
  let one: string
  let two: string

  before(async () => {
    ;[plain, secure, http, counted] = (await freePorts(4)) as [number, number, number, number]
    one = (await startTcpBackend(scope, sayName('one'))).address
    two = (await startTcpBackend(scope, sayName('two'))).address
    const { certFile, keyFile } = certificateFor('fixed.test', 'rsa')
    control = await startControl(scope, {
      workers: 2,
      files: { 'conf/iot-work.conf': '' },
      blocks: `http {
        dyn_kv_conf conf/iot-work.conf;
        server { listen ${host}:${http}; location / { return 200 "[$kv_http_colour]"; } }
      }`,
      stream: `
        server_traffic_status_zone;
        server { listen ${host}:${counted}; return "$sts_connect_counter"; }
        map $remote_addr $word { hostnames; default nothing; ${host} local; }
        server { listen ${host}:${plain}; server_name a b; proxy_pass ${one}; }
        server { listen ${host}:${secure} ssl; server_name fixed.test;
          ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; return $word; }`,
    })
  })

  after(() => scope.close())

  function ask(method: string, path: string, body?: unknown): Promise<Reply> {
    return control.ask(scope, method, `/api/v1${path}`, body)
  }

  function data(code: number, msg: string, ...faults: readonly string[]): Reply {
    return { ...success, text: JSON.stringify({ data: faults, code, msg }) }
  }

  it('lists the keys, and knows no others', async () => {
    const { text, ...rest } = await ask('GET', '/config')
    assert.deepEqual(rest, { status: success.status, type: success.type })
    const keys: unknown = JSON.parse(text)
    assert.ok(Array.isArray(keys) && new Set(keys).size === keys.length)
    for (const key of [...documents, 'stream_ssl', 'dyn_upstream']) {
      assert.ok(keys.includes(key), key)
    }
    for (const [method, path] of [
      ['GET', '/config/nothing'],
      ['PUT', '/config'],
      ['PUT', '/config/nothing'],
      ['POST', '/config/stream_dyn_map'],
      ['DELETE', '/config/stream_proxy_pass'],
      ['GET', '/config/stream_dyn_map/x'],
    ] as const) {
      assert.deepEqual(await ask(method, path, '{}'), notFound, `${method} ${path}`)
    }
  })

  it('refuses what is no document', async () => {
    const msg = 'Request body should be a valid JSON object and less than 5MB'
    const invalid = { ...notFound, status: 400, text: JSON.stringify({ code: 400, msg }) }
    for (const key of ['stream_dyn_map', 'stream_proxy_pass']) {
      for (const body of ['', '1', '{', 'null', '"text"']) {
        assert.deepEqual(await ask('PUT', `/config/${key}`, body), invalid, body)
      }
      const { text } = await ask('PUT', `/config/${key}`, '{"other":[]}')
      assert.equal(JSON.parse(text).code, 3)
    }
  })

  it('changes the values of a map', async () => {
    const path = '/config/stream_dyn_map'
    const word = {
      keyFrom: '$remote_addr',
      keyTo: '$word',
      values: [
        { valueFrom: 'default', valueTo: 'nothing' },
        { valueFrom: host, valueTo: 'local' },
      ],
      isVolatile: false,
      hosnames: true,
    }
    assert.deepEqual(JSON.parse((await ask('GET', path)).text), { maps: [word] })
    assert.equal(await secureText(), 'local')
    const values = [{ valueFrom: host, valueTo: 'changed to a b; "c"' }]
    const changed = { ...word, values, hosnames: false }
    assert.deepEqual(await ask('PUT', path, { maps: [changed] }), success)
    assert.equal(await secureText(), 'changed to a b; "c"')
    assert.deepEqual(JSON.parse((await ask('GET', path)).text), { maps: [changed] })

    assert.deepEqual(
      await ask('PUT', path, { maps: [{ ...word, keyTo: '$nope' }] }),
      data(4, 'update dyn conf error.', 'keyTo $nope not found in conf'),
    )
    assert.deepEqual(
      await ask('PUT', path, { maps: [{ ...word, keyTo: 'word' }, word] }),
      data(1, 'partial success.', 'keyTo word is invalid, it should start with $'),
    )
    assert.equal(await secureText(), 'local')
    const conflicting = [values[0], { valueFrom: host, valueTo: 'twice' }]
    const { text } = await ask('PUT', path, { maps: [{ ...word, values: conflicting }] })
    assert.equal(JSON.parse(text).code, 4, text)
    assert.equal(await secureText(), 'local')
  })

  it('counts connections where it is told to', async () => {
    const path = '/config/stream_dyn_sts'
    const listens = [`${host}:${counted}`]
    const keys = 'server_traffic_status_filter_by_set_key'
    const set = (fields: object): Promise<Reply> =>
      ask('PUT', path, { servers: [{ listens, ...fields }] })
    const count = async (): Promise<number> => Number(await textFor(scope, counted))
    const first = await count()
    await until(async () => (await count()) > first, { what: 'a connection that is counted' })
    assert.deepEqual(await set({ server_traffic_status: false }), success)
    const last = await count()
    assert.deepEqual([await count(), await count()], [last, last])
    assert.deepEqual(await set({ [keys]: ['$remote_addr clients'] }), success)
    const { servers } = JSON.parse((await ask('GET', path)).text)
    assert.deepEqual(servers[0], {
      listens,
      serverNames: [''],
      server_traffic_status: false,
      [keys]: ['$remote_addr clients'],
    })
    const { text } = await set({ [keys]: ['$nope clients'] })
    assert.match(JSON.parse(text).data[0], /unknown "nope" variable/)
    assert.deepEqual(
      await set({ [keys]: ['a b c'] }),
      data(
        4,
        'update dyn conf error.',
        `listen[${listens[0]}] server_name[] "a b c" is no key with a group`,
      ),
    )
  })

  it('changes targets, of as many servers as it finds', async () => {
    const path = '/config/stream_proxy_pass'
    const target = { listens: [`${host}:${plain}`], serverNames: ['a', 'b'], proxy_pass: two }
    const unknown = { ...target, serverNames: ['x'] }
    const without = { ...target, listens: [`${host}:${secure}`], serverNames: ['fixed.test'] }
    const place = `listen[${host}:${plain}] server_name[x]`
    assert.equal(await textFor(scope, plain), 'one')
    assert.deepEqual(
      await ask('PUT', path, { servers: [unknown] }),
      data(4, 'update dyn conf error.', `${place} can not find server.`),
    )
    assert.deepEqual(
      await ask('PUT', path, { servers: [{ ...target, listens: [] }] }),
      data(
        4,
        'update dyn conf error.',
        ' server parameters error, listens or serverNames is empty,at position 0',
      ),
    )
    assert.equal(await textFor(scope, plain), 'one')
    assert.deepEqual(
      await ask('PUT', path, { servers: [unknown, target, without] }),
      data(
        1,
        'partial success.',
        `${place} can not find server.`,
        `listen[${host}:${secure}] server_name[fixed.test] has no proxy_pass`,
      ),
    )
    assert.equal(await textFor(scope, plain), 'two')
    const { servers } = JSON.parse((await ask('GET', path)).text)
    assert.ok(servers.some(({ proxy_pass }: { proxy_pass: string }) => proxy_pass === two))
    const wrong = { ...target, proxy_pass: '$nope' }
    const { text } = await ask('PUT', path, { servers: [wrong] })
    assert.match(JSON.parse(text).data[0], /server_name\[a b\] unknown "nope" variable/)
    assert.deepEqual(await ask('PUT', path, { servers: [{ ...target, proxy_pass: one }] }), success)
    assert.equal(await textFor(scope, plain), 'one')
  })

  async function secureText(): Promise<string> {
    const client = await connectTls(scope, { host, port: secure, servername: 'fixed.test' })
    const text = await client.readAll({ orReset: true })
    client.close()
    return text.toString()
  }

  /** Subject of the certificate that is shown to a client that takes only that kind of key. */
  async function shown(type: KeyType): Promise<string> {
    const sigalgs = type === 'rsa' ? 'rsa_pss_rsae_sha256' : 'ecdsa_secp256r1_sha256'
    const client = await connectTls(scope, { host, port: secure, servername: 'x', sigalgs })
    const { CN } = client.socket.getPeerCertificate().subject
    client.close()
    return String(CN)
  }

  it('adds and takes away certificates of a running server', async () => {
    const { cert, key } = certificateFor('added.test', 'ecdsa')
    const pair = { cert_type: 'ecc', certificate: `data:${cert}`, certificateKey: `data:${key}` }
    const change = {
      type: 'add',
      listens: [`${host}:${secure}`],
      serverNames: ['fixed.test'],
      cert_info: pair,
    }
    assert.equal(await shown('rsa'), 'fixed.test')
    await assert.rejects(shown('ecdsa'))
    // Both paths lead to the same.
    assert.deepEqual(await ask('PUT', '/config/stream_ssl', change), success)
    assert.equal(await shown('ecdsa'), 'added.test')
    assert.equal(await shown('rsa'), 'fixed.test')
    assert.deepEqual(await ask('PUT', '/stream_ssl', change), refused(11, ' dyn ssl cert repeated'))
    const { servers } = JSON.parse((await ask('GET', '/stream_ssl')).text)
    assert.equal(servers.length, 1)
    assert.deepEqual(servers[0].certificates[1], pair)
    assert.deepEqual(await ask('PUT', '/stream_ssl', { ...change, type: 'del' }), success)
    await assert.rejects(shown('ecdsa'))
    assert.deepEqual(
      await ask('PUT', '/stream_ssl', { ...change, type: 'del' }),
      refused(4, ' the certificate was not added dynamically'),
    )
  })

  it('tells what is wrong with a certificate, without repeating its key', async () => {
    const { cert } = certificateFor('added.test', 'ecdsa')
    const { key } = certificateFor('other.test', 'ecdsa')
    const change = (info: object, serverNames = ['fixed.test']): Promise<Reply> =>
      ask('PUT', '/stream_ssl', {
        type: 'add',
        listens: [`${host}:${secure}`],
        serverNames,
        cert_info: { certificate: `data:${cert}`, certificateKey: `data:${key}`, ...info },
      })
    const { text } = await change({})
    assert.match(text, /key values mismatch/)
    assert.doesNotMatch(text, /PRIVATE KEY/)
    assert.doesNotMatch(control.engine.errorLog, /PRIVATE KEY/)
    assert.match((await change({ certificate: '/nowhere.pem' })).text, /No such file or directory/)
    assert.match((await change({ certificate: 'data:junk' })).text, /no start line/)
    assert.equal(JSON.parse((await change({ cert_type: 'ntls' })).text).code, 10)
    assert.equal(JSON.parse((await change({ certificateKey: 7 })).text).code, 3)
    assert.deepEqual(
      await change({}, ['x']),
      refused(4, ` can\`t find server by listen[${host}:${secure}] server_name[x]`),
    )
    assert.equal(await shown('rsa'), 'fixed.test')
  })

  it('keeps key values, for the data plane too', async () => {
    const url = `http://${host}:${control.port}/api/v1/kv`
    const page = async (): Promise<string> =>
      (await curl(`http://${host}:${http}/`)).body.toString()
    const shows = (text: string): Promise<unknown> =>
      until(async () => (await page()) === text, { what: `${text} in the data plane` })

    const missing = { status: 404, type: 'text/plain', text: 'key is not existed in db\n' }
    assert.deepEqual(await ask('GET', '/kv?key=colour'), missing)
    assert.deepEqual(await ask('DELETE', '/kv?key=colour'), missing)
    assert.equal(await page(), '[]')
    const put = await curl('-X', 'POST', url, '-d', '{"key":"colour","value":"blue"}')
    assert.deepEqual([put.status, put.body.length], [200, 0])
    assert.deepEqual(await ask('GET', '/kv?key=colour'), {
      status: 200,
      type: 'text/plain',
      text: 'blue',
    })
    await shows('[blue]')
    assert.equal((await ask('POST', '/kv', { key: 'colour', value: '' })).status, 200)
    assert.equal((await ask('GET', '/kv?key=colour')).text, '')
    await shows('[]')
    assert.deepEqual(await ask('DELETE', '/kv?key=colour'), {
      status: 200,
      type: 'text/plain',
      text: 'key is deleted from db\n',
    })
    assert.deepEqual(await ask('GET', '/kv?key=colour'), missing)
  })

  it('refuses keys that cannot be published, and shows the others on the bus', async () => {
    for (const body of [
      '',
      '{}',
      '[]',
      { key: '', value: 'x' },
      { key: 'a', value: 1 },
      { key: 7, value: 'x' },
      { key: 'all/#', value: 'x' },
      { key: '+', value: 'x' },
    ]) {
      const reply = await ask('POST', '/kv', body)
      assert.equal(reply.status, 400, JSON.stringify(body))
      assert.equal(reply.type, 'text/plain')
    }
    assert.deepEqual(await ask('PATCH', '/kv', {}), notFound)
    assert.deepEqual(await ask('GET', '/kv/colour'), notFound)
    await ask('POST', '/kv', { key: 'nested/name', value: 'retained' })
    const socket = control.prefix.file('data/mosquitto.sock')
    const subscriber = ['mosquitto_sub', '--unix', socket, '-V', '311', '-C', '1', '-W', '20']
    const topic = '/dyn/kv_http_nested/name'
    assert.equal(await runOk([...(subscriber as ['mosquitto_sub']), '-t', topic]), 'retained\n')
  })
})
