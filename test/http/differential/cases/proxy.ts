/** Requests that are passed on: their targets, fields and bodies. */
import { type Case, get, post, reply } from '../case.ts'

const pass = 'location / { proxy_pass http://{upstream}; }'
const upstream = reply('seen')

/** A location with more directives, which the root location passes on by. */
const within = (directives: string): string =>
  `location / { proxy_pass http://{upstream}; ${directives} }`

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

export const cases: readonly Case[] = [
  ...targets,
  unknownFlag,
  blankInTarget,
  ...configurations,
  ...requestFields,
  ...requestBodies,
]
