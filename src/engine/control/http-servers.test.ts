import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { configurationFromText } from '../conf/includes.ts'
import { print } from '../conf/printer.ts'
import { type ApiHandler, createApi } from './api.ts'
import { httpCertificates, streamCertificates } from './endpoints/certificates.ts'
import { history, rollback } from './endpoints/history.ts'
import { httpLocations } from './endpoints/http-locations.ts'
import { httpServers } from './endpoints/http-servers.ts'
import { revocationLists } from './endpoints/revocation-lists.ts'
import { DynamicState } from './dynamic-state.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const files = `
load_module modules/njt_http_dyn_server_module.so;
load_module modules/njt_http_location_module.so;
http {
    server { listen 8080; server_name fixed.test; return 200 fixed; }
    server { listen 127.0.0.1:8443 ssl; server_name secure.test; ssl_reject_handshake on; ssl_crl old.pem; }
}
stream {
    server { listen 9000; return stream; }
    server { listen 9443 ssl; server_name s; ssl_certificate a.pem; ssl_certificate_key a.key; return ssl; }
}`

function createPlane(text: string = files): { api: ApiHandler; plane: MemoryPlane } {
  const { main, diagnostics } = configurationFromText(text, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  const plane = new MemoryPlane(main, '/t')
  const certificates = [httpCertificates, streamCertificates, revocationLists]
  const endpoints = [httpServers, httpLocations, ...certificates, history, rollback]
  return { api: createApi(endpoints, plane), plane }
}

interface Answer {
  readonly status: number
  readonly text: string
}

async function send(
  api: ApiHandler,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const content = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
  const request = new Request(`http://127.0.0.1:8081/api${path}`, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  return { status: response.status, text: await response.text() }
}

const ok: Answer = { status: 200, text: '{"code":0,"msg":"success."}' }

function refused(code: number, msg: string): Answer {
  return { status: 200, text: JSON.stringify({ code, msg }) }
}

const path = '/v1/dyn_srv'
const at = { addr_port: '0.0.0.0:8080', server_name: 'shop.test' }
const add = { type: 'add', ...at, server_body: 'return 200 "shop"' }
const del = { type: 'del', ...at }
const file = '/t/logs/trijet_0_add_server.txt'

test('a server comes behind the others, is listed, and goes without a trace', async () => {
  const { api, plane } = createPlane()
  const before = print(plane.state().tree)
  assert.deepEqual(await send(api, 'POST', path, add), ok)
  assert.match(
    print(plane.state().tree),
    /server \{\s+listen 0\.0\.0\.0:8080;\s+server_name shop\.test;\s+return 200 "?shop"?;\s+\}\s+\}\s+stream/,
  )
  assert.deepEqual(
    [...plane.state().instructions.entries()].map(([key]) => key),
    [`/ins/srv/s_${crc32('0.0.0.0:8080shop.test')}`],
  )
  assert.deepEqual(JSON.parse((await send(api, 'GET', path)).text), {
    servers: [{ ...at, server_body: add.server_body }],
  })
  const exists = 'error:[0.0.0.0:8080] server[SHOP.test] exist!'
  assert.deepEqual(
    await send(api, 'POST', path, { ...add, server_name: 'SHOP.test' }),
    refused(5, exists),
  )
  assert.deepEqual(await send(api, 'PUT', path, del), ok)
  assert.deepEqual(
    await send(api, 'PUT', path, del),
    refused(4, 'error:host[0.0.0.0:8080],no find server [shop.test]!'),
  )
  assert.equal(print(plane.state().tree), before)
})

