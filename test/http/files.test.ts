/** Files: what is served, how it is described, and what is refused, with nginx as the judge. */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Scope } from '../support/scope.ts'
import { curl } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { askBoth, type Both, request, startBoth } from './both.ts'
import { startHttp } from './support.ts'

const modified = new Date('2026-11-21T10:20:30Z')

const files = {
  'html/index.html': 'the index\n',
  'html/a.txt': '0123456789',
  'html/empty.txt': '',
  'html/noext': 'no ending',
  'html/page.HTML': 'upper',
  'html/two.tar.gz': 'gz',
  'html/.hidden': 'hidden',
  'html/dir/index.htm': 'index of dir',
  'html/dir/inner.txt': 'inner',
  'html/space dir/x y.txt': 'space',
  'html/é/ü.txt': 'umlaut',
  'html/none/x.bin': 'binary',
  'other/file.txt': 'other file',
  'other/sub/index.html': 'other index',
  'spa/app.html': 'the app',
  'spa/real.js': 'real',
}

const conf = `
  types { text/html html htm; text/plain txt; application/gzip gz; }
  default_type application/octet-stream;
  server { listen {port}; server_name here; root html; index index.html index.htm;
    location /alias/ { alias other/; }
    location /alias-dir { alias other; }
    location = /exact { alias other/file.txt; }
    location ~ ^/re/(.*)$ { alias other/$1; }
    location /rooted { root spa; }
    location /nested/ { alias other/; location /nested/sub/ { index index.html; } }
    location /spa/ { root .; try_files $uri $uri/ /spa/app.html; }
    location /code/ { try_files $uri =410; }
    location /named/ { try_files $uri @fallback; }
    location @fallback { return 200 "fallback $uri"; }
    location /abs/ { index nothing /a.txt; }
    location /noetag/ { alias html/; etag off; }
    location /before/ { alias html/; if_modified_since before; }
    location /never/ { alias html/; if_modified_since off; }
    location /charset/ { alias html/; charset utf-8; }
    location /relative/ { alias html/; absolute_redirect off; }
    location /noport/ { alias html/; port_in_redirect off; }
    location /named-redirect/ { alias html/; server_name_in_redirect on; }
    location /private/ { alias html/; internal; }
    location /errors/ { alias html/; error_page 404 /a.txt; error_page 403 =200 /exact; error_page 405 = @fallback; }
    location /away/ { alias html/; error_page 404 http://else.where/x; error_page 410 =301 https://moved/; }
    location /gone { error_page 410 =301 https://moved/; return 410; }
    location /loop { error_page 404 /loop2; return 404; }
    location /loop2 { error_page 404 /loop; return 404; }
  }`

const scope = new Scope()
let both: Both

before(async () => {
  both = await startBoth(scope, conf, files)
  for (const prefix of [both.ours.prefix, both.nginx.prefix]) {
    for (const name of Object.keys(files)) utimesSync(prefix.file(name), modified, modified)
  }
})
after(() => scope.close())

const simple = [
  ...[
    '/',
    '/index.html',
    '/a.txt',
    '/empty.txt',
    '/noext',
    '/page.HTML',
    '/two.tar.gz',
    '/.hidden',
  ],
  ...[
    '/dir',
    '/dir/',
    '/dir?x=y',
    '/dir/inner.txt',
    '/dir/nothing',
    '/a.txt/',
    '/a.txt/x',
    '/none/',
  ],
  ...[
    '/none',
    '/nothing',
    '/nothing/',
    '/space%20dir/x%20y.txt',
    '/%C3%A9/%C3%BC.txt',
    '/dir//inner.txt',
  ],
  ...[
    '/alias/file.txt',
    '/alias/',
    '/alias/sub',
    '/alias/sub/',
    '/alias/../a.txt',
    '/alias',
    '/alias/nothing',
  ],
  ...[
    '/alias-dir/file.txt',
    '/alias-dir/sub/',
    '/exact',
    '/exact/x',
    '/re/file.txt',
    '/re/sub/index.html',
  ],
  ...['/rooted/x', '/nested/sub/', '/nested/file.txt', '/spa/real.js', '/spa/deep/link', '/spa/'],
  ...['/code/x', '/named/x', '/abs/', '/noetag/a.txt', '/charset/a.txt', '/charset/two.tar.gz'],
  ...['/relative/dir', '/noport/dir', '/named-redirect/dir', '/private/a.txt', '/errors/nothing'],
  ...['/errors/none/', '/errors/a.txt', '/away/nothing', '/gone', '/loop', `/${'x'.repeat(300)}`],
]

