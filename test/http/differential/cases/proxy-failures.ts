/** Upstreams that fail, the next that are asked, and connections that are kept. */
import { type Case, get, post, reply } from '../case.ts'

const pass = 'location / { proxy_pass http://{upstream}; }'
const upstream = reply('seen')

/** A location with more directives, which the root location passes on by. */
const within = (directives: string): string =>
  `location / { proxy_pass http://{upstream}; ${directives} }`

const chunks = (...pieces: readonly string[]): string =>
  `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`

const body64k = '0123456789abcdef'.repeat(4096)

const keepalive = 'upstream kept_{id} { server {upstream}; keepalive 4; } '
const keptServer =
  'location / { proxy_pass http://kept_{id}; proxy_http_version 1.1; proxy_set_header Connection ""; }'

const failures: readonly Case[] = [
  {
    name: 'nobody listens',
    server: 'location / { proxy_pass http://127.0.0.1:1; }',
    errorLog: 'error',
    accessLog: '$status|$upstream_addr|$upstream_status',
    requests: [get('/x?y'), post('/', 'abc')],
  },
  {
    name: 'the server closes without a word',
    server: pass,
    upstream: (exchange) => exchange.end(),
    errorLog: 'error',
    requests: [get('/')],
  },
  {
    name: 'the server resets',
    server: pass,
    upstream: (exchange) => exchange.reset(),
    errorLog: 'error',
    requests: [get('/')],
  },
  {
    name: 'the head is cut off',
    server: pass,
    upstream: 'HTTP/1.1 200 OK\r\nX-A: ',
    errorLog: 'error',
    requests: [get('/')],
  },
  {
    name: 'the body is cut off',
    server: pass,
    upstream: 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc',
    errorLog: 'error',
    requests: [get('/')],
  },
  {
    name: 'the head is too long',
    server: pass,
    upstream: reply('x', `X-Long: ${'v'.repeat(5000)}\r\n`),
    errorLog: 'error',
    requests: [get('/')],
  },
  {
    name: 'proxy_buffer_size for a long head',
    server: within('proxy_buffer_size 16k; proxy_buffers 8 16k;'),
    upstream: reply('x', `X-Long: ${'v'.repeat(5000)}\r\n`),
    requests: [get('/')],
  },
  {
    name: 'a field that is none',
    server: pass,
    upstream: 'HTTP/1.1 200 OK\r\nbad line\r\n\r\n',
    errorLog: 'error',
    requests: [get('/')],
  },
  {
    name: 'two lengths',
    server: pass,
    upstream: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    requests: [get('/')],
    difference: { why: 'RFC 9112 §6.3: two lengths are two readings', ours: /502 Bad Gateway/ },
  },
  {
    name: 'a length that is none',
    server: pass,
    upstream: 'HTTP/1.1 200 OK\r\nContent-Length: x\r\nConnection: close\r\n\r\nab',
    requests: [get('/')],
    difference: { why: 'RFC 9112 §6.3: the length is not known', ours: /502 Bad Gateway/ },
  },
  {
    name: 'a length with chunks',
    server: within('proxy_http_version 1.1;'),
    upstream: `HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${chunks('abc')}`,
    requests: [get('/')],
    difference: {
      why: 'RFC 9112 §6.3: a length beside chunks is a smuggling attempt',
      ours: /502 Bad Gateway/,
    },
  },
  {
    name: 'proxy_intercept_errors',
    server: `${within('proxy_intercept_errors on; error_page 404 /page; error_page 500 =503 @five; error_page 401 /page;')}
      location = /page { return 200 "own page $upstream_status"; } location @five { return 500 "five"; }`,
    upstream: {
      '/404': reply('theirs', 'X-A: 1\r\n', '404 Not Found'),
      '/500': reply('theirs', '', '500 Bad'),
      '/403': reply('theirs', '', '403 Forbidden'),
      '/401': reply('theirs', 'WWW-Authenticate: Basic realm="x"\r\n', '401 Unauthorized'),
    },
    requests: ['/404', '/500', '/403', '/401'].map((path) => get(path)),
  },
  {
    name: 'error_page for 502 with another upstream',
    server: `location / { proxy_pass http://127.0.0.1:1; error_page 502 = @other; } location @other { proxy_pass http://{upstream}; }`,
    upstream,
    accessLog: '$status|$upstream_addr|$upstream_status',
    requests: [get('/x')],
  },
]

const nextUpstream = (
  directives: string,
  second = '{upstream:b}',
): Pick<Case, 'http' | 'server'> => ({
  http: `upstream two_{id} { server {upstream:a} max_fails=0; server ${second} max_fails=0; }`,
  server: `location / { proxy_pass http://two_{id}; ${directives} add_header X-Up "$upstream_status" always; }`,
})

const bad = (status: string) => reply('bad', '', status)