test('refuses what a server cannot be', async () => {
  const { api, plane } = createPlane()
  const before = plane.state()
  const cases: readonly (readonly [object, number, string])[] = [
    [{ server_name: 'fixed.test' }, 5, 'error:[0.0.0.0:8080] server[fixed.test] exist!'],
    [
      { server_body: 'server_name fixed.test;' },
      5,
      'error:[0.0.0.0:8080] server[shop.test] exist!',
    ],
    [{ server_body: 'listen 1;' }, 4, 'listen cmd in the server body of dynamic http vs'],
    ...['zone', 'location', 'ssl_ocsp', 'ssl_stapling', 'quic'].map(
      (name) =>
        [
          { server_body: `return 200;\n${name} x;` },
          4,
          `"${name}" directive no support of dynamic! in ${file}:5`,
        ] as const,
    ),
    [
      { server_body: 'if ($a) { location / { } }' },
      4,
      `"location" directive no support of dynamic! in ${file}:4`,
    ],
    [{ server_body: 'return 200; } server { listen 9;' }, 4, `unexpected "}" in ${file}:4`],
    [{ server_name: undefined }, 4, `unexpected "}" in ${file}:4`],
    [{ listen_option: 'ssl' }, 4, 'dyn server listen option only works for unlistened port'],
    [
      { addr_port: '0.0.0.0:8090', listen_option: 'quic' },
      4,
      'new vs with quic is not yet supported',
    ],
    [
      { addr_port: '0.0.0.0:8090', listen_option: 'udp' },
      4,
      'udp should be added to addr_port, not listen option',
    ],
    [
      { addr_port: '0.0.0.0:9000' },
      4,
      'add dynamic listen port for 9000 is duplicate with other listen address',
    ],
    [{ addr_port: '127.0.0.1:8443' }, 4, 'no ssl_certificate_key!'],
    [
      { addr_port: '127.0.0.1:8443', server_body: 'ssl_certificate_key k;' },
      4,
      'no ssl_certificate!',
    ],
  ]
  for (const [change, code, message] of cases) {
    const reply = await send(api, 'POST', path, { ...add, ...change })
    assert.deepEqual(reply, refused(code, message), JSON.stringify(change))
  }
  assert.deepEqual(
    await send(api, 'PUT', path, { ...del, server_name: 'fixed.test' }),
    refused(5, 'only dynamic server,can to be delete!'),
  )
  assert.equal(plane.state(), before)
})

test('tells what is missing: module, http block, a static server', async () => {
  const load = 'load_module modules/njt_http_dyn_server_module.so;'
  const without = createPlane('http { server { listen 1; } }')
  const none = '{"code":-1, "msg":"no rpc handler registered"}'
  assert.equal((await send(without.api, 'POST', path, add)).text, none)
  const noBlock = createPlane(`${load} stream { }`)
  assert.deepEqual(
    await send(noBlock.api, 'POST', path, add),
    refused(4, 'no http module when add vs!'),
  )
  assert.deepEqual(
    await send(noBlock.api, 'PUT', path, del),
    refused(4, 'no http module when del vs!'),
  )
  const noServer = createPlane(`${load} http { }`)
  assert.deepEqual(
    await send(noServer.api, 'POST', path, add),
    refused(4, 'adding vs in http require at least one static vs'),
  )
})

test('a new port has its options; servers that follow share it', async () => {
  const { api, plane } = createPlane()
  const fresh = { ...add, addr_port: '0.0.0.0:8090', listen_option: 'proxy_protocol' }
  assert.deepEqual(await send(api, 'POST', path, fresh), ok)
  assert.match(print(plane.state().tree), /listen 0\.0\.0\.0:8090 proxy_protocol;/)
  assert.deepEqual(
    await send(api, 'POST', path, { ...fresh, server_name: 'two', listen_option: 'ssl' }),
    refused(4, 'try to add ssl to a non-ssl new added vs'),
  )
  const two = { ...fresh, server_name: 'two' }
  assert.deepEqual(await send(api, 'POST', path, two), ok)
  assert.match(print(plane.state().tree), /listen 0\.0\.0\.0:8090;\s+server_name two;/)
})

const certificates = {
  listens: ['0.0.0.0:8080'],
  serverNames: ['shop.test'],
  cert_info: { certificate: 'b.pem', certificateKey: 'b.key', cert_type: 'ecc' },
}

