import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { directives, findDirective } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { createApi, type ApiHandler } from './api.ts'
import { configuration } from './endpoints/configuration.ts'
import { history, rollback } from './endpoints/history.ts'
import { keyValues } from './endpoints/key-values.ts'
import { streamCertificates } from './endpoints/certificates.ts'
import { streamServers } from './endpoints/stream-servers.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const files = `
load_module modules/njt_stream_dyn_server_module.so;
http { server { listen 5555; } }
stream {
    map $njtmesh_port $mesh_server_name { 17082 server-17082; default "123"; }
    upstream backend_s1 { server 127.0.0.1:5555; }
    server { listen 22222 mesh; server_name fixed; proxy_pass backend_s1; }
    server { listen 22223 udp mesh; return "udp"; }
    server { listen 22224 ssl mesh; ssl_certificate a.pem; ssl_certificate_key a.key; return "ssl"; }
}`

function createPlane(text: string = files): { api: ApiHandler; plane: MemoryPlane } {
  const { main, diagnostics } = configurationFromText(text, '/t/conf/trijet.conf')
  assert.deepEqual(diagnostics, [])
  const plane = new MemoryPlane(main, '/t')
  const endpoints = [streamServers, streamCertificates, configuration, keyValues, history, rollback]
  return { api: createApi(endpoints, plane), plane }
}

async function send(
  api: ApiHandler,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; type: string | null; text: string }> {
  const content = typeof body === 'string' ? body : body === undefined ? null : JSON.stringify(body)
  const request = new Request(`http://127.0.0.1:8081/api${path}`, { method, body: content })
  const response = await api(request, { remoteAddress: '127.0.0.1' })
  const type = response.headers.get('content-type')
  return { status: response.status, type, text: await response.text() }
}

const ok = { status: 200, type: 'application/json', text: '{"code":0,"msg":"success."}' }

function refused(code: number, msg: string): typeof ok {
  return { status: 200, type: 'application/json', text: JSON.stringify({ code, msg }) }
}

function bad(msg: string): typeof ok {
  return { status: 400, type: 'text/plain', text: JSON.stringify({ code: 4, msg }) }
}

const add = { type: 'add', addr_port: '0.0.0.0:22222', server_name: 'a', server_body: 'return "a"' }

test('adds, refuses a second of the same name, lists and deletes', async () => {
  const { api, plane } = createPlane()
  const before = plane.state().tree
  assert.deepEqual(await send(api, 'POST', '/v1/stream_srv', add), ok)
  const stream = findDirective(plane.state().tree.block, 'stream')!
  const server = [...directives(stream.block!)].at(-1)!
  assert.deepEqual(
    [...directives(server.block!)].map(({ name, args }) => [name, ...args]),
    [
      ['listen', '0.0.0.0:22222'],
      ['server_name', 'a'],
      ['return', 'a'],
    ],
  )
  assert.deepEqual(
    await send(api, 'POST', '/v1/stream_srv', { ...add, server_name: '"A"' }),
    refused(5, 'error:[0.0.0.0:22222] server["A"] exist!'),
  )
  assert.deepEqual(JSON.parse((await send(api, 'GET', '/v1/stream_srv')).text), {
    servers: [{ addr_port: '0.0.0.0:22222', server_name: 'a', server_body: 'return "a"' }],
  })
  const del = { type: 'del', addr_port: '*:22222', server_name: 'A' }
  assert.deepEqual(await send(api, 'PUT', '/v1/stream_srv', del), ok)
  assert.deepEqual(
    await send(api, 'PUT', '/v1/stream_srv', del),
    refused(4, 'error:host[*:22222],no find server [A]!'),
  )
  const shape = (tree: typeof before): unknown =>
    [...directives(findDirective(tree.block, 'stream')!.block!)].map(({ name, at }) => [name, at])
  assert.deepEqual(shape(plane.state().tree), shape(before))
})

test('checks a request in the documented order', async () => {
  const { api } = createPlane()
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['POST', '{"a":', 'json parser error!'],
    ['POST', '{}', 'json parser error!'],
    ['POST', '[1,2,3,4,5]', 'json error!!!'],
    ['POST', { nope: 1, other: 2 }, 'invalid parameter:other!'],
    ['POST', { type: 'add', server_name: 'x' }, 'addr_port error!!!'],
    ['POST', { ...add, addr_port: 7 }, 'addr_port error!!!'],
    ['POST', { ...add, addr_port: 'a:b:c' }, 'addr_port error!!!'],
    ['POST', { ...add, addr_port: '  ' }, 'addr_port null!!!'],
    ['POST', { ...add, type: 3 }, 'type error!!!'],
    ['POST', { ...add, type: 'change' }, 'type error!!!'],
    ['PUT', add, 'no support method when add server!'],
    ['POST', { ...add, type: 'del' }, 'no support method when del server!'],
    ['POST', { ...add, server_name: 7 }, 'server_name error!'],
    ['POST', { ...add, server_name: ' ' }, 'server_name is null!'],
    ['PUT', { type: 'del', addr_port: '0.0.0.0:1' }, 'server_name is null!'],
    ['POST', { ...add, listen_option: 1 }, 'listen_option error!'],
    ['POST', { ...add, server_body: [] }, 'server_body error!'],
  ]
  for (const [method, body, message] of cases) {
    assert.deepEqual(await send(api, method, '/v1/stream_srv', body), bad(message))
  }
})

