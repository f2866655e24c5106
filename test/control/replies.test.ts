/**
 * Every reply of `/api/v1/stream_srv` that the reference lists, over a running engine: status, content
 * type and body, and the order in which a request is checked.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { after, before, describe, it, type TestContext } from 'node:test'
import { certificateFor } from '../support/certificates.ts'
import { curl } from '../support/http.ts'
import { freePorts } from '../support/ports.ts'
import { onEnd, Scope } from '../support/scope.ts'
import {
  bad,
  type Control,
  host,
  refused,
  type Reply,
  type ServerFields,
  startControl,
  success,
  textFor,
} from './support.ts'

const path = '/api/v1/stream_srv'
const notFound: Reply = {
  status: 404,
  type: 'application/json',
  text: '{"code":404,"msg":"not found error"}',
}

/** A listener of another program. */
async function occupy(t: TestContext, port: number): Promise<void> {
  const server = createServer().listen(port, host)
  onEnd(t, () => void server.close())
  await once(server, 'listening')
}

describe('replies of /api/v1/stream_srv', { timeout: 120_000 }, () => {
  const scope = new Scope()
  let control: Control
  let plain: number
  let secure: number
  let http: number
  let free: number
  /** A server that could be added; each case changes something about it. */
  let server: ServerFields & { readonly type: string }

  before(async () => {
    const ports = await freePorts(4)
    ;[plain, secure, http, free] = ports as [number, number, number, number]
    control = await startControl(scope, {
      blocks: `http { server { listen ${host}:${http}; } }`,
      stream: `
        server { listen ${host}:${plain}; server_name fixed; return "default"; }
        server { listen ${host}:${plain} udp; return "datagram"; }
        server { listen ${host}:${secure} ssl; ssl_reject_handshake on; return "secure"; }`,
      controlHttp: 'client_max_body_size 8m;',
    })
    const addr_port = `${host}:${plain}`
    server = { type: 'add', addr_port, server_name: 'x', server_body: 'return "x";' }
  })

  after(() => scope.close())

  function ask(method: string, body?: unknown, at: string = path): Promise<Reply> {
    return control.ask(scope, method, at, body)
  }

  /** Names of `logs/…_add_server.txt:line` as messages show them. */
  function where(line: number): string {
    return `${control.prefix.path}/logs/trijet_0_add_server.txt:${line}`
  }

  async function refuses(cases: readonly (readonly [Partial<ServerFields>, string])[]) {
    const revision = await control.revision(scope)
    for (const [change, message] of cases) {
      const reply = await ask('POST', { ...server, ...change })
      assert.deepEqual(reply, refused(4, message), JSON.stringify(change).slice(0, 200))
    }
    assert.equal(await control.revision(scope), revision, 'nothing was changed')
    assert.deepEqual(await control.servers(scope), [])
  }

  it('answers a success with the documented bytes', async () => {
    const body = JSON.stringify(server)
    const url = `http://${host}:${control.port}${path}`
    const answer = await curl('-X', 'POST', url, '-d', body)
    assert.equal(answer.status, 200)
    assert.equal(answer.header('content-type'), 'application/json')
    assert.equal(answer.header('content-length'), '27')
    assert.equal(answer.body.toString(), success.text)
    assert.deepEqual(await ask('PUT', { ...server, type: 'del', server_body: undefined }), success)
  })

  it('refuses what is not of its form, in the documented order', async () => {
    const del = { type: 'del', addr_port: server.addr_port, server_name: 'x' }
    const cases: readonly (readonly [string, unknown, string])[] = [
      ['POST', '{"a":1}', 'json parser error!'],
      ['POST', '', 'json parser error!'],
      ['POST', '{"type":"add",', 'json parser error!'],
      ['POST', '[{"type":"add"}]', 'json error!!!'],
      ['POST', '"a text only"', 'json error!!!'],
      ['POST', { one: 1, two: 2, type: 3 }, 'invalid parameter:two!'],
      ['POST', { type: 3, server_name: 4 }, 'addr_port error!!!'],
      ['POST', { ...server, addr_port: 80, type: 3 }, 'addr_port error!!!'],
      ['POST', { ...server, addr_port: '1.2.3.4:99999' }, 'addr_port error!!!'],
      ['POST', { ...server, addr_port: `${host}:1 tcp` }, 'addr_port error!!!'],
      ['POST', { ...server, addr_port: ' \t' }, 'addr_port null!!!'],
      ['POST', { ...server, type: undefined, server_name: 4 }, 'type error!!!'],
      ['PUT', { ...server, type: true }, 'type error!!!'],
      ['PUT', { ...server, type: 'update' }, 'type error!!!'],
      ['PUT', { ...server, server_name: 4 }, 'no support method when add server!'],
      ['POST', { ...del, server_name: 4 }, 'no support method when del server!'],
      ['POST', { ...server, server_name: 4, listen_option: 5 }, 'server_name error!'],
      ['PUT', { ...del, server_name: [] }, 'server_name error!'],
      ['POST', { ...server, server_name: ' ', listen_option: 5 }, 'server_name is null!'],
      ['PUT', { ...del, server_name: undefined }, 'server_name is null!'],
      ['POST', { ...server, listen_option: 5, server_body: 6 }, 'listen_option error!'],
      ['POST', { ...server, server_body: 6 }, 'server_body error!'],
    ]
    for (const [method, body, message] of cases) {
      assert.deepEqual(await ask(method, body), bad(message), `${method} ${JSON.stringify(body)}`)
    }
  })

  it('takes bodies of up to 5 MiB', async () => {
    const head = JSON.stringify({ ...server, server_body: 'return x;' })
    const bytesMax = 5 * 1024 * 1024
    const fits = head.padEnd(bytesMax)
    assert.deepEqual(await ask('POST', fits, `${path}?dry_run=1`), success)
    assert.deepEqual(await ask('POST', `${fits} `), bad('json parser error!'))
  })

  it('trims the type, and takes datagram addresses in any case', async () => {
    const datagram = { ...server, type: ' add\n', addr_port: `${host}:${plain}  UDP` }
    assert.deepEqual(await ask('POST', datagram), success)
    const { type: _, ...fields } = datagram
    assert.deepEqual(await control.servers(scope), [fields])
    assert.deepEqual(await control.del(scope, { ...fields, server_name: '"X"' }), success)
  })

  it('knows no other paths and methods', async () => {
    for (const [method, at] of [
      ['DELETE', path],
      ['PATCH', path],
      ['POST', `${path}/x`],
      ['GET', `${path}/x/y`],
    ] as const) {
      assert.deepEqual(await ask(method, server, at), notFound, `${method} ${at}`)
    }
    for (const at of ['/api', '/api/', '/api/v1', '/api/v1/nothing', '/api/v3/stream_srv']) {
      const msg = ' not register api module'
      assert.deepEqual(await ask('GET', undefined, at), {
        ...notFound,
        text: JSON.stringify({ code: 404, msg }),
      })
    }
  })

  it('refuses a name that is there, and deletes only what it added', async () => {
    const taken = (name: string): Reply =>
      refused(5, `error:[${server.addr_port}] server[${name}] exist!`)
    assert.deepEqual(await ask('POST', { ...server, server_name: 'FIXED' }), taken('FIXED'))
    assert.deepEqual(await ask('POST', server), success)
    assert.deepEqual(await ask('POST', { ...server, server_name: '"X"' }), taken('"X"'))
    const sneaky = { ...server, server_name: 'y', server_body: 'server_name fixed; return y;' }
    assert.deepEqual(await ask('POST', sneaky), taken('y'))

    const missing = (at: string, name: string): Reply =>
      refused(4, `error:host[${at}],no find server [${name}]!`)
    assert.deepEqual(
      await control.del(scope, { ...server, server_name: 'nobody' }),
      missing(server.addr_port, 'nobody'),
    )
    const elsewhere = `${host}:${free}`
    assert.deepEqual(
      await control.del(scope, { ...server, addr_port: elsewhere }),
      missing(elsewhere, 'x'),
    )
    const datagram = `${server.addr_port} udp`
    assert.deepEqual(
      await control.del(scope, { ...server, addr_port: datagram }),
      missing(datagram, 'x'),
    )
    assert.deepEqual(
      await control.del(scope, { ...server, server_name: 'fixed' }),
      refused(5, 'only dynamic server,can to be delete!'),
    )
    assert.deepEqual(await control.del(scope, server), success)
    assert.deepEqual(await control.del(scope, server), missing(server.addr_port, 'x'))
  })

  it('points at what is wrong in a body, as nginx does', async () => {
    await refuses([
      [{ server_body: 'xyz on;' }, `unknown directive "xyz" in ${where(4)}`],
      [{ server_body: 'return a;\n\nxyz\n  on;' }, `unknown directive "xyz" in ${where(7)}`],
      [
        { server_body: 'return a b;' },
        `invalid number of arguments in "return" directive in ${where(4)}`,
      ],
      [
        { server_body: 'proxy_timeout 1s;\nproxy_timeout 1s 2s;' },
        `invalid number of arguments in "proxy_timeout" directive in ${where(5)}`,
      ],
      [{ server_body: 'return a;\nreturn b;' }, `"return" directive is duplicate in ${where(5)}`],
      [{ server_body: 'server { }' }, `"server" directive is not allowed here in ${where(4)}`],
      [
        { server_body: 'worker_processes 2;' },
        `"worker_processes" directive is not allowed here in ${where(4)}`,
      ],
      [
        { server_body: 'return a { }' },
        `directive "return" is not terminated by ";" in ${where(4)}`,
      ],
      [{ server_body: 'return a }' }, `unexpected "}" in ${where(4)}`],
      [{ server_body: 'return a; }' }, `unexpected "}" in ${where(5)}`],
      [{ server_body: 'return a; {' }, `unexpected "{" in ${where(4)}`],
      [{ server_body: 'return "a' }, `unexpected end of file, expecting ";" or "}" in ${where(6)}`],
      [{ server_body: 'return $nope;' }, `unknown "nope" variable in ${where(4)}`],
      [{ server_body: 'proxy_pass $nope;' }, `unknown "nope" variable in ${where(4)}`],
      [{ server_body: 'proxy_pass nothing;' }, `no port in upstream "nothing" in ${where(4)}`],
      [
        { server_body: 'proxy_timeout soon; return a;' },
        `"proxy_timeout" directive invalid value in ${where(4)}`,
      ],
    ])
  })

  it('refuses a target that nobody knows', async () => {
    const target = 'nowhere.invalid:1'
    const message = `host not found in upstream "${target}" in ${where(5)}`
    await refuses([[{ server_body: `preread_timeout 1s;\nproxy_pass ${target};` }, message]])
  })

  it('refuses directives that a dynamic server cannot have', async () => {
    const names = ['zone', 'ftp_ctrl', 'ftp_data', 'ssl_ocsp', 'ssl_stapling', 'quic']
    await refuses([
      ...names.map((name): [Partial<ServerFields>, string] => [
        { server_body: `return a;\n${name}\n  on;` },
        `"${name}" directive no support of dynamic! in ${where(6)}`,
      ]),
      [
        { server_body: 'return a; listen 1;' },
        'listen cmd in the server body of dynamic stream vs',
      ],
      [{ server_name: undefined as unknown as string }, `unexpected "}" in ${where(4)}`],
    ])
  })

  it('refuses an ssl port without key or certificate', async () => {
    const addr_port = `${host}:${secure}`
    const { certFile, keyFile } = certificateFor('a.test')
    await refuses([
      [{ addr_port, server_body: 'return a;' }, 'no ssl_certificate_key!'],
      [{ addr_port, server_body: `ssl_certificate ${certFile};` }, 'no ssl_certificate_key!'],
      [{ addr_port, server_body: `ssl_certificate_key ${keyFile};` }, 'no ssl_certificate!'],
      [
        { addr_port: `${host}:${free}`, listen_option: 'ssl', server_body: 'return a;' },
        'no ssl_certificate_key!',
      ],
    ])
  })

  it('refuses ports that cannot be had', async (t) => {
    const [busy, other] = (await freePorts(2)) as [number, number]
    await occupy(t, busy)
    const at = (addr_port: string): Partial<ServerFields> => ({ addr_port })
    const duplicate = (port: number): string =>
      `add dynamic listen port for ${port} is duplicate with other listen address`
    await refuses([
      [at(`${host}:${busy}`), `Port ${busy} is already in use in checking port`],
      [at(`${busy}`), `Port ${busy} is already in use in checking port`],
      [
        at(`192.0.2.1:${other}`),
        `bind failed in checking port: bind() to 192.0.2.1:${other} failed (99: Cannot assign requested address)`,
      ],
      [at(`${host}:${http}`), duplicate(http)],
      [at(`127.0.0.2:${plain}`), duplicate(plain)],
      [at(`*:${plain}`), duplicate(plain)],
      [
        { addr_port: `${host}:${other}`, listen_option: 'udp' },
        'udp should be added to addr_port, not listen option',
      ],
      [
        { addr_port: `${host}:${other}`, listen_option: 'nonsense' },
        `the invalid "nonsense" parameter in ${where(2)}`,
      ],
    ])
  })

  it('takes listen options for a new port only', async () => {
    await refuses([
      [{ listen_option: 'ssl' }, 'dyn server listen option only works for unlistened port'],
    ])
    assert.deepEqual(await ask('POST', { ...server, listen_option: 'proxy_protocol' }), success)
    assert.equal(await textFor(scope, plain), 'default', 'the port is as it was')
    assert.deepEqual(await control.del(scope, server), success)

    const fresh = { ...server, addr_port: `${host}:${free}`, server_name: 'one' }
    assert.deepEqual(await ask('POST', fresh), success)
    assert.deepEqual(
      await ask('POST', { ...fresh, server_name: 'two', listen_option: 'ssl' }),
      refused(4, 'try to add ssl to a non-ssl new added vs'),
    )
    assert.deepEqual(await control.del(scope, fresh), success)
  })

  it('appends the final semicolon, and takes a server without a body', async () => {
    for (const server_body of ['return "x"', 'return "x" ; \n', '', undefined]) {
      const { server_body: _, ...rest } = server
      const body = { ...rest, ...(server_body !== undefined && { server_body }) }
      assert.deepEqual(await ask('POST', body), success)
      assert.deepEqual(await control.del(scope, server), success)
    }
  })
})