for (const target of simple) {
  test(`GET ${target.slice(0, 60)}`, async () => {
    const { ours, nginx } = await askBoth(scope, both, request(target))
    assert.equal(ours, nginx)
  })
}

const when = modified.toUTCString()
const earlier = new Date(modified.getTime() - 5000).toUTCString()
const later = new Date(modified.getTime() + 5000).toUTCString()
const tag = `"${(modified.getTime() / 1000).toString(16)}-a"`

const conditional: readonly (readonly [target: string, fields: string])[] = [
  ['/a.txt', `If-Modified-Since: ${when}\r\n`],
  ['/a.txt', `If-Modified-Since: ${earlier}\r\n`],
  ['/a.txt', `If-Modified-Since: ${later}\r\n`],
  ['/a.txt', 'If-Modified-Since: nonsense\r\n'],
  ['/before/a.txt', `If-Modified-Since: ${later}\r\n`],
  ['/before/a.txt', `If-Modified-Since: ${earlier}\r\n`],
  ['/never/a.txt', `If-Modified-Since: ${when}\r\n`],
  ['/a.txt', `If-Unmodified-Since: ${when}\r\n`],
  ['/a.txt', `If-Unmodified-Since: ${earlier}\r\n`],
  ['/a.txt', `If-None-Match: ${tag}\r\n`],
  ['/a.txt', `If-None-Match: W/${tag}\r\n`],
  ['/a.txt', 'If-None-Match: "x", "y"\r\n'],
  ['/a.txt', `If-None-Match: "x", ${tag}\r\n`],
  ['/a.txt', 'If-None-Match: *\r\n'],
  ['/a.txt', `If-Match: ${tag}\r\n`],
  ['/a.txt', `If-Match: W/${tag}\r\n`],
  ['/a.txt', 'If-Match: "x"\r\n'],
  ['/a.txt', 'If-Match: *\r\n'],
  ['/noetag/a.txt', `If-None-Match: ${tag}\r\n`],
  ['/noetag/a.txt', 'If-Match: *\r\n'],
  ['/a.txt', `If-None-Match: "x"\r\nIf-Modified-Since: ${when}\r\n`],
  ['/a.txt', `If-None-Match: ${tag}\r\nIf-Modified-Since: ${earlier}\r\n`],
  ['/a.txt', 'If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n'],
  ['/a.txt', 'If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n'],
]

const ranges: readonly (readonly [target: string, fields: string])[] = [
  ...[
    '0-0',
    '0-',
    '5-',
    '-3',
    '-0',
    '-100',
    '0-100',
    '9-9',
    '10-',
    '10-20',
    '5-4',
    'x',
    '',
    '-',
  ].map((range) => ['/a.txt', `Range: bytes=${range}\r\n`] as const),
  ['/a.txt', 'Range: items=0-1\r\n'],
  ['/a.txt', 'Range: BYTES=2-3\r\n'],
  ['/a.txt', `Range: bytes=0-1\r\nIf-Range: ${tag}\r\n`],
  ['/a.txt', 'Range: bytes=0-1\r\nIf-Range: "x"\r\n'],
  ['/a.txt', `Range: bytes=0-1\r\nIf-Range: ${when}\r\n`],
  ['/a.txt', `Range: bytes=0-1\r\nIf-Range: ${earlier}\r\n`],
  ['/a.txt', `Range: bytes=0-1\r\nIf-None-Match: ${tag}\r\n`],
  ['/empty.txt', 'Range: bytes=0-\r\n'],
  ['/nothing', 'Range: bytes=0-1\r\n'],
]