test('refuses what the engine cannot do, in its words', async () => {
  const { api } = createPlane()
  const file = '/t/logs/trijet_0_add_server.txt'
  const cases: readonly (readonly [object, number, string])[] = [
    [{ server_name: 'fixed' }, 5, 'error:[0.0.0.0:22222] server[fixed] exist!'],
    [{ server_body: 'listen 1;' }, 4, 'listen cmd in the server body of dynamic stream vs'],
    [{ server_body: 'zone a 1m;' }, 4, `"zone" directive no support of dynamic! in ${file}:4`],
    [{ server_body: 'return 1; } server { listen 9;' }, 4, `unexpected "}" in ${file}:4`],
    [{ server_name: 'a; listen 9' }, 4, 'listen cmd in the server body of dynamic stream vs'],
    [{ listen_option: 'ssl' }, 4, 'dyn server listen option only works for unlistened port'],
    [
      { addr_port: '0.0.0.0:4000', listen_option: 'udp' },
      4,
      'udp should be added to addr_port, not listen option',
    ],
    [
      { addr_port: '0.0.0.0:5555' },
      4,
      'add dynamic listen port for 5555 is duplicate with other listen address',
    ],
    [{ addr_port: '0.0.0.0:22224' }, 4, 'no ssl_certificate_key!'],
    [
      { addr_port: '0.0.0.0:22224', server_body: 'ssl_certificate_key k;' },
      4,
      'no ssl_certificate!',
    ],
  ]
  for (const [change, code, message] of cases) {
    const reply = await send(api, 'POST', '/v1/stream_srv', { ...add, ...change })
    assert.deepEqual(reply, refused(code, message))
  }
  assert.deepEqual(
    await send(api, 'PUT', '/v1/stream_srv', {
      type: 'del',
      addr_port: '0.0.0.0:22222',
      server_name: 'fixed',
    }),
    refused(5, 'only dynamic server,can to be delete!'),
  )
})

test('tells what is missing: module, stream block, a static server', async () => {
  const load = 'load_module modules/njt_stream_dyn_server_module.so;'
  const without = createPlane('stream { server { listen 1; } }')
  assert.equal(
    (await send(without.api, 'POST', '/v1/stream_srv', add)).text,
    '{"code":-1, "msg":"no rpc handler registered"}',
  )
  const noStream = createPlane(`${load} http { }`)
  assert.deepEqual(
    await send(noStream.api, 'POST', '/v1/stream_srv', add),
    refused(4, 'no stream module when add vs!'),
  )
  assert.deepEqual(
    await send(noStream.api, 'PUT', '/v1/stream_srv', { ...add, type: 'del' }),
    refused(4, 'no stream module when del vs!'),
  )
  const noServer = createPlane(`${load} stream { }`)
  assert.deepEqual(
    await send(noServer.api, 'POST', '/v1/stream_srv', add),
    refused(4, 'adding vs in stream require at least one static vs'),
  )
})

test('paths and methods that do not exist', async () => {
  const { api } = createPlane()
  const notFound = {
    status: 404,
    type: 'application/json',
    text: '{"code":404,"msg":"not found error"}',
  }
  assert.deepEqual(await send(api, 'DELETE', '/v1/stream_srv'), notFound)
  assert.deepEqual(await send(api, 'POST', '/v1/stream_srv/x', add), notFound)
  assert.deepEqual(await send(api, 'GET', '/v1/nothing'), {
    ...notFound,
    text: '{"code":404,"msg":" not register api module"}',
  })
})

test('a dry run changes nothing', async () => {
  const { api, plane } = createPlane()
  const before = plane.state()
  assert.deepEqual(await send(api, 'POST', '/v1/stream_srv?dry_run=1', add), ok)
  assert.equal(plane.state(), before)
})