describe('replies of an engine that has no place for stream servers', { timeout: 120_000 }, () => {
  it('tells that the module is not loaded', async (t) => {
    const [port] = (await freePorts(1)) as [number]
    const control = await startControl(t, {
      main: '',
      stream: `server { listen ${host}:${port}; return a; }`,
    })
    const server = { addr_port: `${host}:${port}`, server_name: 'x', server_body: 'return x;' }
    const none = { ...success, text: '{"code":-1, "msg":"no rpc handler registered"}' }
    assert.deepEqual(await control.add(t, server), none)
    assert.deepEqual(await control.del(t, server), none)
    assert.deepEqual(await control.add(t, { ...server, addr_port: '' }), bad('addr_port null!!!'))
  })

  it('tells that there is no stream block, or no static server', async (t) => {
    const [port] = (await freePorts(1)) as [number]
    const control = await startControl(t, { stream: '' })
    const server = { addr_port: `${host}:${port}`, server_name: 'x', server_body: 'return x;' }
    assert.deepEqual(
      await control.add(t, server),
      refused(4, 'adding vs in stream require at least one static vs'),
    )
    const conf = control.prefix.read('conf/trijet.conf').replace('stream {\n\n}', '')
    assert.equal(await control.engine.reload(conf), true)
    await control.waitForControl(t)
    assert.deepEqual(await control.add(t, server), refused(4, 'no stream module when add vs!'))
    assert.deepEqual(await control.del(t, server), refused(4, 'no stream module when del vs!'))
  })
})