const retries: readonly Case[] = [
  {
    name: 'the next after a connection that was refused',
    http: 'upstream two_{id} { server 127.0.0.1:1; server {upstream}; }',
    server: 'location / { proxy_pass http://two_{id}; }',
    upstream,
    accessLog: '$upstream_addr|$upstream_status|$status',
    errorLog: 'error',
    requests: [get('/'), post('/', 'abc')],
  },
  {
    name: 'the next after a connection that was closed',
    ...nextUpstream(''),
    upstreams: { a: (exchange) => exchange.end(), b: upstream },
    requests: [get('/'), get('/')],
  },
  {
    name: 'no next for a POST that was sent',
    ...nextUpstream(''),
    upstreams: { a: (exchange) => exchange.end(), b: (exchange) => exchange.end() },
    requests: [post('/', 'abc')],
  },
  {
    name: 'non_idempotent',
    ...nextUpstream('proxy_next_upstream error non_idempotent;'),
    upstreams: { a: (exchange) => exchange.end(), b: upstream },
    requests: [post('/', 'abc')],
  },
  {
    name: 'the next after statuses',
    ...nextUpstream('proxy_next_upstream http_500 http_503 http_404 http_429;'),
    upstreams: { a: bad('503 Busy'), b: bad('503 Busy') },
    requests: [get('/'), post('/', 'a')],
  },
  {
    name: 'a status that is no failure',
    ...nextUpstream('proxy_next_upstream http_500;'),
    upstreams: { a: bad('503 Busy'), b: bad('503 Busy') },
    requests: [get('/')],
  },
  {
    name: 'the last failure is passed on',
    ...nextUpstream('proxy_next_upstream http_404;'),
    upstreams: { a: bad('404 Not Found'), b: bad('404 Not Found') },
    requests: [get('/')],
  },
  {
    name: 'proxy_next_upstream_tries',
    ...nextUpstream('proxy_next_upstream_tries 1;'),
    upstreams: { a: (exchange) => exchange.end(), b: (exchange) => exchange.end() },
    requests: [get('/')],
  },
  {
    name: 'proxy_next_upstream off',
    ...nextUpstream('proxy_next_upstream off;'),
    upstreams: { a: (exchange) => exchange.end(), b: (exchange) => exchange.end() },
    requests: [get('/')],
  },
  {
    name: 'invalid_header',
    ...nextUpstream('proxy_next_upstream invalid_header;'),
    upstreams: {
      a: 'HTTP/1.1 200 OK\r\nbad line\r\n\r\n',
      b: 'HTTP/1.1 200 OK\r\nbad line\r\n\r\n',
    },
    requests: [get('/')],
  },
  {
    name: 'no live upstreams',
    http: 'upstream dead_{id} { server 127.0.0.1:1 down; server 127.0.0.1:2 down; }',
    server: 'location / { proxy_pass http://dead_{id}; }',
    errorLog: 'error',
    accessLog: '$upstream_addr|$upstream_status|$status',
    requests: [get('/')],
  },
  {
    name: 'a backup',
    http: 'upstream two_{id} { server 127.0.0.1:1; server {upstream} backup; }',
    server: 'location / { proxy_pass http://two_{id}; }',
    upstream,
    requests: [get('/'), get('/')],
  },
  {
    name: 'a stored body is sent again',
    ...nextUpstream('proxy_next_upstream error non_idempotent;'),
    upstreams: { a: (exchange) => exchange.end(), b: upstream },
    requests: [post('/', body64k)],
  },
  {
    name: 'proxy_read_timeout',
    server: within('proxy_read_timeout 100ms;'),
    upstream: () => undefined,
    errorLog: 'error',
    requests: [get('/')],
  },
]

const kept: readonly Case[] = [
  {
    name: 'connections are kept',
    http: keepalive,
    server: keptServer,
    upstream: { '*': upstream, '/4': 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n' },
    requests: [get('/1'), get('/2'), post('/3', 'abc'), get('/4', '', 'HEAD'), get('/5')],
  },
  {
    name: 'a connection that the server closes is not kept',
    http: keepalive,
    server: keptServer,
    upstream: reply('x', 'Connection: close\r\n'),
    requests: [get('/1'), get('/2')],
  },
  {
    name: 'a connection is kept behind chunks, not behind an end',
    http: keepalive,
    server: keptServer,
    upstream: {
      '*': `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks('abc')}`,
      '/end': 'HTTP/1.1 200 OK\r\n\r\nuntil the end',
    },
    requests: [get('/1'), get('/2'), get('/end'), get('/3')],
  },
  {
    name: 'keepalive_requests of an upstream',
    http: 'upstream kept_{id} { server {upstream}; keepalive 4; keepalive_requests 2; }',
    server: keptServer,
    upstream,
    requests: [get('/1'), get('/2'), get('/3'), get('/4'), get('/5')],
  },
  {
    name: 'no connection is kept without the directive',
    http: 'upstream kept_{id} { server {upstream}; }',
    server: keptServer,
    upstream,
    requests: [get('/1'), get('/2')],
  },
]

export const cases: readonly Case[] = [...failures, ...retries, ...kept]
