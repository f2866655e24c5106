/** The same requests over HTTP/2 for this engine and for nginx: what is answered must be the same. */
import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { Scope } from '../support/scope.ts'
import { type Both, startBoth } from './both.ts'
import {
  block,
  connectHttp2,
  endHeaders,
  ends,
  frame,
  headers,
  type Http2Client,
  request,
  types,
  uint32,
} from './http2-client.ts'

const scope = new Scope()
let both: Both

before(async () => {
  both = await startBoth(
    scope,
    `log_format seen '$request|$status|$http_host|$http_cookie|$http_x_a|$server_protocol';
     server { listen {port} http2; server_name one.test; root html; client_max_body_size 1000;
       add_header X-Added "a b" always;
       location = /echo { return 200 "$request|$host|$args|$http_cookie|$http_x_a|$server_protocol|$http2|$content_length|$content_type|$scheme"; }
       location = /uri { return 200 "$uri"; }
       location /uri/ { return 200 "$uri"; }
       location /redirect { return 302 /there?x; }
       location /away { return 301 http://other.test/; }
       location /code { return 418; }
       location /empty { return 204; }
       location /denied { deny all; }
       location /files/ { expires 1h; }
       location /list/ { autoindex on; }
       location /error { error_page 404 =200 /files/small; return 404; }
       location /if { if ($http_x_a = b) { return 200 "matched"; } return 200 "not"; }
       location /once { limit_except GET { deny all; } return 200 once; } }
     server { listen {port} http2; server_name two.test *.two.test; return 200 "two $host"; }`,
    {
      'html/index.html': '<p>index',
      'html/files/small': 'small file\n',
      'html/files/style.css': 'a { b: c }',
      'html/files/large.bin': Buffer.alloc(100_000, 'abcdefg'),
      'html/folder/index.html': 'folder',
    },
  )
})
after(() => scope.close())

type Pairs = readonly (readonly [string, string])[]

interface Exchange {
  readonly fields: Buffer
  /** Body in frames; the last one ends the stream. */
  readonly body?: readonly Buffer[]
}

const get = (path: string, fields: Pairs = [], method = 'GET'): Exchange => ({
  fields: request(path, fields, method),
})

const send = (path: string, body: readonly Buffer[], fields: Pairs = []): Exchange => ({
  fields: request(path, fields, 'POST'),
  body,
})

const own = (pseudo: Pairs, fields: Pairs = []): Exchange => ({
  fields: block([...pseudo, ...fields]),
})

const plain: Pairs = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/echo'],
]

