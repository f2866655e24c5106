/** Requests that are passed on, and what comes back. */
import { type Case, get, post, reply } from '../case.ts'

const pass = 'location / { proxy_pass http://{upstream}; }'
const upstream = reply('seen')

/** A location with more directives, which the root location passes on by. */
const within = (directives: string): string =>
  `location / { proxy_pass http://{upstream}; ${directives} }`

const keepalive = 'upstream kept_{id} { server {upstream}; keepalive 4; } '
const keptServer =
  'location / { proxy_pass http://kept_{id}; proxy_http_version 1.1; proxy_set_header Connection ""; }'

/** How the target of a request goes on. */
const targets: readonly Case[] = [
  ['without a URI', pass, ['/', '/a', '/a%20b', '/a//b/./c', '/a?b=c', '/a?', '/%7Euser', '/ä']],
  [
    'with a root URI',
    'location / { proxy_pass http://{upstream}/; }',
    ['/', '/a', '/a%20b', '/a//b', '/a?x'],
  ],
  [
    'with a URI in the place of the location',
    'location /loc/ { proxy_pass http://{upstream}/app/; }',
    [
      '/loc/',
      '/loc/x',
      '/loc/x%20y?q=%20',
      '/loc//y',
      '/loc/../loc/z',
      '/loc/%3Fa',
      '/loc/{b}',
      '/loc',
    ],
  ],
  [
    'with a URI without a slash at its end',
    'location /loc { proxy_pass http://{upstream}/app; }',
    ['/loc', '/locx', '/loc/x'],
  ],
  [
    'with a query in the URI',
    'location /loc { proxy_pass http://{upstream}/app?a=b; }',
    ['/loc', '/loc/x', '/loc?c=d'],
  ],
  [
    'in an exact location',
    'location = /one { proxy_pass http://{upstream}/two; }',
    ['/one', '/one?x'],
  ],
  [
    'in a regex location',
    'location ~ ^/r(.) { proxy_pass http://{upstream}; }',
    ['/rx', '/r%20y?z'],
  ],
  [
    'with variables in the URI',
    'location ~ ^/r/(.*)$ { proxy_pass http://{upstream}/v/$1; }',
    ['/r/x', '/r/x?y', '/r/a%2Fb'],
  ],
  [
    'with variables for all of the URI',
    'location / { proxy_pass http://{upstream}$request_uri; }',
    ['/', '/x%20y?z'],
  ],
  [
    'with variables and no URI',
    'set $to {upstream}; location / { proxy_pass http://$to; }',
    ['/', '/x%20y?z=%20'],
  ],
  [
    'with variables and a query alone',
    'set $to {upstream}; location / { proxy_pass http://$to/?only=$arg_q; }',
    ['/x?q=1', '/x'],
  ],
  [
    'after a rewrite',
    'location /a { rewrite ^/a/(.*)$ /b/$1; } location /b { proxy_pass http://{upstream}; }',
    ['/a/x', '/a/x%20y?q', '/a/%3F'],
  ],
  [
    'after a rewrite with break',
    'location /a/ { rewrite ^/a/(.*)$ /c/$1 break; proxy_pass http://{upstream}/u/; }',
    ['/a/x', '/a/x%20y?q'],
  ],
  [
    'after try_files to a named location',
    'location / { try_files /nope @app; } location @app { proxy_pass http://{upstream}; }',
    ['/x%20y?q', '/x//y'],
  ],
  [
    'after an internal redirect',
    'location / { try_files /nope /app/$uri?t=1; } location /app { proxy_pass http://{upstream}; }',
    ['/x%20y', '/x?q'],
  ],
  [
    'in an if',
    'location / { if ($arg_p) { proxy_pass http://{upstream}; } return 200 "no"; }',
    ['/?p=1', '/'],
  ],
  [
    'in limit_except',
    'location / { limit_except POST { proxy_pass http://{upstream}; } return 204; }',
    ['/x'],
  ],
  [
    'to a location with a slash',
    'location /dir/ { proxy_pass http://{upstream}; }',
    ['/dir', '/dir?x', '/dir/'],
  ],
].map(([name, server, paths]): Case => ({
  name: `target ${name as string}`,
  server: server as string,
  upstream,
  requests: (paths as string[]).map((path) => get(path)),
}))

const unknownFlag: Case = {
  name: 'a cookie flag nobody knows',
  server: 'location / { proxy_pass http://127.0.0.1:1; proxy_cookie_flags x other; }',
  requests: [get('/')],
  difference: { why: 'it would do nothing', ours: /refused: invalid parameter "other"/ },
}

