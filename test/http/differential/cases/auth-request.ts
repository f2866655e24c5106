/** Requests that are made for others: who is let in, and copies that nobody waits for. */
import { type Case, get, post, reply } from '../case.ts'

const files = { 'index.html': 'in', 'a/index.html': 'in a' }
const auth = (code: number | string): string => `location = /auth { return ${code}; }`

const authRequest: readonly Case[] = [
  ...[200, 201, 204, 299, 301, 302, 304, 400, 401, 403, 404, 405, 500, 502, 503].map(
    (code): Case => ({
      name: `auth_request answered with ${code}`,
      server: `auth_request /auth; ${auth(code)}`,
      files,
      errorLog: 'error',
      requests: [get('/'), get('/a/', '', 'HEAD'), get('/auth')],
    }),
  ),
  {
    name: 'auth_request that asks for a password itself',
    server: `auth_request /auth; location = /auth { internal; proxy_pass http://{upstream}; }
      error_page 401 = @login; location @login { return 200 "please"; }`,
    files,
    upstream: {
      '*': reply('', 'WWW-Authenticate: Basic realm="up"\r\nX-A: b\r\n', '401 Unauthorized'),
    },
    requests: [get('/')],
  },
  {
    name: 'auth_request, the challenge of an upstream',
    server: 'auth_request /auth; location = /auth { proxy_pass http://{upstream}; }',
    files,
    upstream: { '*': reply('no', 'WWW-Authenticate: Bearer realm="up"\r\n', '401 Unauthorized') },
    requests: [get('/')],
  },
  {
    name: 'auth_request off within, and of its own',
    server: `auth_request /no; location /a { auth_request off; } location /b { auth_request /yes; return 200 b; }
      location /c { auth_request /yes; } location = /no { return 403; } location = /yes { return 204; }`,
    files: { ...files, 'c/index.html': 'in c' },
    requests: [get('/'), get('/a/'), get('/b'), get('/c/')],
  },
  {
    name: 'auth_request_set',
    server: `location / { auth_request /auth; auth_request_set $who $upstream_http_x_user; auth_request_set $code $upstream_status;
        add_header X-Who "$who $code"; }
      location = /auth { proxy_pass http://{upstream}/check; proxy_set_header X-Original-URI $request_uri; }`,
    files,
    upstream: { '*': reply('', 'X-User: ann\r\n') },
    requests: [get('/?q=1')],
  },
  {
    name: 'auth_request_set of plain variables',
    server: `location / { auth_request /auth; auth_request_set $seen "$uri $request_uri $status"; add_header X-Seen $seen always; }
      location = /auth { return 204; } location /no { auth_request /no-auth; auth_request_set $seen "was $status"; add_header X-Seen $seen always; }
      location = /no-auth { return 403; }`,
    files,
    requests: [get('/'), get('/no')],
  },
  {
    name: 'auth_request before a proxied request with a body',
    server: `location / { auth_request /auth; proxy_pass http://{upstream}; }
      location = /auth { proxy_pass http://{upstream}/check; proxy_pass_request_body off; proxy_set_header Content-Length ""; }`,
    upstream: { '/check': reply(''), '*': reply('done') },
    requests: [post('/x', 'body')],
  },
  {
    name: 'satisfy any with auth_request',
    server: `satisfy any; deny all; auth_request /auth; location = /auth { satisfy all; return 204; }
      location /no { auth_request /no-auth; } location = /no-auth { return 401; }`,
    files,
    requests: [get('/'), get('/no')],
  },
  {
    name: 'auth_request to a place that is not there',
    server: 'auth_request /none; ',
    files,
    errorLog: 'error',
    requests: [get('/')],
  },
  {
    name: 'auth_request to an upstream that is not there',
    server: 'auth_request /auth; location = /auth { proxy_pass http://127.0.0.1:1; }',
    files,
    requests: [get('/')],
  },
  {
    name: 'auth_request to a file',
    server: 'location /p { auth_request /ok.txt; } location / { }',
    files: { 'p/index.html': 'p', 'ok.txt': 'ok' },
    requests: [get('/p/')],
  },
  {
    name: 'the access log has no line for auth_request, unless it is asked for',
    server: `location / { auth_request /auth; } location = /auth { return 204; }
      location /l { auth_request /logged; } location = /logged { log_subrequest on; return 204; }`,
    files: { ...files, 'l/index.html': 'l' },
    accessLog: '$uri $status $request_uri',
    requests: [get('/'), get('/l/')],
  },
]

const mirror: readonly Case[] = [
  {
    name: 'mirror has a copy of each request',
    server: `location / { mirror /m; } location = /m { internal; proxy_pass http://{upstream}/to$request_uri; }`,
    files,
    upstream: { '*': reply('never seen', '', '500 Oops') },
    seenAtLeast: 3,
    requests: [get('/?q=1', 'X-A: b\r\n'), get('/a/'), get('/', '', 'HEAD')],
  },
  {
    name: 'mirror with the body',
    server: `location / { mirror /m; proxy_pass http://{upstream}; }
      location = /m { internal; proxy_pass http://{upstream:copy}$request_uri; }`,
    upstreams: { upstream: { '*': reply('ok') }, copy: { '*': reply('copied') } },
    seenAtLeast: 2,
    requests: [post('/x', 'the body'), post('/y', 'other', '', 'PUT')],
  },
  {
    name: 'mirror with a body in a file',
    server: `client_body_buffer_size 1k; location / { mirror /m; proxy_pass http://{upstream}; }
      location = /m { internal; proxy_pass http://{upstream:copy}; }`,
    upstreams: { upstream: { '*': reply('ok') }, copy: { '*': reply('copied') } },
    seenAtLeast: 1,
    requests: [post('/x', 'abc'.repeat(1000))],
  },
  {
    name: 'mirror_request_body off',
    server: `location / { mirror /m; mirror_request_body off; proxy_pass http://{upstream}; }
      location = /m { internal; proxy_pass http://{upstream:copy}; proxy_pass_request_body off; proxy_set_header Content-Length ""; }`,
    upstreams: { upstream: { '*': reply('ok') }, copy: { '*': reply('copied') } },
    seenAtLeast: 1,
    requests: [post('/x', 'abc')],
  },
  {
    name: 'several mirrors, and none',
    server: `mirror /m; location / { mirror /m; mirror /n; } location /a { mirror off; } location /b { return 200; }
      location /c { } location = /m { internal; proxy_pass http://{upstream}; } location = /n { internal; proxy_pass http://{upstream:other}; }`,
    files: { ...files, 'c/index.html': 'c' },
    upstreams: { upstream: { '*': reply('m') }, other: { '*': reply('n') } },
    seenAtLeast: 1,
    requests: [get('/'), get('/a/'), get('/b'), get('/c/')],
    mask: [[/connection \d+/g, 'connection n']],
  },
  {
    name: 'mirror to a place that fails',
    server: 'location / { mirror /m; } location = /m { internal; proxy_pass http://127.0.0.1:1; }',
    files,
    requests: [get('/'), get('/a/')],
  },
  {
    name: 'mirror of what is refused',
    server: `location / { deny all; mirror /m; } location = /m { internal; proxy_pass http://{upstream}; }`,
    files,
    upstream: { '*': reply('m') },
    requests: [get('/')],
  },
]

export const cases: readonly Case[] = [...authRequest, ...mirror]
