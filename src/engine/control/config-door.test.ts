import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directives } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { type ApiHandler, createApi } from './api.ts'
import { parseConfigPath } from './config-path.ts'
import { textOf } from './draft.ts'
import { runningConfiguration } from './endpoints/running-configuration.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const files = `worker_processes 1;
http {
    gzip on;
    add_header A 1;
    add_header B 2;
    upstream u { server 10.0.0.1:80 weight=2; server 10.0.0.2:80; }
    server {
        listen 80;
        server_name a www.a;
        location / { return 200 a; }
        location ~ "^/[a-z]/x" { return 201; }
    }
    server { listen 81; server_name b; location / { return 200 b; } }
}
`

function createPlane(text = files): { api: ApiHandler; plane: MemoryPlane } {
  const { main } = configurationFromText(text, '/t/conf/trijet.conf')
  const plane = new MemoryPlane(main, '/t')
  return { api: createApi([runningConfiguration], plane), plane }
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly etag: string
}

async function send(
  api: ApiHandler,
  method: string,
  body?: unknown,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const content =
    body === undefined || typeof body === 'string' ? (body ?? null) : JSON.stringify(body)
  const url = `http://127.0.0.1:8081/api/v2/config${query}`
  const response = await api(new Request(url, { method, body: content, headers }), {
    remoteAddress: '127.0.0.1',
  })
  const text = await response.text()
  return { status: response.status, text, etag: response.headers.get('etag') ?? etagOf(text) }
}

/** A change tells it in its body. */
function etagOf(text: string): string {
  return text.startsWith('{') ? (JSON.parse(text).etag ?? '') : ''
}

async function at(api: ApiHandler, path: string): Promise<string> {
  const { status, text } = await send(api, 'GET', undefined, {
    query: `?path=${encodeURIComponent(path)}`,
  })
  return status === 200 ? text.trim() : `${status}`
}

/** Equal for texts that say the same in the same order. */
function meaningOf(text: string): string {
  return textOf([...directives(configurationFromText(text, '/t/conf/trijet.conf').main.block!)])
}

test('paths have two forms', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['/', []],
    ['/http/gzip', [['http'], ['gzip']]],
    ['/http/server[80 a]', [['http'], { server: '80', name: 'a' }]],
    ['/stream/server[[::]:53 udp]', [['stream'], { server: '[::]:53 udp', name: '' }]],
    [
      '/http/upstream[u]/server[10.0.0.1:80]',
      [['http'], ['upstream', 'u'], ['server', '10.0.0.1:80']],
    ],
    [
      '/http/server[80]/location[~ "[a-z]/x"]/expires',
      [['http'], { server: '80', name: '' }, ['location', '~', '[a-z]/x'], ['expires']],
    ],
  ]
  for (const [text, steps] of cases) {
    assert.deepEqual(parseConfigPath(text), steps)
    assert.deepEqual(parseConfigPath(steps), steps)
  }
  for (const bad of [
    'http',
    '/http[',
    '/http/server',
    '/http/server[80 a b]',
    '//',
    '/a]',
    5,
    [5],
    [{}],
    [[]],
  ]) {
    assert.throws(() => parseConfigPath(bad), { status: 400 })
  }
})

test('directives are added, replaced and removed, and go without a trace', async () => {
  const { api, plane } = createPlane()
  const before = (await send(api, 'GET')).text
  const done = await send(api, 'PATCH', [
    { op: 'add', path: '/http/server[80 www.a]', value: 'location /x { expires 1h; } expires 2h;' },
    { op: 'replace', path: '/http/add_header[B]', value: 'add_header C 3;' },
    { op: 'remove', path: '/http/upstream[u]/server[10.0.0.1:80]' },
    { op: 'add', path: ['http'], value: { map: [{ _key: '$a $b', x: 'y' }] } },
    { op: 'add', path: '/', value: 'stream { server { listen 90; return ok; } }' },
  ])
  assert.equal(done.status, 200, done.text)
  assert.match(done.text, /"revision":1/)
  assert.equal(await at(api, '/http/server[80 a]/location[/x]/expires'), 'expires 1h;')
  assert.equal(await at(api, '/http/add_header'), 'add_header A 1;\nadd_header C 3;')
  assert.equal(await at(api, '/http/upstream[u]/server'), 'server 10.0.0.2:80;')
  assert.equal(await at(api, '/http/map[$a $b]'), 'map $a $b {\n    x y;\n}')
  assert.equal(await at(api, '/stream/server[90]/return'), 'return ok;')
  const undone = await send(api, 'PATCH', [
    { op: 'remove', path: '/http/server[80 a]/location[/x]' },
    { op: 'remove', path: '/http/server[80 a]/expires' },
    { op: 'replace', path: '/http/add_header[C]', value: 'add_header B 2;' },
    {
      op: 'replace',
      path: '/http/upstream[u]/server',
      value: 'server 10.0.0.1:80 weight=2; server 10.0.0.2:80;',
    },
    { op: 'remove', path: '/http/map[$a $b]' },
    { op: 'remove', path: '/stream' },
  ])
  assert.equal(undone.status, 200, undone.text)
  assert.equal(plane.state().instructions.size, 0)
  assert.equal((await send(api, 'GET')).text, before)
})