test('whatever was put into a server goes with it', async () => {
  const { api, plane } = createPlane()
  const before = print(plane.state().tree)
  await send(api, 'POST', path, add)
  const inside = [
    ['POST', '/v1/dyn_loc', { type: 'add', ...at, locations: [{ location_name: '/a' }] }],
    ['PUT', '/v1/ssl', { type: 'add', ...certificates }],
    ['PUT', '/v1/crl', { ...certificates, cert_info: undefined, ssl_crl: 'crl.pem' }],
  ] as const
  for (const [method, to, body] of inside) assert.deepEqual(await send(api, method, to, body), ok)
  assert.equal(plane.state().instructions.size, 4)
  assert.deepEqual(await send(api, 'PUT', path, del), ok)
  assert.equal(plane.state().instructions.size, 0)
  assert.equal(print(plane.state().tree), before)
  assert.deepEqual(await send(api, 'POST', '/v2/rollback', { to: 4 }), ok)
  assert.equal(plane.state().instructions.size, 4)
  assert.match(print(plane.state().tree), /ssl_certificate b\.pem;[^}]+ssl_crl crl\.pem;/)
})

test('certificates are added, listed with their type, and taken away', async () => {
  const { api, plane } = createPlane()
  const before = print(plane.state().tree)
  const secure = { ...certificates, listens: ['127.0.0.1:8443'], serverNames: ['secure.test'] }
  const put = (type: string, body: object = secure, to = '/v1/ssl'): Promise<Answer> =>
    send(api, 'PUT', to, { type, ...body })
  assert.deepEqual(await put('add'), ok)
  assert.deepEqual(await put('add'), refused(11, ' dyn ssl cert repeated'))
  assert.deepEqual(JSON.parse((await send(api, 'GET', '/v1/ssl')).text), {
    servers: [
      {
        listens: ['127.0.0.1:8443'],
        serverNames: ['secure.test'],
        certificates: [{ cert_type: 'ecc', certificate: 'b.pem', certificateKey: 'b.key' }],
      },
    ],
  })
  const stream = { ...secure, listens: ['0.0.0.0:9443'], serverNames: ['s'] }
  assert.deepEqual(await put('add', stream, '/v1/stream_ssl'), ok)
  assert.deepEqual(
    JSON.parse((await send(api, 'GET', '/v1/stream_ssl')).text).servers[0].certificates,
    [
      { cert_type: 'other', certificate: 'a.pem', certificateKey: 'a.key' },
      { cert_type: 'ecc', certificate: 'b.pem', certificateKey: 'b.key' },
    ],
  )
  assert.deepEqual(await put('del'), ok)
  assert.deepEqual(await put('del', stream, '/v1/stream_ssl'), ok)
  assert.equal(print(plane.state().tree), before)
  const missing = ' the certificate was not added dynamically'
  assert.deepEqual(await put('del'), refused(4, missing))
})

test('refuses certificates that are not of their form', async () => {
  const { api } = createPlane()
  const good = { type: 'add', ...certificates, serverNames: ['fixed.test'] }
  const info = (change: object): object => ({
    ...good,
    cert_info: { ...good.cert_info, ...change },
  })
  const nobody = ' can`t find server by listen[0.0.0.0:8080] server_name[x]'
  const cases: readonly (readonly [unknown, number, string])[] = [
    ['{"type":', 3, 'invalid json format.'],
    ['[]', 3, 'invalid json format.'],
    [{ ...good, more: 1 }, 3, 'invalid parameter:more!'],
    [{ ...good, cert_info: undefined }, 3, '"cert_info" must be an object'],
    [{ ...good, cert_info: 'x' }, 3, '"cert_info" must be an object'],
    [info({ more: 1 }), 3, 'invalid parameter:more!'],
    [info({ certificate: '' }), 3, '"certificate" must be a non-empty string'],
    [info({ certificateKey: undefined }), 3, '"certificateKey" must be a non-empty string'],
    [info({ cert_type: 'other' }), 10, ' cert_type "other" is invalid'],
    [
      info({ cert_type: 'ntls' }),
      10,
      ' cert_type "ntls" is invalid: national cryptography suites are not supported',
    ],
    [info({ certificateEnc: 'e' }), 10, ' certificateEnc is for cert_type "ntls" only'],
    [{ ...good, type: 'change' }, 4, '"type" must be "add" or "del"'],
    [{ ...good, listens: '0.0.0.0:8080' }, 3, '"listens" must be a list of strings'],
    [{ ...good, serverNames: [1] }, 3, '"serverNames" must be a list of strings'],
    [{ ...good, serverNames: ['x'] }, 4, nobody],
  ]
  for (const [body, code, message] of cases) {
    const reply = await send(api, 'PUT', '/v1/ssl', body)
    assert.deepEqual(reply, refused(code, message), JSON.stringify(body))
  }
  assert.equal((await send(api, 'POST', '/v1/ssl', good)).status, 404)
  assert.equal((await send(api, 'PUT', '/v1/ssl/x', good)).status, 404)
})