test('declarative keys: maps and targets are dumped, merged and put back', async () => {
  const { api, plane } = createPlane()
  const map = {
    keyFrom: '$njtmesh_port',
    keyTo: '$mesh_server_name',
    values: [{ valueFrom: '1', valueTo: 'one' }],
    isVolatile: false,
    hosnames: false,
  }
  assert.deepEqual(await send(api, 'PUT', '/v1/config/stream_dyn_map', { maps: [map] }), ok)
  assert.deepEqual(JSON.parse((await send(api, 'GET', '/v1/config/stream_dyn_map')).text), {
    maps: [map],
  })
  const target = { listens: ['0.0.0.0:22222'], serverNames: ['fixed'], proxy_pass: '127.0.0.1:1' }
  const unknown = { ...target, serverNames: ['x'] }
  const both = await send(api, 'PUT', '/v1/config/stream_proxy_pass', {
    servers: [unknown, target],
  })
  assert.deepEqual(JSON.parse(both.text), {
    data: ['listen[0.0.0.0:22222] server_name[x] can not find server.'],
    code: 1,
    msg: 'partial success.',
  })
  const { servers } = JSON.parse((await send(api, 'GET', '/v1/config/stream_proxy_pass')).text)
  assert.deepEqual(
    servers.find(({ serverNames }: { serverNames: string[] }) => serverNames[0] === 'fixed'),
    target,
  )
  assert.deepEqual(await send(api, 'POST', '/v2/rollback', { to: 0 }), ok)
  const { maps } = JSON.parse((await send(api, 'GET', '/v1/config/stream_dyn_map')).text)
  assert.equal(maps[0].values.length, 2)
  assert.equal(plane.state().instructions.size, 0)
})

test('a server takes what was changed inside it along when it goes', async () => {
  const { api, plane } = createPlane()
  const server = { ...add, server_body: 'proxy_pass backend_s1;' }
  await send(api, 'POST', '/v1/stream_srv', server)
  const target = { listens: ['0.0.0.0:22222'], serverNames: ['a'], proxy_pass: '127.0.0.1:1' }
  assert.deepEqual(
    await send(api, 'PUT', '/v1/config/stream_proxy_pass', { servers: [target] }),
    ok,
  )
  const pair = { certificate: 'b.pem', certificateKey: 'b.key' }
  const certificate = { ...target, proxy_pass: undefined, type: 'add', cert_info: pair }
  assert.deepEqual(await send(api, 'PUT', '/v1/stream_ssl', certificate), ok)
  assert.deepEqual(
    await send(api, 'PUT', '/v1/stream_ssl', certificate),
    refused(11, ' dyn ssl cert repeated'),
  )
  assert.equal(plane.state().instructions.size, 3)
  const del = { type: 'del', addr_port: '0.0.0.0:22222', server_name: 'a' }
  assert.deepEqual(await send(api, 'PUT', '/v1/stream_srv', del), ok)
  assert.equal(plane.state().instructions.size, 0)
})

test('two pairs with the same checksum are both kept', async () => {
  const { api, plane } = createPlane()
  // crc32("0.0.0.0:22222" + name) is equal for these two: found by search over short names.
  const [first, second] = collidingNames('0.0.0.0:22222')
  assert.deepEqual(await send(api, 'POST', '/v1/stream_srv', { ...add, server_name: first }), ok)
  assert.deepEqual(await send(api, 'POST', '/v1/stream_srv', { ...add, server_name: second }), ok)
  assert.equal(plane.state().instructions.size, 2)
  for (const name of [first, second]) {
    const del = { type: 'del', addr_port: '0.0.0.0:22222', server_name: name }
    assert.deepEqual(await send(api, 'PUT', '/v1/stream_srv', del), ok)
  }
})

test('history tells every change, newest first, and a rollback is one of them', async () => {
  const { api } = createPlane()
  for (const name of ['a', 'b', 'c']) {
    await send(api, 'POST', '/v1/stream_srv', { ...add, server_name: name })
  }
  assert.deepEqual(await send(api, 'POST', '/v2/rollback', { to: 1 }), ok)
  const { revision, entries } = JSON.parse((await send(api, 'GET', '/v2/history')).text)
  assert.equal(revision, 4)
  assert.deepEqual(
    entries.map(({ action }: { action: string }) => action),
    ['rollback to 1', ...Array.from({ length: 3 }, () => 'POST /api/v1/stream_srv')],
  )
  const { servers } = JSON.parse((await send(api, 'GET', '/v1/stream_srv')).text)
  assert.deepEqual(
    servers.map(({ server_name }: { server_name: string }) => server_name),
    ['a'],
  )
  assert.deepEqual(
    await send(api, 'POST', '/v2/rollback', { to: 9 }),
    refused(4, 'there is no revision 9, the last one is 4'),
  )
})

function collidingNames(prefix: string): readonly [string, string] {
  const seen = new Map<number, string>()
  for (let i = 0; i < 2_000_000; i++) {
    const name = `n${i.toString(36)}${(i * 7919) % 104_729}`
    const sum = crc32(prefix + name)
    const other = seen.get(sum)
    if (other !== undefined) return [other, name]
    seen.set(sum, name)
  }
  throw new Error('no colliding names were found')
}