test('a server is added, moved and removed; a location is renamed', async () => {
  const { api } = createPlane()
  const server = 'server { listen 82; server_name c; location / { return 200 c; } }'
  const done = await send(api, 'PATCH', [
    { op: 'add', path: '/http', value: server },
    { op: 'replace', path: '/http/server[81 b]/server_name', value: 'server_name b2 b3;' },
    { op: 'add', path: '/http/server[80 a]', value: 'listen 8080;' },
    {
      op: 'replace',
      path: '/http/server[80 a]/location[/]',
      value: 'location /new { return 200; }',
    },
  ])
  assert.equal(done.status, 200, done.text)
  assert.equal(await at(api, '/http/server[82 c]/server_name'), 'server_name c;')
  assert.equal(await at(api, '/http/server[81 b]'), '404')
  assert.equal(
    await at(api, '/http/server[81 b3]/location[/]'),
    'location / {\n    return 200 b;\n}',
  )
  assert.equal(await at(api, '/http/server[8080 www.a]/listen'), 'listen 80;\nlisten 8080;')
  assert.equal(await at(api, '/http/server[80 a]/location[/]'), '404')
  assert.equal(await at(api, '/http/server[80 a]/location[/new]/return'), 'return 200;')
  const gone = await send(api, 'PATCH', [{ op: 'remove', path: '/http/server[82 c]' }])
  assert.equal(gone.status, 200, gone.text)
  assert.equal(await at(api, '/http/server[82 c]'), '404')
})

test('what cannot be done has its status and changes nothing', async () => {
  const { api, plane } = createPlane()
  const server = '/http/server[80 a]'
  const cases: readonly (readonly [number, unknown, RegExp])[] = [
    [400, 'no json', /no JSON/],
    [400, {}, /list of operations/],
    [400, [{ op: 'set', path: '/' }], /add, replace or remove/],
    [400, [{ op: 'remove', path: '/http', value: '' }], /takes no value/],
    [400, [{ op: 'remove', path: '/http', more: 1 }], /unknown field/],
    [400, [{ op: 'add', path: '/http', value: '' }], /no directive/],
    [400, [{ op: 'add', path: '/http', value: 'gzip on' }], /operation 1:1/],
    [400, [{ op: 'add', path: '/http', value: 'gzip on; }' }], /unexpected "}" in operation 1:1/],
    [400, [{ op: 'add', path: '/http', value: { gzip: null } }], /gzip/],
    [400, [{ op: 'remove', path: '/' }], /PUT/],
    [404, [{ op: 'remove', path: '/http/expires' }], /there is no http > expires/],
    [404, [{ op: 'add', path: '/stream', value: 'tcp_nodelay on;' }], /there is no stream/],
    [
      404,
      [{ op: 'replace', path: `${server}/location[/none]`, value: 'location /x {}' }],
      /location \/none/,
    ],
    [409, [{ op: 'add', path: server, value: 'location / {}' }], /stands already/],
    [
      409,
      [{ op: 'add', path: '/http', value: 'server { listen 80; server_name www.a; }' }],
      /stands already/,
    ],
    [422, [{ op: 'remove', path: '/http' }], /stands in the files/],
    [
      404,
      [
        { op: 'replace', path: '/http/gzip', value: 'gzip off;' },
        { op: 'remove', path: '/x' },
      ],
      /no x/,
    ],
  ]
  for (const [status, body, message] of cases) {
    const answer = await send(api, 'PATCH', body)
    assert.equal(answer.status, status, `${JSON.stringify(body)} ${answer.text}`)
    assert.match(JSON.parse(answer.text).msg, message)
  }
  assert.equal(plane.state().instructions.size, 0)
})

