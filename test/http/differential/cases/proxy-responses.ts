/** What comes back from upstreams, and what clients see of it. */
import { type Case, get, post, reply } from '../case.ts'

const pass = 'location / { proxy_pass http://{upstream}; }'
const upstream = reply('seen')

/** A location with more directives, which the root location passes on by. */
const within = (directives: string): string =>
  `location / { proxy_pass http://{upstream}; ${directives} }`

const body64k = '0123456789abcdef'.repeat(4096)

const chunks = (...pieces: readonly string[]): string =>
  `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`

const responses: readonly Case[] = [
  {
    name: 'statuses and their reasons',
    server: pass,
    upstream: {
      '/201': reply('', '', '201 Made'),
      '/299': reply('x', '', '299 Own Reason'),
      '/404': reply('no', '', '404 Nothing Here'),
      '/500': reply('bad', '', '500 Oh'),
      '/599': reply('x', '', '599 X'),
    },
    requests: ['/201', '/299', '/404', '/500', '/599'].map((path) => get(path)),
  },
  {
    name: 'a status without a reason',
    server: pass,
    upstream: reply('x', '', '200'),
    requests: [get('/')],
    difference: { why: 'RFC 9112 §4: the space is there', ours: /^HTTP\/1\.1 200 $/m },
  },
  {
    name: 'fields that go on, and those that do not',
    server: pass,
    upstream: reply(
      'body',
      'Server: up\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nX-Pad: x\r\nX-A: 1\r\nx-a:2\r\nX-Spaced:   s  \r\nConnection: close\r\nKeep-Alive: timeout=5\r\nX-Accel-Expires: 0\r\nContent-Type: a/b\r\n',
    ),
    requests: [get('/'), get('/', '', 'HEAD')],
  },
  {
    name: 'Last-Modified, ETag and others keep their places',
    server: pass,
    upstream: reply(
      'body',
      'X-First: 1\r\nETag: "e"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nCache-Control: no-cache\r\nExpires: 0\r\nVary: Accept\r\nAccept-Ranges: bytes\r\nContent-Language: de\r\nContent-Type: text/html; charset=utf-8\r\n',
    ),
    requests: [get('/'), get('/', 'If-None-Match: "e"\r\n'), get('/', 'Range: bytes=0-1\r\n')],
  },
  {
    name: 'proxy_hide_header and proxy_pass_header',
    server: within(
      'proxy_hide_header X-A; proxy_hide_header cache-control; proxy_pass_header Server; proxy_pass_header Date; proxy_pass_header X-Accel-Expires;',
    ),
    upstream: reply(
      'body',
      'X-A: 1\r\nX-B: 2\r\nCache-Control: x\r\nServer: up\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nX-Accel-Expires: 1\r\nX-Pad: p\r\n',
    ),
    requests: [get('/')],
  },
  {
    name: 'add_header beside what comes',
    server: within('add_header X-Own $upstream_status; expires 1h;'),
    upstream: reply('body', 'X-A: 1\r\nExpires: 0\r\nCache-Control: no-store\r\n'),
    requests: [get('/')],
    mask: [[/Expires: \w+, .*/g, 'Expires: {time}']],
  },
  {
    name: 'a body until the connection ends',
    server: pass,
    upstream: 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end',
    requests: [get('/'), 'GET / HTTP/1.0\r\n\r\n'],
  },
  {
    name: 'a chunked response',
    server: within('proxy_http_version 1.1;'),
    upstream: {
      '*': `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks('abc', 'defg')}`,
      '/empty': `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks()}`,
    },
    requests: [get('/'), get('/empty'), get('/', '', 'HEAD')],
  },
  {
    name: 'an HTTP/1.0 server',
    server: pass,
    upstream: 'HTTP/1.0 200 OK\r\nContent-Length: 4\r\nX-A: 1\r\n\r\nbody',
    requests: [get('/')],
  },
  {
    name: 'responses without a body',
    server: pass,
    upstream: {
      '/204': 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n',
      '/304': 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
      '/0': reply(''),
    },
    requests: [get('/204'), get('/304'), get('/0')],
  },
  {
    name: 'a long body',
    server: pass,
    upstream: reply(body64k.repeat(8)),
    requests: [get('/')],
  },
  {
    name: 'a long body without buffering',
    server: within('proxy_buffering off;'),
    upstream: reply(body64k.repeat(8)),
    requests: [get('/')],
  },
  {
    name: 'a head that comes in pieces',
    server: pass,
    upstream: async (exchange) => {
      for (const piece of [
        'HT',
        'TP/1.1 2',
        '00 OK\r',
        '\nX-A: ',
        '1\r\nContent-Len',
        'gth: 4\r\n',
        '\r',
        '\nbo',
        'dy',
      ]) {
        exchange.send(piece)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    requests: [get('/')],
  },
  {
    name: 'a response before the body of the request has come',
    server: within('proxy_request_buffering off;'),
    upstream: reply('early', '', '413 Too Large'),
    requests: [post('/', 'abc')],
  },
]

const redirects: readonly Case[] = [
  {
    name: 'proxy_redirect default',
    server: `location /loc/ { proxy_pass http://{upstream}/app/; } location / { proxy_pass http://{upstream}; }`,
    upstream: (exchange) =>
      exchange.send(
        reply(
          '',
          `Location: ${new URLSearchParams(exchange.target.split('?')[1]).get('to') ?? ''}\r\n`,
          '302 Found',
        ),
      ),
    requests: [
      '/loc/?to=http://{upstream}/app/x',
      '/loc/?to=http://other/app/x',
      '/loc/?to=/app/x',
      '/?to=http://{upstream}/y',
      '/?to=/y',
      '/?to=relative',
    ].map((path) => get(path)),
  },
  {
    name: 'proxy_redirect off',
    server: within('proxy_redirect off;'),
    upstream: reply('', 'Location: http://{upstream}/x\r\n', '301 Moved'),
    requests: [get('/')],
  },
  {
    name: 'proxy_redirect by text, variables and expressions',
    server: within(
      'proxy_redirect http://a.test/ http://$host/a/; proxy_redirect ~^http://(b[^/]*)/(.*)$ /$1/$2; proxy_redirect http://c.test/ /;',
    ),
    upstream: {
      '/a': reply('', 'Location: http://a.test/x\r\n', '302 Found'),
      '/b': reply('', 'Location: http://b.test/x?y\r\n', '302 Found'),
      '/c': reply('', 'Location: http://c.test/x\r\n', '302 Found'),
      '/d': reply('', 'Location: http://d.test/x\r\n', '201 Created'),
    },
    requests: ['/a', '/b', '/c', '/d'].map((path) => get(path)),
  },
  {
    name: 'Refresh',
    server: within('proxy_redirect http://a.test/ /a/;'),
    upstream: {
      '/a': reply('x', 'Refresh: 5; url=http://a.test/x\r\n'),
      '/b': reply('x', 'Refresh: 5; url=http://b.test/x\r\n'),
      '/c': reply('x', 'Refresh: 5\r\n'),
    },
    requests: ['/a', '/b', '/c'].map((path) => get(path)),
  },
]

const cookies: readonly Case[] = [
  [
    'proxy_cookie_path by text',
    'proxy_cookie_path /app/ /;',
    ['a=b; path=/app/x', 'a=b; Path=/other', 'a=b'],
  ],
  [
    'proxy_cookie_path by expression',
    'proxy_cookie_path ~^/app/(\\w+) /$1;',
    ['a=b; path=/app/x; secure'],
  ],
  ['proxy_cookie_path off', 'proxy_cookie_path off;', ['a=b; path=/app/x']],
  [
    'proxy_cookie_domain',
    'proxy_cookie_domain app.test example.com; proxy_cookie_domain ~\\.(\\w+)\\.org$ $1.com;',
    [
      'a=b; domain=app.test',
      'a=b; domain=.app.test',
      'a=b; Domain=x.foo.org; path=/',
      'a=b; domain=z',
    ],
  ],
  [
    'proxy_cookie_flags',
    'proxy_cookie_flags one httponly secure samesite=strict; proxy_cookie_flags ~^tw nosecure nohttponly nosamesite;',
    [
      'one=1',
      'one=1; Secure; path=/',
      'two=2; Secure; HttpOnly; SameSite=Lax; path=/',
      'three=3; Secure',
    ],
  ],
  [
    'all of them',
    'proxy_cookie_path / /p/; proxy_cookie_domain a.test b.test; proxy_cookie_flags ~ secure;',
    ['a=b; path=/x; domain=a.test'],
  ],
].map(([name, directives, values]): Case => ({
  name: name as string,
  server: within(directives as string),
  upstream: reply('x', (values as string[]).map((value) => `Set-Cookie: ${value}\r\n`).join('')),
  requests: [get('/')],
}))

const accel: readonly Case[] = [
  {
    name: 'X-Accel-Redirect to a file',
    server: `${pass} location /in/ { internal; root {root}; etag off; add_header X-From $upstream_http_x_note; }`,
    files: { 'in/file.txt': 'from the file', 'in/a b.txt': 'blank' },
    upstream: {
      '/x': reply(
        'ignored',
        'X-Accel-Redirect: /in/file.txt\r\nX-Note: n\r\nSet-Cookie: a=b\r\nContent-Type: x/y\r\nX-Lost: 1\r\nCache-Control: no-cache\r\n',
      ),
      '/blank': reply('ignored', 'X-Accel-Redirect: /in/a%20b.txt\r\n'),
      '/named': reply('ignored', 'X-Accel-Redirect: @none\r\n'),
      '/up': reply('ignored', 'X-Accel-Redirect: /in/../../etc/passwd\r\n'),
    },
    requests: [
      get('/x'),
      get('/blank'),
      get('/named'),
      get('/up'),
      get('/x', '', 'HEAD'),
      post('/x', 'abc'),
    ],
  },
  {
    name: 'X-Accel-Redirect to another upstream',
    server: `${pass} location /second { internal; proxy_pass http://{upstream}; }`,
    upstream: {
      '/x': reply('ignored', 'X-Accel-Redirect: /second?q=1\r\n'),
      '*': reply('second'),
    },
    accessLog: '$upstream_addr|$upstream_status|$uri',
    requests: [get('/x')],
  },
  {
    name: 'X-Accel-Redirect is ignored',
    server: within('proxy_ignore_headers X-Accel-Redirect;'),
    upstream: reply('shown', 'X-Accel-Redirect: /in/file.txt\r\n'),
    requests: [get('/')],
  },
  {
    name: 'X-Accel-Buffering and X-Accel-Charset',
    server: pass,
    upstream: reply(
      'x',
      'X-Accel-Buffering: no\r\nX-Accel-Charset: koi8-r\r\nContent-Type: text/html\r\n',
    ),
    requests: [get('/')],
  },
]

const upgrade: readonly Case[] = [
  {
    name: 'an upgrade',
    server: within(
      'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;',
    ),
    upstream: (exchange) => {
      exchange.send(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: raw\r\nConnection: Upgrade\r\n\r\nfirst ',
      )
      exchange.socket.on('data', (chunk: Buffer) => {
        exchange.send(`echo ${chunk.toString()}`)
        exchange.end()
      })
    },
    requests: [
      { send: [get('/ws', 'Upgrade: raw\r\nConnection: Upgrade\r\n'), 'hello'], answers: 1 },
    ],
  },
]

const variables: readonly Case[] = [
  {
    name: '$upstream_http_* of a field that comes twice',
    server: pass,
    upstream: reply('body', 'X-Multi: 1\r\nX-Multi: 2\r\n'),
    accessLog: '$upstream_http_x_multi',
    requests: [get('/')],
    difference: { why: 'joined, as nginx does since 1.23', ours: /\n1, 2\n/ },
  },
  {
    name: '$upstream_* of headers, cookies and lengths',
    server: pass,
    upstream: reply('body', 'X-Multi: 1\r\nSet-Cookie: sid=abc; path=/\r\nSet-Cookie: b=c\r\n'),
    accessLog:
      '$upstream_addr|$upstream_status|$upstream_http_x_multi|$upstream_http_none|$upstream_cookie_sid|$upstream_cookie_b|$upstream_response_length|$upstream_bytes_received|$upstream_bytes_sent|$sent_http_x_multi|$body_bytes_sent|$bytes_sent',
    requests: [get('/x'), get('/', '', 'HEAD')],
    mask: [[/\|\d+\n/g, '|{sent}\n']],
  },
  {
    name: '$upstream_* times have their form',
    server: pass,
    upstream,
    accessLog: '$upstream_response_time|$upstream_connect_time|$upstream_header_time',
    requests: [get('/x')],
    mask: [[/0\.\d{3}/g, '{time}']],
  },
  {
    name: 'no upstream, no values',
    server: 'location / { return 200 "[$upstream_addr][$upstream_status][$proxy_host]"; }',
    accessLog: '$upstream_addr|$upstream_status|$upstream_response_time',
    requests: [get('/')],
  },
]

export const cases: readonly Case[] = [
  ...responses,
  ...redirects,
  ...cookies,
  ...accel,
  ...upgrade,
  ...variables,
]