const blankInTarget: Case = {
  name: 'target with a blank in set $args',
  server: 'location / { set $args "a=b c"; proxy_pass http://{upstream}/x; }',
  upstream,
  requests: [get('/')],
  difference: { why: 'a blank would end the target', ours: /GET \/x\?a=b%20c HTTP/ },
}

const configurations: readonly Case[] = [
  ['a URI in a regex location', 'location ~ /x { proxy_pass http://127.0.0.1:1/u; }'],
  ['a URI in a named location', 'location @x { proxy_pass http://127.0.0.1:1/; }'],
  ['a URI in an if', 'location /x { if ($arg_a) { proxy_pass http://127.0.0.1:1/; } }'],
  ['no scheme', 'location / { proxy_pass 127.0.0.1:1; }'],
  ['another scheme', 'location / { proxy_pass ftp://127.0.0.1:1; }'],
  [
    'proxy_pass twice',
    'location / { proxy_pass http://127.0.0.1:1; proxy_pass http://127.0.0.1:2; }',
  ],
  ['proxy_pass in a server', 'proxy_pass http://127.0.0.1:1;'],
  ['a bad port', 'location / { proxy_pass http://127.0.0.1:99999; }'],
  ['an unknown ignored field', 'location / { proxy_ignore_headers X-Other; }'],
  ['an unknown failure', 'location / { proxy_next_upstream error http_501; }'],
  ['a bad number of buffers', 'location / { proxy_buffers x 4k; }'],
  ['busy buffers too small', 'location / { proxy_busy_buffers_size 1k; }'],
  ['busy buffers too large', 'location / { proxy_busy_buffers_size 1m; }'],
  ['a temp file too small', 'location / { proxy_max_temp_file_size 1; }'],
  ['a temp write size too small', 'location / { proxy_temp_file_write_size 1; }'],
  [
    'a redirect that says nothing',
    'location / { proxy_pass http://127.0.0.1:1; proxy_redirect nothing; }',
  ],
  [
    'a default redirect with variables',
    'location / { set $x 127.0.0.1:1; proxy_pass http://$x; proxy_redirect default; }',
  ],
  ['a bad version', 'location / { proxy_http_version 2; }'],
  [
    'verification without authorities',
    'location / { proxy_pass https://127.0.0.1:1; proxy_ssl_verify on; }',
  ],
  [
    'a certificate without key',
    'location / { proxy_pass https://127.0.0.1:1; proxy_ssl_certificate /x.pem; }',
  ],
  ['one argument too few', 'location / { proxy_set_header X-A; }'],
].map(([name, server]): Case => ({ name: `refused: ${name!}`, server: server!, refused: true }))