const cases: Readonly<Record<string, Exchange>> = {
  'a request': get('/echo?a=b&c'),
  'a request with fields': get('/echo', [
    ['x-a', 'b'],
    ['cookie', 'a=1'],
    ['cookie', 'b=2'],
    ['content-type', 'text/x'],
  ]),
  'a field of many': get('/echo', [
    ['x-a', '1'],
    ['x-a', '2'],
  ]),
  'an empty field': get('/echo', [['x-a', '']]),
  'host in the place of the authority': own(plain, [['host', 'two.test']]),
  'a server by its name': own([...plain, [':authority', 'a.two.test:80']]),
  'a name in upper case': own([...plain, [':authority', 'TWO.test']]),
  'pseudo fields in another order': own([
    [':path', '/echo'],
    [':authority', 'one.test'],
    [':scheme', 'http'],
    [':method', 'GET'],
  ]),
  HEAD: get('/files/small', [], 'HEAD'),
  'HEAD of a large file': get('/files/large.bin', [], 'HEAD'),
  OPTIONS: get('/files/small', [], 'OPTIONS'),
  'a method of one’s own': get('/echo', [], 'PROPFIND'),
  'a file': get('/files/small'),
  'a file with a type': get('/files/style.css'),
  'a large file': get('/files/large.bin'),
  'a range': get('/files/large.bin', [['range', 'bytes=10-19']]),
  'a range that is none': get('/files/small', [['range', 'bytes=100-']]),
  'a file that has not changed': get('/files/small', [
    ['if-modified-since', 'Sun, 01 Jan 2090 00:00:00 GMT'],
  ]),
  'a condition that fails': get('/files/small', [['if-match', '"x"']]),
  'a file that is not there': get('/files/nothing'),
  'an index': get('/'),
  'a folder without its slash': get('/folder?a'),
  'a folder without an index': get('/files/'),
  'a redirect': get('/redirect'),
  'a redirect elsewhere': get('/away'),
  'a status without a page': get('/code'),
  'a status without a body': get('/empty'),
  'what is denied': get('/denied'),
  'a page for an error': get('/error'),
  'a condition of rewriting': get('/if', [['x-a', 'b']]),
  'a method that is left out': send('/once', [Buffer.from('x')]),
  'escapes in a path': get('/uri/%61%2Fb%20c'),
  'slashes and dots in a path': get('/uri//a/./b/../c'),
  'a path that leaves the root': get('/../x'),
  'a path with a broken escape': get('/uri/%zz'),
  'a path without a slash': get('uri'),
  'a star': get('*', [], 'OPTIONS'),
  'a query with odd signs': get('/echo?"<>\\^`{|}'),
  'a fragment': get('/uri/a#b'),
  'bytes above ASCII': get('/uri/\xc3\xa4'),
  'a body that nobody reads': send('/echo', [Buffer.from('abc')], [['content-length', '3']]),
  'a body without a length': send('/echo', [Buffer.from('abc'), Buffer.from('def')]),
  'an empty body': send('/echo', [Buffer.alloc(0)]),
  'a body that is too large': send('/echo', [Buffer.alloc(1001)], [['content-length', '1001']]),
  'no authority and no host': own(plain),
  'an authority that is no host': own([...plain, [':authority', 'a/b']]),
  'an authority that is empty': own([...plain, [':authority', '']]),
  'an expectation': get('/echo', [['expect', '100-continue']]),
  'a name with an underscore': get('/echo', [['x_a', 'b']]),
  'a name with a dot': get('/echo', [['x.a', 'b']]),
  'a value with tabs': get('/echo', [['x-a', 'b\tc']]),
  'a value above ASCII': get('/echo', [['x-a', 'b\xe4']]),
  'two lengths': get('/echo', [
    ['content-length', '0'],
    ['content-length', '0'],
  ]),
  'a length that is none': get('/echo', [['content-length', '-1']]),
  'white space in a path': get('/a b'),
  'a field that is too large': get('/echo', [['x-a', 'a'.repeat(9000)]]),
  'a path that is too large': get(`/${'a'.repeat(9000)}`),
  'a large field': get('/echo', [['x-b', 'a'.repeat(8000)]]),
  'the method TRACE': get('/echo', [], 'TRACE'),
  'a lower-case method': get('/echo', [], 'get'),
  'without a method': own(plain.slice(1)),
  'without a scheme': own([plain[0]!, plain[2]!]),
  'without a path': own(plain.slice(0, 2)),
  'a pseudo field twice': own([...plain, plain[2]!]),
  'a pseudo field of a response': own([...plain, [':status', '200']]),
  'a pseudo field behind others': own([plain[0]!, plain[1]!, ['x-a', 'b'], plain[2]!]),
  'a name in upper case letters': get('/echo', [['X-A', 'b']]),
  'a line break in a value': get('/echo', [['x-a', 'b\r\nc: d']]),
  'a field of a connection': get('/echo', [['connection', 'close']]),
}

interface Seen {
  readonly status: number
  readonly fields: Readonly<Record<string, unknown>>
  readonly body: string
}

async function ask(client: Http2Client, { fields, body }: Exchange): Promise<Seen | string> {
  await client.send(headers(1, fields, body === undefined ? ends | endHeaders : endHeaders))
  for (const [i, piece] of (body ?? []).entries()) {
    await client.send(frame(types.data, i === body!.length - 1 ? ends : 0, 1, piece))
  }
  const answer = await client.answer(1).catch(() => undefined)
  if (answer === undefined) return 'the connection ends'
  if (answer.status === 0) return 'the stream is reset'
  const { server: _server, date: _date, expires: _expires, ...told } = answer.fields
  return { status: answer.status, fields: told, body: answer.body.toString('latin1') }
}

/** What differs on purpose, as docs/differences.md has it: what this engine does. */
const different: Readonly<Record<string, RegExp>> = {
  'a field of many': /\|1, 2\|/,
  'a fragment': /"status": 400/,
  'a value above ASCII': /\|b\xef\xbf\xbd\|/,
  'a field that is too large': /"status": 400[^]*Request Header Or Cookie Too Large/,
  'a path that is too large': /"status": 400[^]*Request Header Or Cookie Too Large/,
  'a name in upper case letters': /"status": 400/,
  'a line break in a value': /"status": 400/,
  'a field of a connection': /"status": 400/,
}

async function seenBy(t: TestContext, port: number, exchange: Exchange): Promise<string> {
  const client = await connectHttp2(t, port, [4, 1_000_000])
  await client.send(frame(types.windowUpdate, 0, 0, uint32(1_000_000)))
  const seen = await ask(client, exchange)
  client.tcp.close()
  const text = typeof seen === 'string' ? seen : JSON.stringify(seen, undefined, 1)
  return text
    .replaceAll(/(?:nginx|trijet)\/\d+\.\d+\.\d+/g, 'server')
    .replaceAll(String(port), 'PORT')
    .replaceAll(/"etag": .*|"last-modified": .*/g, (line) => line.slice(0, 8))
}

for (const [name, exchange] of Object.entries(cases)) {
  test(`as nginx: ${name}`, async (t) => {
    const ours = await seenBy(t, both.oursPort, exchange)
    const expected = different[name]
    if (expected !== undefined) assert.match(ours, expected)
    else assert.equal(ours, await seenBy(t, both.nginxPort, exchange))
  })
}