test('other methods are told which there are, and HEAD is GET', async () => {
  const { api } = createPlane()
  const ask = (method: string, path = 'config'): Promise<Response> =>
    api(new Request(`http://127.0.0.1:8081/api/v2/${path}`, { method }), {
      remoteAddress: '127.0.0.1',
    })
  const head = await ask('HEAD')
  assert.deepEqual([head.status, head.headers.get('etag')], [200, (await send(api, 'GET')).etag])
  const allow = 'HEAD, GET, PATCH, PUT, OPTIONS'
  const deleted = await ask('DELETE')
  assert.deepEqual([deleted.status, deleted.headers.get('allow')], [405, allow])
  assert.deepEqual(await deleted.json(), { code: 405, msg: 'method not allowed' })
  const options = await ask('OPTIONS')
  assert.deepEqual([options.status, options.headers.get('allow')], [204, allow])
  assert.equal((await ask('GET', 'config/x')).status, 404)
})

test('If-Match keeps one change from overtaking another; a dry run changes nothing', async () => {
  const { api } = createPlane()
  const { etag } = await send(api, 'GET')
  const change = [{ op: 'replace', path: '/http/gzip', value: 'gzip off;' }]
  const dry = await send(api, 'PATCH', change, {
    query: '?dry_run=1',
    headers: { 'if-match': etag },
  })
  assert.equal(dry.status, 200)
  assert.equal(await at(api, '/http/gzip'), 'gzip on;')
  const first = await send(api, 'PATCH', change, { headers: { 'if-match': etag } })
  assert.equal(first.status, 200)
  assert.notEqual(first.etag, etag)
  assert.equal((await send(api, 'GET')).etag, first.etag)
  const back = [{ op: 'replace', path: '/http/gzip', value: 'gzip on;' }]
  assert.equal((await send(api, 'PATCH', back, { headers: { 'if-match': etag } })).status, 412)
  assert.equal((await send(api, 'PATCH', back, { headers: { 'if-match': '*' } })).status, 200)
  const known = await send(api, 'GET', undefined, {
    headers: { 'if-none-match': (await send(api, 'GET')).etag },
  })
  assert.equal(known.status, 304)
})

test('a whole configuration is set by what differs', async () => {
  const { api, plane } = createPlane()
  const server = plane.state().http.find({ protocol: 'tcp', host: '0.0.0.0', port: 81 }, 'b')!.node
  const wanted = files
    .replace('gzip on', 'gzip off')
    .replace('return 200 a;', 'return 200 changed;')
    .replace('worker_processes 1;', 'worker_processes 1;\nevents { worker_connections 99; }')
    .replace('upstream u', 'upstream v { server 10.0.0.3:80; }\n    upstream u')
    .replace('add_header B 2;', '')
  const done = await send(api, 'PUT', wanted)
  assert.equal(done.status, 200, done.text)
  const keys = [...plane.state().instructions.entries()].map(([key]) => key).sort()
  assert.deepEqual(keys, [
    '/dyn/config/events',
    '/dyn/config/http/add_header',
    '/dyn/config/http/gzip',
    '/dyn/config/http/server@0.0.0.0:80,a/location,%2F/return',
    '/dyn/config/http/upstream,v',
    '/dyn/order/http',
    '/dyn/order/main',
  ])
  assert.equal(
    plane.state().http.find({ protocol: 'tcp', host: '0.0.0.0', port: 81 }, 'b')!.node,
    server,
  )
  const shown = await send(api, 'GET')
  assert.equal(meaningOf(shown.text), meaningOf(wanted))
  const again = await send(api, 'PUT', shown.text)
  assert.equal(again.status, 200, again.text)
  assert.equal((await send(api, 'GET')).text, shown.text)
  assert.equal(plane.version().revision, 2)
  const back = await send(api, 'PUT', files)
  assert.equal(back.status, 200, back.text)
  assert.equal(plane.state().instructions.size, 0)
  assert.equal((await send(api, 'GET')).text, files)
})