const requestFields: readonly Case[] = [
  {
    name: 'fields of the client',
    server: pass,
    upstream,
    requests: [
      get('/', 'User-Agent: x\r\nX-A: 1\r\nx-a:2\r\nX-Blank:  b  \r\nAccept: */*\r\n'),
      get(
        '/',
        'TE: trailers\r\nKeep-Alive: 5\r\nUpgrade: x\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 1\r\n',
      ),
      get('/', 'Cookie: a=b\r\nCookie: c=d\r\nX_Under: 1\r\nX-Empty:\r\n'),
      get('/', 'Proxy-Connection: keep-alive\r\nTrailer: x\r\nX-Forwarded-For: 1.2.3.4\r\n'),
    ],
  },
  {
    name: 'methods',
    server: pass,
    upstream,
    requests: [
      ...['HEAD', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'PROPFIND', 'X-OWN'].map((method) =>
        get('/m', '', method),
      ),
    ],
  },
  {
    name: 'proxy_method',
    server: `${within('proxy_method PUT;')} location /v { proxy_pass http://{upstream}; proxy_method $arg_m; }`,
    upstream,
    requests: [get('/'), get('/', '', 'HEAD'), get('/v?m=DELETE'), post('/', 'abc')],
  },
  {
    name: 'proxy_http_version 1.1',
    server: within('proxy_http_version 1.1;'),
    upstream,
    requests: [get('/'), post('/', 'abc')],
  },
  {
    name: 'proxy_set_header',
    server: within(
      'proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Empty ""; proxy_set_header X-None $arg_none; proxy_set_header Accept text/plain;',
    ),
    upstream,
    requests: [get('/', 'Accept: a/b\r\nX-Empty: there\r\nX-None: there\r\nx-real-ip: 9\r\n')],
  },
  {
    name: 'proxy_set_header is inherited as a whole',
    server: `proxy_set_header X-Outer 1; proxy_set_header Host outer;
      location / { proxy_pass http://{upstream}; }
      location /in { proxy_pass http://{upstream}; proxy_set_header X-Inner 2; }`,
    upstream,
    requests: [get('/'), get('/in')],
  },
  {
    name: 'proxy_set_header of what nginx sets itself',
    server: within(
      'proxy_set_header Connection "upgrade, x"; proxy_set_header Upgrade $http_upgrade; proxy_set_header TE trailers; proxy_set_header Keep-Alive on;',
    ),
    upstream,
    requests: [get('/'), get('/', 'TE: gzip\r\n')],
  },
  {
    name: 'the same field set twice',
    server: within('proxy_set_header X-A 1; proxy_set_header X-A 2;'),
    upstream,
    requests: [get('/', 'X-A: 0\r\n')],
  },
  {
    name: '$proxy_host, $proxy_port, $proxy_add_x_forwarded_for',
    server: within(
      'proxy_set_header X-P "$proxy_host|$proxy_port|$proxy_add_x_forwarded_for"; add_header X-P "$proxy_host|$proxy_port";',
    ),
    upstream,
    requests: [
      get('/'),
      get('/', 'X-Forwarded-For: 1.1.1.1\r\n'),
      get('/', 'X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n'),
    ],
  },
  {
    name: 'proxy_pass_request_headers off',
    server: within('proxy_pass_request_headers off; proxy_set_header X-A 1;'),
    upstream,
    requests: [get('/', 'X-B: 2\r\n'), post('/', 'abc', 'Content-Type: a/b\r\n')],
  },
  {
    name: 'proxy_set_body',
    server: within('proxy_set_body "was $request_method $request_body.";'),
    upstream,
    requests: [get('/'), post('/', 'abc')],
  },
  {
    name: 'proxy_pass_request_body off without a length',
    server: within('proxy_pass_request_body off; proxy_set_header Content-Length "";'),
    upstream,
    requests: [post('/', 'abc'), get('/')],
  },
  {
    name: 'a request in absolute form',
    server: pass,
    upstream,
    requests: [
      'GET http://localhost/x?y HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n',
    ],
  },
  {
    name: 'a request of HTTP/1.0',
    server: pass,
    upstream,
    requests: ['GET /x HTTP/1.0\r\nHost: localhost\r\n\r\n', 'GET /x HTTP/1.0\r\n\r\n'],
  },
  {
    name: 'a head that is long',
    server: pass,
    upstream,
    requests: [
      get(`/${'p'.repeat(3000)}`, `X-Long: ${'v'.repeat(6000)}\r\nX-More: ${'w'.repeat(5000)}\r\n`),
    ],
  },
]

const body64k = '0123456789abcdef'.repeat(4096)

const requestBodies: readonly Case[] = [
  { name: 'a body in memory', server: pass, upstream, requests: [post('/', 'abc'), post('/', '')] },
  { name: 'a body in a file', server: pass, upstream, requests: [post('/', body64k)] },
  {
    name: 'a chunked body',
    server: `${within('')} location /11 { proxy_pass http://{upstream}; proxy_http_version 1.1; }`,
    upstream,
    requests: [
      `${get('/', 'Transfer-Encoding: chunked\r\n', 'POST')}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n`,
      `${get('/11', 'Transfer-Encoding: chunked\r\n', 'POST')}3\r\nabc\r\n0\r\n\r\n`,
    ],
  },
  {
    name: 'proxy_request_buffering off',
    server: within('proxy_request_buffering off;'),
    upstream,
    requests: [post('/', 'abc'), post('/', body64k), get('/')],
  },
  {
    name: 'a body that comes in pieces',
    server: within('proxy_request_buffering off; proxy_http_version 1.1;'),
    upstream,
    requests: [{ send: [get('/', 'Content-Length: 6\r\n', 'POST'), 'abc', 'def'] }],
  },
]

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
  ...targets,
  blankInTarget,
  unknownFlag,
  ...configurations,
  ...requestFields,
  ...requestBodies,
  ...responses,
  ...redirects,
  ...cookies,
  ...accel,
  ...failures,
  ...retries,
  ...kept,
  ...upgrade,
  ...variables,
]