test('a list of revoked certificates replaces the one that is there, and gives way to it again', async () => {
  const { api, plane } = createPlane()
  const before = print(plane.state().tree)
  const http = { listens: ['127.0.0.1:8443'], serverNames: ['secure.test'], ssl_crl: 'new.pem' }
  const stream = { listens: ['9443'], serverNames: ['s'], ssl_crl: 'stream.pem' }
  assert.deepEqual(await send(api, 'PUT', '/v1/crl', http), ok)
  assert.deepEqual(await send(api, 'PUT', '/v1/crl', stream), ok)
  assert.deepEqual(JSON.parse((await send(api, 'GET', '/v1/crl')).text).servers, [
    {
      listens: ['127.0.0.1:8443'],
      serverNames: ['secure.test'],
      ssl_crls: [{ ssl_crl: 'new.pem' }],
    },
    { listens: ['0.0.0.0:9443'], serverNames: ['s'], ssl_crls: [{ ssl_crl: 'stream.pem' }] },
  ])
  assert.deepEqual(await send(api, 'PUT', '/v1/crl', { ...http, ssl_crl: 'newer.pem' }), ok)
  assert.doesNotMatch(print(plane.state().tree), /(?:old|new)\.pem/)
  assert.deepEqual(await send(api, 'POST', '/v2/rollback', { to: 0 }), ok)
  assert.equal(print(plane.state().tree), before)
})

test('refuses lists of revoked certificates that are not of their form', async () => {
  const { api } = createPlane()
  const good = { listens: ['0.0.0.0:8080'], serverNames: ['fixed.test'], ssl_crl: 'a.pem' }
  const nobody = ' can`t find server by listen[0.0.0.0:1] server_name[fixed.test]'
  const cases: readonly (readonly [unknown, number, string])[] = [
    ['nonsense', 3, 'invalid json format.'],
    [{ ...good, type: 'add' }, 3, 'invalid parameter:type!'],
    [{ ...good, ssl_crl: ' ' }, 4, ' ssl_crl is empty'],
    [{ ...good, ssl_crl: undefined }, 4, ' ssl_crl is empty'],
    [{ ...good, ssl_crl: 7 }, 3, '"ssl_crl" must be a string'],
    [{ ...good, listens: undefined }, 3, '"listens" must be a list of strings'],
    [{ ...good, listens: ['0.0.0.0:1'] }, 4, nobody],
  ]
  for (const [body, code, message] of cases) {
    assert.deepEqual(await send(api, 'PUT', '/v1/crl', body), refused(code, message))
  }
  assert.equal((await send(api, 'DELETE', '/v1/crl')).status, 404)
})

test('servers are put on top of other files as far as they have room', async () => {
  const { api, plane } = createPlane()
  await send(api, 'POST', path, add)
  await send(api, 'POST', path, { ...add, addr_port: '0.0.0.0:8090' })
  const inForce = [...plane.state().instructions.entries()].map(([key, body]) => ({ key, body }))
  const taken = files.replace('fixed.test', 'shop.test')
  const { main } = configurationFromText(taken, '/t/conf/trijet.conf')
  const { state, leftOut } = DynamicState.rebase(main, inForce, '/t')
  assert.deepEqual(
    leftOut.map(({ reason }) => reason),
    ['error:[0.0.0.0:8080] server[shop.test] exist!'],
  )
  assert.equal(state.instructions.size, 1)
})