test('the order of what is tried in order is set, too', async () => {
  const { api } = createPlane()
  const regexes = 'location ~ x { return 202; } location ~ ^/[a-z]/x { return 201; }'
  const wanted = files.replace('location ~ "^/[a-z]/x" { return 201; }', regexes)
  assert.equal((await send(api, 'PUT', wanted)).status, 200)
  const names = [...(await at(api, '/http/server[80 a]')).matchAll(/location ~ "?([^\s"]+)/g)].map(
    ([, name]) => name,
  )
  assert.deepEqual(names, ['x', '^/[a-z]/x'])
  // Who is the default server of an address is told by the order.
  const shared = files.replace('listen 81', 'listen 80')
  const [first, second] = [shared.indexOf('    server {'), shared.indexOf('    server { listen')]
  const swapped = `${shared.slice(0, first)}${shared.slice(second, -2)}${shared.slice(first, second)}}\n`
  const other = createPlane(shared)
  const done = await send(other.api, 'PUT', swapped)
  assert.equal(done.status, 200, done.text)
  assert.equal(meaningOf((await send(other.api, 'GET')).text), meaningOf(swapped))
  assert.deepEqual(
    [...other.plane.state().instructions.entries()].map(([key]) => key),
    ['/dyn/order/http'],
  )
  assert.equal((await send(api, 'PUT', `${files}\ninclude x;`)).status, 400)
})

test('what is replaced keeps its place, whoever made it and whatever it is called then', async () => {
  const shared = files.replace('listen 81', 'listen 80')
  const { api, plane } = createPlane(shared)
  const server = '/http/server[80 a]'
  const patch = async (...operations: readonly object[]): Promise<void> => {
    const { status, text } = await send(api, 'PATCH', operations)
    assert.equal(status, 200, text)
  }
  const order = async (): Promise<string> => {
    const { text } = await send(api, 'GET')
    return [...text.matchAll(/(?:location ~|server_name) "?([^\s;"]+)/g)]
      .map(([, n]) => n)
      .join(' ')
  }
  const add = (path: string): object => ({
    op: 'add',
    path: server,
    value: `location ~ ${path} { }`,
  })
  await patch(add('1'), add('2'), add('3'))
  const before = await order()
  assert.equal(before, 'a ^/[a-z]/x 1 2 3 b')
  const replace = {
    op: 'replace',
    path: `${server}/location[~ 1]`,
    value: 'location ~ 1 { return 1; }',
  }
  await patch(replace)
  assert.equal(await order(), before)
  await patch({ ...replace, path: `${server}/location[~ 2]`, value: 'location ~ new { }' })
  assert.equal(await order(), 'a ^/[a-z]/x 1 new 3 b')
  await patch({ op: 'remove', path: `${server}/location[~ 1]` })
  await patch(add('1'))
  assert.equal(await order(), 'a ^/[a-z]/x new 3 1 b')
  await patch({ op: 'replace', path: `${server}/server_name`, value: 'server_name c;' })
  assert.equal(await order(), 'c ^/[a-z]/x new 3 1 b')
  assert.ok(plane.state().instructions.has('/dyn/order/http'))
})

test('an order forgets what goes; what comes later comes last', async () => {
  const { api } = createPlane()
  const locations = (...names: readonly string[]): string =>
    names.map((name) => `location ~ ${name} { return 200; }`).join(' ')
  const put = async (...names: readonly string[]): Promise<void> => {
    const wanted = files.replace('location ~ "^/[a-z]/x" { return 201; }', locations(...names))
    const { status, text } = await send(api, 'PUT', wanted)
    assert.equal(status, 200, text)
    assert.equal(meaningOf((await send(api, 'GET')).text), meaningOf(wanted))
  }
  const names = async (): Promise<string> =>
    [...(await at(api, '/http/server[80 a]')).matchAll(/location ~ (\S+)/g)]
      .map(([, n]) => n)
      .join()
  await put('1', '2', '3')
  await put('3', '1', '2')
  await put('2', '3', '1')
  const path = '/http/server[80 a]/location[~ 3]'
  assert.equal((await send(api, 'PATCH', [{ op: 'remove', path }])).status, 200)
  assert.equal(await names(), '2,1')
  const value = 'location ~ 3 { return 201; }'
  const again = [{ op: 'add', path: '/http/server[80 a]', value }]
  assert.equal((await send(api, 'PATCH', again)).status, 200)
  assert.equal(await names(), '2,1,3')
  const listen = [{ op: 'add', path: '/http/server[80 a]', value: 'listen 8080;' }]
  assert.equal((await send(api, 'PATCH', listen)).status, 200)
  assert.equal(await names(), '2,1,3')
})
