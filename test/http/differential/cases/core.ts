/** What the core decides for every request: redirects, methods, names of fields, limits, connections. */
import { type Case, get, post, reply } from '../case.ts'

const x = 'location / { return 200 x; }'

function redirect(
  name: string,
  server: string,
  requests: readonly string[] = [get('/d'), get('/d?a=b')],
): Case {
  return {
    name: `redirect: ${name}`,
    server: `${server} location /to { return 301 /there?x; } location = /e { return 404; }`,
    files: { 'd/f': '', 'a b/f': '', 'q?x/f': '', 'é/f': '' },
    requests: [...requests, get('/to')],
  }
}

const toHosts = ['localhost', 'LOCALHOST', 'localhost:1', 'a.test.'].map(
  (host) => `GET /d HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
)

const redirects: readonly Case[] = [
  redirect('to a folder', ''),
  redirect('names of the host', '', toHosts),
  redirect('without a host', '', ['GET /d HTTP/1.0\r\n\r\n']),
  redirect('of a whole target', '', [
    'GET http://other.test/d HTTP/1.1\r\nHost: other.test\r\n\r\n',
  ]),
  redirect('absolute_redirect off', 'absolute_redirect off;'),
  redirect(
    'server_name_in_redirect',
    'server_name first.test second.test; server_name_in_redirect on;',
    toHosts,
  ),
  redirect(
    'server_name_in_redirect of a wildcard',
    'server_name .first.test; server_name_in_redirect on;',
  ),
  redirect('port_in_redirect off', 'port_in_redirect off;'),
  redirect(
    'port_in_redirect off with a name',
    'port_in_redirect off; server_name n.test; server_name_in_redirect on;',
  ),
  redirect('escapes in the path', '', [
    get('/a%20b'),
    get('/q%3fx'),
    get('/%C3%A9'),
    get('/a%20b?a%20b'),
  ]),
  redirect('of a folder with alias', 'location /al { alias {root}; }', [
    get('/al/d'),
    get('/al/a%20b'),
  ]),
  redirect('of a folder by an error page', 'error_page 404 /d;', [get('/e')]),
  redirect('of a folder to POST', '', [post('/d', 'x')]),
  redirect('of a folder to HEAD', '', [get('/d', '', 'HEAD')]),
  redirect('of a folder to HTTP/1.0', '', ['GET /d HTTP/1.0\r\nHost: h\r\n\r\n']),
  redirect('over TLS', 'ssl_certificate server.pem; ssl_certificate_key server.key;'),
].map((each) => (each.name.endsWith('TLS') ? { ...each, listen: 'ssl', tls: {} } : each))

const gateway = 'proxy_pass http://{upstream};'

const folders: readonly Case[] = [
  {
    name: 'slash: a gateway with one at its end',
    server: `location /up/ { ${gateway} } location / { return 404; }`,
    requests: ['/up', '/up?a=b', '/up/', '/u', '/upx'].map((target) => get(target)),
    upstream: reply('up'),
  },
  {
    name: 'slash: a gateway with an exact one beside',
    server: `location /up/ { ${gateway} } location = /up { return 200 exact; }`,
    requests: [get('/up')],
    upstream: reply('up'),
  },
  {
    name: 'slash: a gateway with a prefix beside',
    server: `location /up/ { ${gateway} } location /up { return 200 prefix; }`,
    requests: [get('/up'), get('/upp')],
    upstream: reply('up'),
  },
  {
    name: 'slash: an exact gateway',
    server: `location = /up/ { ${gateway} } location / { return 404; }`,
    requests: [get('/up'), get('/up/')],
    upstream: reply('up'),
  },
  {
    name: 'slash: a gateway within a location',
    server: `location /a { location /a/up/ { ${gateway} } return 200 outer; }`,
    requests: [get('/a/up'), get('/a/up/'), get('/a/u')],
    upstream: reply('up'),
  },
  {
    name: 'slash: a gateway goes before expressions',
    server: `location /up/ { ${gateway} } location ~ up { return 200 expression; }`,
    requests: [get('/up'), get('/up/')],
    upstream: reply('up'),
  },
  {
    name: 'slash: POST to it',
    server: `location /up/ { ${gateway} }`,
    requests: [post('/up', 'body')],
    upstream: reply('up'),
  },
  {
    name: 'slash: none where the location serves files',
    server: 'location /up/ { }',
    requests: [get('/up')],
  },
]

const internals: readonly Case[] = [
  {
    name: 'internal: closed to clients',
    server: `location /i { internal; return 200 x; } ${x}`,
    requests: [get('/i'), get('/i/x')],
  },
  {
    name: 'internal: its own error page',
    server:
      'location /i { internal; error_page 404 = /p; return 200 x; } location /p { return 200 page; }',
    requests: [get('/i')],
  },
  {
    name: 'internal: open to error pages',
    server: 'error_page 404 /i; location /i { internal; return 200 page; }',
    requests: [get('/none')],
  },
  {
    name: 'internal: open to index',
    server: 'location = / { index i; } location = /i { internal; }',
    files: { i: 'text' },
    requests: [get('/'), get('/i')],
  },
  {
    name: 'internal: open to try_files',
    server: 'location / { try_files /none /i; } location /i { internal; return 200 x; }',
    requests: [get('/')],
  },
  {
    name: 'named: only by redirects',
    server: 'location @n { return 200 named; } error_page 404 @n;',
    requests: [get('/@n'), get('@n')],
  },
  {
    name: 'named: one that does not exist',
    server: 'error_page 404 @none;',
    requests: [get('/')],
    errorLog: 'error',
  },
  {
    name: 'named: the URI stays',
    server: 'location @n { return 200 "$uri $args $request_method"; } error_page 404 = @n;',
    requests: [get('/x?y'), post('/x?y', 'b')],
  },
  {
    name: 'named: by try_files',
    server: 'location / { try_files /none @n; } location @n { return 200 "$uri"; }',
    requests: [get('/x')],
  },
  {
    name: 'named: in a circle',
    server: 'location @n { return 404; } error_page 404 @n; recursive_error_pages on;',
    requests: [get('/x')],
    errorLog: 'error',
  },
]

const limits: readonly Case[] = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'PATCH', 'DELETE', 'FOO'].map((method): Case => ({
    name: `limit_except: ${method}`,
    server:
      'location /g { limit_except GET { deny all; } } location /p { limit_except POST PUT { deny all; } } location /r { limit_except GET { deny all; } return 200 x; }',
    files: { 'g/f': 'text', 'p/f': 'text' },
    requests: ['/g/f', '/p/f', '/r'].map((target) => get(target, '', method)),
  })),
  {
    name: 'limit_except: of a gateway',
    server: `location / { ${gateway} limit_except GET { deny all; } }`,
    upstream: reply('up'),
    requests: [get('/'), post('/', 'x'), get('/', '', 'HEAD')],
  },
  {
    name: 'limit_except: a gateway within',
    server: `location / { limit_except GET { ${gateway} } }`,
    upstream: reply('up'),
    files: { f: 'text' },
    requests: [get('/f'), post('/f', 'x')],
  },
  {
    name: 'limit_except: allowed to some',
    server: 'location / { limit_except GET { allow 127.0.0.1; deny all; } }',
    files: { f: 'x' },
    requests: [get('/f'), post('/f', 'x')],
  },
  {
    name: 'limit_except: its error page',
    server:
      'error_page 403 /e; location /e { return 200 page; } location / { limit_except GET { deny all; } }',
    requests: [get('/', '', 'PUT')],
  },
  ...[
    'limit_except { }',
    'limit_except FOO { }',
    'limit_except GET { return 200; }',
    'limit_except GET { root /x; }',
    'limit_except GET { } limit_except POST { }',
  ].map((text): Case => ({
    name: `limit_except refused: ${text}`,
    server: `location / { ${text} }`,
    requests: [get('/')],
    refused: true,
  })),
]

const auth = 'auth_basic a; auth_basic_user_file users;'
const users = { '/conf/users': 'u:{PLAIN}p\n' }
const known = 'Authorization: Basic dTpw\r\n'

function satisfied(name: string, location: string): Case {
  return {
    name: `satisfy: ${name}`,
    server: `location / { ${location} }`,
    files: { ...users, f: 'text' },
    requests: [get('/f'), get('/f', known), get('/f', 'Authorization: Basic eDp5\r\n')],
  }
}

const satisfies: readonly Case[] = [
  satisfied('all, denied', `satisfy all; deny all; ${auth}`),
  satisfied('all, allowed', `satisfy all; allow all; ${auth}`),
  satisfied('any, denied', `satisfy any; deny all; ${auth}`),
  satisfied('any, allowed', `satisfy any; allow all; ${auth}`),
  satisfied('any, no rule for the client', `satisfy any; deny 10.0.0.1; ${auth}`),
  satisfied('any, without a password', 'satisfy any; deny all;'),
  satisfied('any, a password alone', `satisfy any; ${auth}`),
  satisfied(
    'any, with an error page',
    `satisfy any; deny all; ${auth} error_page 401 403 = /e; location = /e { allow all; auth_basic off; return 200 page; }`,
  ),
]

const names: readonly Case[] = [
  {
    name: 'fields: underscores are passed over',
    server: 'location / { return 200 "<$http_a_b>"; }',
    requests: [get('/', 'a_b: 1\r\n'), get('/', 'a-b: 1\r\n')],
  },
  {
    name: 'fields: underscores_in_headers',
    server: 'underscores_in_headers on; location / { return 200 "<$http_a_b>"; }',
    requests: [get('/', 'a_b: 1\r\n'), get('/', 'a-b: 1\r\n')],
  },
  {
    name: 'fields: odd names are passed over',
    server: 'location / { return 200 "<$http_ab>"; }',
    requests: [get('/', 'a!b: 1\r\nab: 2\r\n'), get('/', 'a.b: 1\r\n')],
  },
  {
    name: 'fields: ignore_invalid_headers off',
    server: 'ignore_invalid_headers off; location / { return 200 "<$http_ab>"; }',
    requests: [get('/', 'a!b: 1\r\nab: 2\r\n'), get('/', 'a_b: 1\r\n')],
  },
  {
    name: 'merge_slashes off',
    server: 'merge_slashes off; location / { return 200 "$uri"; }',
    requests: ['/a//b', '//', '/a///', '//a/../b', '/a//../b', '/a/.//b'].map((target) =>
      get(target),
    ),
  },
  {
    name: 'merge_slashes on',
    server: 'location / { return 200 "$uri"; }',
    requests: ['/a//b', '//', '/a///', '//a/../b', '/a//../b', '/a/.//b', '/%2F/a'].map((target) =>
      get(target),
    ),
  },
  {
    name: 'merge_slashes and expressions',
    server:
      'merge_slashes off; location ~ ^/a//b { return 200 two; } location / { return 200 one; }',
    requests: [get('/a//b'), get('/a/b')],
  },
]

const methods: readonly Case[] = [
  'TRACE',
  'CONNECT',
  'OPTIONS',
  'FOO',
  'get',
  'G',
  'PROPFIND',
  'MKCOL',
  'PURGE',
  'LOCK',
].map((method): Case => ({
  name: `method: ${method}`,
  server:
    'location /f { } location /r { return 200 "$request_method"; } location /e { return 404; }',
  files: { f: 'text' },
  requests: ['/f', '/r', '/e'].map((target) => get(target, '', method)),
  errorLog: 'info',
}))

const sizes: readonly Case[] = [
  {
    name: 'size: a body that is too long',
    server: 'client_max_body_size 3; location / { return 200 x; }',
    requests: [post('/', 'abc'), post('/', 'abcd')],
    errorLog: 'error',
  },
  {
    name: 'size: a body that is too long, in a location',
    server:
      'location /a { client_max_body_size 3; return 200 x; } location /b { client_max_body_size 0; return 200 x; }',
    requests: [post('/a', 'abcd'), post('/b', 'abcd')],
  },
  {
    name: 'size: its error page',
    server:
      'client_max_body_size 1; error_page 413 /e; location /e { return 200 "page $request_method"; } location / { return 200 x; }',
    requests: [post('/', 'abcd')],
  },
  {
    name: 'size: a target that is too long',
    server:
      'large_client_header_buffers 2 1k; client_header_buffer_size 512; location / { return 200 x; }',
    requests: [get(`/${'a'.repeat(400)}`), get(`/${'a'.repeat(900)}`), get(`/${'a'.repeat(1100)}`)],
  },
  {
    name: 'size: a field that is too long',
    server: 'large_client_header_buffers 2 1k; location / { return 200 x; }',
    requests: [get('/', `X: ${'a'.repeat(900)}\r\n`), get('/', `X: ${'a'.repeat(1100)}\r\n`)],
  },
  {
    name: 'size: fields that are too many',
    server: 'large_client_header_buffers 2 1k; location / { return 200 x; }',
    requests: [
      get('/', Array.from({ length: 5 }, (_, i) => `X${i}: ${'a'.repeat(700)}\r\n`).join('')),
    ],
  },
]

const explorers = [
  'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)',
  'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)',
  'Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1)',
  'Mozilla/4.0 (compatible; MSIE 5.5)',
  'Mozilla/4.0 (compatible; MSIE 6.0) Opera 9',
  'Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 (KHTML, like Gecko) Version/17 Safari/605',
  'Mozilla/5.0 (X11; rv:120) Gecko/2010 Firefox/120.0',
  'curl/8',
].map((agent) => `User-Agent: ${agent}\r\n`)

const browsers: readonly Case[] = [
  {
    name: 'browser: msie_padding',
    server: 'location /5 { return 500; } location / { return 404; }',
    requests: explorers.flatMap((agent) => [get('/', agent), get('/5', agent)]),
  },
  {
    name: 'browser: msie_padding off',
    server: 'msie_padding off; location / { return 404; }',
    requests: explorers.map((agent) => get('/', agent)),
  },
  {
    name: 'browser: msie_padding and HEAD',
    server: 'location / { return 404; }',
    requests: explorers.map((agent) => get('/', agent, 'HEAD')),
  },
  {
    name: 'browser: msie_padding of redirects',
    server: 'location / { return 301 /x; }',
    requests: explorers.map((agent) => get('/', agent)),
  },
  {
    name: 'browser: msie_refresh',
    server:
      'msie_refresh on; location /1 { return 301 /x; } location /2 { return 302 "http://x/?a=<b>&c"; } location /3 { return 307 /x; } error_page 404 http://y/; location / { return 404; }',
    requests: explorers
      .slice(2, 4)
      .flatMap((agent) => ['/1', '/2', '/3', '/4'].map((target) => get(target, agent))),
  },
  {
    name: 'browser: keepalive_disable as it is',
    server: x,
    requests: explorers.flatMap((agent) => [get('/', agent), post('/', 'x', agent)]),
  },
  {
    name: 'browser: keepalive_disable none',
    server: `keepalive_disable none; ${x}`,
    requests: explorers.map((agent) => post('/', 'x', agent)),
  },
  {
    name: 'browser: keepalive_disable safari',
    server: `keepalive_disable safari; ${x}`,
    requests: explorers.map((agent) => get('/', agent)),
  },
]

const connections: readonly Case[] = [
  {
    name: 'connection: keepalive_requests in a location',
    server: 'location /a { keepalive_requests 2; return 200 x; } location / { return 200 y; }',
    requests: [get('/'), get('/'), get('/'), get('/a'), get('/')],
  },
  {
    name: 'connection: keepalive_timeout 0 in a location',
    server: 'location /a { keepalive_timeout 0; return 200 x; } location / { return 200 y; }',
    requests: [get('/'), get('/a'), get('/')],
  },
  {
    name: 'connection: keepalive_time',
    server: `keepalive_time 0; ${x}`,
    // Whoever asks within the millisecond of the connection may keep it.
    requests: [{ send: ['', get('/')] }],
  },
  {
    name: 'connection: keepalive_timeout with a field',
    server: `keepalive_timeout 75s 20s; ${x}`,
    requests: [
      get('/'),
      get('/', 'Connection: close\r\n'),
      'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    ],
  },
  {
    name: 'connection: chunked_transfer_encoding off',
    server: `chunked_transfer_encoding off; location / { ${gateway} }`,
    upstream: reply('up').replace(/Content-Length.*?\r\n/, ''),
    requests: [get('/'), 'GET / HTTP/1.0\r\n\r\n'],
  },
  {
    name: 'connection: server_tokens off',
    server: 'server_tokens off; location /a { return 200 x; } location / { return 404; }',
    requests: [get('/'), get('/a')],
  },
  {
    name: 'connection: HTTP/1.0 that is to be kept',
    server: x,
    requests: [
      'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a\r\n\r\n',
      'GET / HTTP/1.0\r\n\r\n',
    ],
  },
]

const bodies: readonly Case[] = [
  {
    name: 'body: in a file only',
    server: `client_body_in_file_only clean; location / { ${gateway} }`,
    upstream: reply('up'),
    requests: [post('/', 'abc'), post('/', 'x'.repeat(20_000))],
  },
  {
    name: 'body: in a file where it is long',
    server: `client_body_buffer_size 1k; client_body_temp_path bodies 1 2; location / { ${gateway} }`,
    upstream: reply('up'),
    requests: [post('/', 'abc'), post('/', 'x'.repeat(20_000))],
  },
  {
    name: 'body: in a single buffer',
    server: `client_body_in_single_buffer on; location / { ${gateway} }`,
    upstream: reply('up'),
    requests: [post('/', 'abc')],
  },
  ...[
    'client_body_in_file_only maybe;',
    'client_body_temp_path x 0;',
    'client_body_temp_path x 1 2 3 4;',
    'client_body_in_single_buffer x;',
  ].map((server): Case => ({
    name: `body refused: ${server}`,
    server,
    requests: [get('/')],
    refused: true,
  })),
]

const hints = [
  'aio threads;',
  'aio_write on;',
  'directio 4m;',
  'directio_alignment 512;',
  'read_ahead 0;',
  'output_buffers 1 32k;',
  'postpone_output 1460;',
  'send_lowat 0;',
  'sendfile_max_chunk 512k;',
  'subrequest_output_buffer_size 4k;',
  'connection_pool_size 512;',
  'request_pool_size 4k;',
  'types_hash_bucket_size 64;',
  'types_hash_max_size 1024;',
  'sendfile on;',
  'tcp_nopush on;',
  'tcp_nodelay off;',
  'reset_timedout_connection on;',
  'lingering_close always;',
  'client_header_timeout 10s;',
  'send_timeout 10s;',
  'log_not_found off;',
  'recursive_error_pages on;',
  'keepalive_disable msie6 safari;',
]

const accepted: readonly Case[] = [
  {
    name: 'accepted: what changes nothing here',
    server: `${hints.join(' ')} ${x}`,
    requests: [get('/')],
  },
  ...[
    'aio maybe;',
    'directio x;',
    'output_buffers 1;',
    'keepalive_disable opera;',
    'keepalive_time x;',
    'satisfy some;',
    'server_tokens maybe;',
    'merge_slashes 1;',
    'keepalive_timeout x;',
    'keepalive_timeout 1 x;',
    'large_client_header_buffers 4;',
    'large_client_header_buffers 0 8k;',
    'error_page 404 =x /y;',
    'internal;',
    'default_type a b;',
    'lingering_close sometimes;',
  ].map((server): Case => ({
    name: `refused: ${server}`,
    server,
    requests: [get('/')],
    refused: true,
  })),
]

export const cases: readonly Case[] = [
  ...redirects,
  ...folders,
  ...internals,
  ...limits,
  ...satisfies,
  ...names,
  ...methods,
  ...sizes,
  ...browsers,
  ...connections,
  ...bodies,
  ...accepted,
]
