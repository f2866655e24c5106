/** Answers made of a status, and the pages for them. */
import { type Case, get, post } from '../case.ts'

const statuses = [
  400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 421, 429, 500,
  501, 502, 503, 504, 505, 507,
]
const redirects = [301, 302, 303, 307, 308]
const others = [
  201, 204, 206, 300, 304, 305, 417, 418, 451, 494, 495, 496, 497, 499, 506, 599, 600, 999,
]

const files = { 'e.html': 'own page', '404.html': 'own 404', 'sub/50x.html': 'own 50x' }

/** Each status in a location of its own. */
const locations = (list: readonly number[], rest = ''): string =>
  list.map((status) => `location /${status} { return ${status}${rest}; }`).join('\n')
const all = (list: readonly number[]): string[] => list.map((status) => get(`/${status}`))

export const cases: readonly Case[] = [
  { name: 'pages of statuses', server: locations(statuses), requests: all(statuses) },
  {
    name: 'pages of statuses to HEAD',
    server: locations([403, 404, 500, 301], ''),
    requests: [403, 404, 500].map((s) => get(`/${s}`, '', 'HEAD')),
  },
  { name: 'redirects', server: locations(redirects, ' http://x.test/y'), requests: all(redirects) },
  {
    name: 'redirects to HEAD',
    server: locations(redirects, ' /y'),
    requests: redirects.map((s) => get(`/${s}`, '', 'HEAD')),
  },
  { name: 'redirects without a target', server: locations(redirects), requests: all(redirects) },
  {
    name: 'statuses without a page of their own',
    server: locations(others),
    requests: all(others),
  },
  {
    name: 'statuses with a text',
    server: locations([200, 201, 202, 400, 404, 500, 599], ' "text"'),
    requests: all([200, 201, 202, 400, 404, 500, 599]),
  },
  {
    name: 'pages of an old client',
    server: locations([404, 301]),
    requests: ['GET /404 HTTP/1.0\r\n\r\n'],
  },
  {
    name: 'error_page to a file',
    server: 'error_page 404 /404.html; location / { }',
    files,
    requests: [get('/x'), get('/404.html'), get('/y', '', 'HEAD'), post('/z', 'body')],
  },
  {
    name: 'error_page for several statuses',
    server: `error_page 500 502 503 504 /sub/50x.html; ${locations([500, 502, 503, 504, 501])}`,
    files,
    requests: all([500, 502, 503, 504, 501]),
  },
  {
    name: 'error_page with another status',
    server: `error_page 404 =200 /e.html; error_page 403 =410 /e.html; ${locations([404, 403])}`,
    files,
    requests: all([404, 403]),
  },
  {
    name: 'error_page with the status of its target',
    server: `error_page 404 = /other; ${locations([404])} location /other { return 202 "from there"; }`,
    requests: all([404]),
  },
  {
    name: 'error_page = with a target that fails',
    server: `error_page 404 = /other; ${locations([404])} location /other { return 403; }`,
    requests: all([404]),
  },
  {
    name: 'error_page to a page that is not there',
    server: 'error_page 404 /missing.html; location / { }',
    requests: [get('/x')],
  },
  {
    name: 'error_page to another server',
    server: `error_page 404 http://x.test/e; error_page 403 =301 http://x.test/f; error_page 500 =200 http://x.test/g; ${locations([404, 403, 500])}`,
    requests: all([404, 403, 500]),
  },
  {
    name: 'error_page to a named location',
    server: `error_page 404 @e; ${locations([404])} location @e { return 200 "named $uri $status"; }`,
    requests: [get('/404?a=b')],
  },
  {
    name: 'error_page = to a named location',
    server: `error_page 404 = @e; ${locations([404])} location @e { return 402 "named"; }`,
    requests: [get('/404')],
  },
  {
    name: 'error_page with variables',
    server: `error_page 404 /page?of=$uri; ${locations([404])} location /page { return 200 "page $args"; }`,
    requests: [get('/404?x')],
  },
  {
    name: 'error_page of a location replaces those above',
    server: `error_page 404 /404.html; location /a { error_page 403 /e.html; return 404; } location /b { return 404; }`,
    files,
    requests: [get('/a'), get('/b')],
  },
  {
    name: 'error pages do not go on by themselves',
    server: `error_page 404 /again; error_page 403 /e.html; location / { return 404; } location /again { return 403; }`,
    files,
    requests: [get('/x')],
  },
  {
    name: 'recursive_error_pages on',
    server: `recursive_error_pages on; error_page 404 /again; error_page 403 /e.html; location / { return 404; } location /again { return 403; }`,
    files,
    requests: [get('/x')],
  },
  {
    name: 'recursive error pages in a circle',
    server: `recursive_error_pages on; error_page 404 /x; location / { return 404; }`,
    requests: [get('/x')],
  },
  {
    name: 'the method of an error page is GET',
    server: `error_page 405 /page; location / { return 405; } location /page { return 200 "$request_method"; }`,
    requests: [post('/', 'x'), get('/', '', 'HEAD'), get('/', '', 'PUT')],
  },
  {
    name: 'the method stays in a named location',
    server: `error_page 405 @page; location / { return 405; } location @page { return 200 "$request_method"; }`,
    requests: [post('/', 'x'), get('/', '', 'PUT')],
  },
  {
    name: 'variables behind an error page',
    server: `error_page 404 /page; location / { return 404; } location /page { return 200 "$uri $request_uri $args $status"; }`,
    requests: [get('/x?y')],
  },
  {
    name: 'error_page for a redirect',
    server: `error_page 301 /page; location /a { return 301 /b; } location /page { return 200 "page"; }`,
    requests: [get('/a')],
  },
  {
    name: 'error_page for a 400 of the parser',
    server: `error_page 400 /page; location /page { return 200 "bad"; }`,
    requests: ['GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n'],
  },
  {
    name: 'error_page for 400 with a file',
    server: 'error_page 400 /e.html;',
    files,
    requests: ['GET / HTTP/1.1\r\n\r\n'],
  },
  {
    name: 'error_page for 414 and 494',
    server:
      'client_header_buffer_size 256; large_client_header_buffers 2 512; error_page 414 /e.html; error_page 494 =431 /e.html; location / { }',
    files,
    requests: [get(`/${'a'.repeat(600)}`), get('/', `A: ${'b'.repeat(600)}\r\n`)],
  },
  {
    name: 'error_page for 405 of a static file',
    server: 'error_page 405 =200 $uri; location / { }',
    files,
    requests: [post('/e.html', 'x')],
  },
  { name: 'error_page of 200 is refused', server: 'error_page 200 /x;', refused: true },
  { name: 'error_page 499 is refused', server: 'error_page 499 /x;', refused: true },
  { name: 'error_page without a target', server: 'error_page 404;', refused: true },
  { name: 'error_page with a status that is none', server: 'error_page abc /x;', refused: true },
  {
    name: 'error_page with an answer that is none',
    server: 'error_page 404 =abc /x;',
    refused: true,
  },
  { name: 'return of a status that is none', server: 'return abc;', refused: true },
  { name: 'return without arguments', server: 'return;', refused: true },
  { name: 'return with three arguments', server: 'return 200 a b;', refused: true },
  {
    name: 'no such file',
    server: 'location / { }',
    requests: [get('/x'), get('/x/y'), get('/x/')],
    errorLog: 'error',
  },
  {
    name: 'a directory without an index',
    server: 'location / { }',
    files: { 'd/x': 'x' },
    requests: [get('/d/')],
    errorLog: 'error',
  },
  {
    name: 'log_not_found off',
    server: 'log_not_found off; location / { }',
    requests: [get('/x')],
    errorLog: 'error',
  },
  {
    name: 'a path through a file',
    server: 'location / { }',
    files: { f: 'x' },
    requests: [get('/f/x'), get('/f/')],
    errorLog: 'error',
  },
  {
    name: 'a name that is too long',
    server: 'location / { }',
    requests: [get(`/${'x'.repeat(300)}`)],
  },
  {
    name: 'internal redirects in a circle',
    server: 'location / { try_files /none /again; } location /again { try_files /none /x; }',
    requests: [get('/x')],
    errorLog: 'error',
  },
  {
    name: 'an error page in its own server',
    http: 'server { listen {address}:{port}; server_name a.test; error_page 404 /p; location / { return 404; } location /p { return 200 "$host $server_name"; } }',
    requests: ['GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n'],
  },
  {
    name: 'msie_refresh',
    server: 'msie_refresh on; location / { return 302 http://x.test/; }',
    requests: [
      get('/', 'User-Agent: Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1)\r\n'),
      get('/'),
    ],
  },
]