for (const [target, fields] of [...conditional, ...ranges]) {
  test(`GET ${target} with ${fields.trim().replaceAll('\r\n', ' and ')}`, async () => {
    const { ours, nginx } = await askBoth(scope, both, request(target, fields))
    assert.equal(ours, nginx)
  })
}

for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
  test(`${method} of a file, a folder, nothing`, async () => {
    for (const target of ['/a.txt', '/dir', '/nothing', '/', '/errors/a.txt', '/errors/nothing']) {
      const { ours, nginx } = await askBoth(scope, both, request(target, '', method))
      assert.equal(ours, nginx, target)
    }
  })
}

test('a link that leads out of the root is refused unless the operator says otherwise', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off;
     server { listen 127.0.0.1:${port}; root html;
       location /free/ { alias html/; disable_symlinks off; } }`,
    { 'html/real.txt': 'real', 'secret/s.txt': 'secret' },
  )
  const { prefix } = engine
  symlinkSync('../secret/s.txt', prefix.file('html/out.txt'))
  symlinkSync('real.txt', prefix.file('html/in.txt'))
  symlinkSync('../secret', prefix.file('html/outdir'))
  const status = async (path: string): Promise<number> =>
    (await curl(`http://127.0.0.1:${port}${path}`)).status
  assert.equal(await status('/in.txt'), 200)
  assert.equal(await status('/out.txt'), 403)
  assert.equal(await status('/outdir/s.txt'), 403)
  assert.equal(await status('/free/out.txt'), 200)
  assert.match(engine.errorLog, /html\/out\.txt" lies outside of its root/)
})

test('a root that is itself a link may be moved to another folder at any time', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; server { listen 127.0.0.1:${port}; root current; }`,
    { 'one/a.txt': 'one', 'two/a.txt': 'two' },
  )
  const { prefix } = engine
  symlinkSync('one', prefix.file('current'))
  assert.equal((await curl(`http://127.0.0.1:${port}/a.txt`)).body.toString(), 'one')
  symlinkSync('two', prefix.file('next'))
  renameSync(prefix.file('next'), prefix.file('current'))
  assert.equal((await curl(`http://127.0.0.1:${port}/a.txt`)).body.toString(), 'two')
})

test('a large file arrives whole, and a client that does not read costs no memory', async (t) => {
  const port = await freePort()
  const size = 64 * 1024 * 1024
  const engine = await startHttp(
    t,
    `access_log off; server { listen 127.0.0.1:${port}; root html; }`,
  )
  mkdirSync(engine.prefix.file('html'))
  const block = Buffer.alloc(1024 * 1024, 'large file ')
  for (let i = 0; i < size / block.length; i++) {
    writeFileSync(engine.prefix.file('html/large'), block, { flag: 'a' })
  }
  const stalled = await Promise.all(
    Array.from({ length: 8 }, () => connectTcp(t, { port, host: '127.0.0.1' })),
  )
  const rssBefore = process.memoryUsage().rss
  for (const client of stalled) {
    client.socket.pause()
    await client.send('GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
  }
  const whole = Buffer.from(await (await fetch(`http://127.0.0.1:${port}/large`)).arrayBuffer())
  assert.equal(whole.length, size)
  assert.equal(whole.subarray(-block.length).equals(block), true)
  const part = await curl('-r', `${size - 5}-`, `http://127.0.0.1:${port}/large`)
  assert.equal(part.status, 206)
  assert.equal(part.body.length, 5)
  // The answer that was read is in this process as well, twice at most.
  assert(process.memoryUsage().rss - rssBefore < 4 * size, 'stalled clients are not buffered for')
})
