/** The request line and the head, and what variables say of them. */
import { type Case, get, post } from '../case.ts'

/** What the server makes of the request line. */
const echo = 'return 200 "$request_method $request_uri [$uri] [$args] [$is_args]\\n";'

function echoes(name: string, ...requests: string[]): Case {
  return { name, server: echo, requests }
}

/** A text of one variable for each request. */
function variable(text: string, ...requests: string[]): Case {
  return { name: `variable ${text}`, server: `return 200 "<${text}>\\n";`, requests }
}

export const cases: readonly Case[] = [
  { name: 'a directive nobody knows', server: 'no_such_directive on;', refused: true },
  echoes('a path and a query', get('/a?b=c'), get('/'), get('/?'), get('/a?b?c'), get('/a?&&=')),
  echoes('escapes are decoded in the path', get('/a%20b%2Fc%3fd?e%20f'), get('/%41%e2%82%ac')),
  echoes('dots are resolved', get('/a/./b/../c'), get('/a/b/..'), get('/a/.'), get('/a/...')),
  echoes('escaped dots are resolved', get('/a/%2e%2e/b'), get('/a/%2e/b'), get('/%2e%2e/b')),
  echoes('slashes are merged', get('//a///b//'), get('/a/%2f/b'), get('/a//../b')),
  {
    name: 'slashes stay with merge_slashes off',
    server: `merge_slashes off; ${echo}`,
    requests: [get('//a///b//'), get('/a//../b'), get('/a/%2f/b')],
  },
  echoes('above the root', get('/..'), get('/a/../../b'), get('/%2e%2e'), get('/a/..%2f../b')),
  echoes('bad escapes', get('/%'), get('/%4'), get('/%zz'), get('/%00'), get('/?%zz')),
  echoes('a plus sign stays', get('/a+b?c+d')),
  echoes('signs in the path', get("/a;b=c,d@e:f!$&'()*~"), get('/[a]{b}|c^d`e\\f"<>')),
  echoes('bytes above ASCII', get('/\xc3\xa9?\xc3\xa9')),
  echoes(
    'known methods',
    ...['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].map((m) => get('/', '', m)),
  ),
  echoes(
    'methods of other protocols',
    ...['PROPFIND', 'MKCOL', 'LOCK', 'COPY', 'MOVE', 'LINK'].map((m) => get('/', '', m)),
  ),
  echoes('methods with signs', get('/', '', 'A-B'), get('/', '', 'A_B'), get('/', '', 'QUERY')),
  echoes('HEAD has no body', get('/a', '', 'HEAD'), get('/a')),
  echoes('TRACE is refused', get('/', '', 'TRACE')),
  echoes('CONNECT is refused', get('/', '', 'CONNECT')),
  echoes('absolute form', 'GET http://localhost/a?b HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  echoes(
    'absolute form without a path',
    'GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n',
    get('/'),
  ),
  echoes(
    'absolute form with a query only',
    'GET http://localhost?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n',
  ),
  echoes('HTTP/1.0', 'GET /a HTTP/1.0\r\n\r\n', 'GET /b HTTP/1.0\r\nHost: localhost\r\n\r\n'),
  echoes('a minor version of the future', 'GET / HTTP/1.2\r\nHost: localhost\r\n\r\n'),
  echoes('an empty line before the request', `\r\n${get('/a')}`, `\r\n\r\n${get('/b')}`),
  echoes('no Host in HTTP/1.1', 'GET / HTTP/1.1\r\n\r\n'),
  echoes('two Host fields', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'),
  echoes('an empty Host', 'GET / HTTP/1.1\r\nHost: \r\n\r\n'),
  echoes(
    'a version of the future',
    'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
    'GET / HTTP/3.1\r\nHost: a\r\n\r\n',
  ),
  echoes('something that is no HTTP', 'HELO example.com\r\n\r\n'),
  echoes('TLS to a plain port', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00'),
  {
    name: 'a request cut into bytes',
    server: echo,
    requests: [{ send: Array.from(get('/a?b=c', 'X: y\r\n')) }],
  },
  {
    name: 'a head that ends in the middle of CRLF CRLF',
    server: echo,
    requests: [{ send: ['GET /a HTTP/1.1\r\nHost: a\r\n\r', '\n'] }, get('/b')],
  },
  {
    name: 'a client that ends its side within the head',
    server: echo,
    accessLog: '$status "$request"',
    requests: [{ send: 'GET /a HTTP/1.1\r\nHo', end: true }],
  },
  {
    name: 'a client that ends its side behind the request',
    server: echo,
    requests: [{ send: get('/a'), end: true }],
  },
  {
    name: 'header buffers: a request line that is too long',
    server: `client_header_buffer_size 256; large_client_header_buffers 2 512; ${echo}`,
    requests: [get(`/${'a'.repeat(300)}`), get(`/${'a'.repeat(450)}`), get(`/${'a'.repeat(600)}`)],
  },
  {
    name: 'header buffers: a field that is too long',
    server: `client_header_buffer_size 256; large_client_header_buffers 2 512; ${echo}`,
    requests: [get('/', `A: ${'b'.repeat(450)}\r\n`), get('/', `A: ${'b'.repeat(600)}\r\n`)],
  },
  {
    name: 'header buffers: too many fields',
    server: `client_header_buffer_size 256; large_client_header_buffers 2 512; ${echo}`,
    requests: [
      get('/', `Abc: ${'b'.repeat(200)}\r\n`.repeat(3)),
      get('/', `Abc: ${'b'.repeat(200)}\r\n`.repeat(9)),
    ],
  },
  variable('$http_x_one', get('/', 'X-One: 1\r\n'), get('/', 'x-ONE:  two words  \r\n'), get('/')),
  variable('$http_x_under', get('/', 'X_Under: 1\r\n'), get('/', 'X-Under: 2\r\n')),
  {
    name: 'underscores_in_headers on',
    server: 'underscores_in_headers on; return 200 "<$http_x_under>";',
    requests: [get('/', 'X_Under: 1\r\n'), get('/', 'X-Under: 2\r\n')],
  },
  {
    name: 'ignore_invalid_headers off',
    server: 'ignore_invalid_headers off; return 200 "<$http_x_under>";',
    requests: [get('/', 'X_Under: 1\r\n'), get('/', 'X.y: 2\r\n')],
  },
  {
    name: 'a name with a dot is passed over',
    server: 'return 200 "<$http_a_b> <$http_c>";',
    requests: [get('/', 'A.b: 1\r\nC: 2\r\n')],
  },
  variable(
    '$arg_x $arg_X',
    get('/?x=1'),
    get('/?X=2'),
    get('/?y=1&x=2&x=3'),
    get('/?xx=1&x'),
    get('/?x='),
  ),
  variable('$arg_x', get('/?x=a%20b'), get('/?ax=1&x=2'), get('/?x=1;y=2'), get('/?&x=1&')),
  variable(
    '$cookie_a',
    get('/', 'Cookie: a=1; b=2\r\n'),
    get('/', 'Cookie: b=2; a=1\r\n'),
    get('/'),
  ),
  variable(
    '$cookie_a $cookie_A',
    get('/', 'Cookie: aa=1; A=2\r\n'),
    get('/', 'Cookie: a="x y"\r\n'),
  ),
  variable('$http_cookie', get('/', 'Cookie: a=1\r\nCookie: b=2\r\n'), get('/', 'Cookie:\r\n')),
  variable(
    '$cookie_b',
    get('/', 'Cookie: a=1\r\nCookie: b=2\r\n'),
    get('/', 'Cookie: a=1;b=2\r\n'),
  ),
  variable('$http_x_forwarded_for', get('/', 'X-Forwarded-For: a\r\nX-Forwarded-For: b\r\n')),
  variable('$content_length|$content_type', post('/', 'abc', 'Content-Type: text/x\r\n'), get('/')),
  variable(
    '$host $http_host',
    get('/'),
    'GET / HTTP/1.1\r\nHost: LocalHost:81\r\n\r\n',
    'GET / HTTP/1.0\r\n\r\n',
  ),
  {
    ...variable(
      '$host $http_host',
      'GET http://LOCALHOST:8/ HTTP/1.1\r\nHost: LOCALHOST:8\r\n\r\n',
    ),
    name: 'host of an absolute target',
  },
  variable('$scheme $https $server_protocol', get('/'), 'GET / HTTP/1.0\r\n\r\n'),
  variable('$remote_addr $remote_user $server_addr $server_port $server_name', get('/')),
  variable('$request', get('/a?b', 'X: y\r\n'), 'GET  / HTTP/1.0\r\n\r\n'.replace('  ', ' ')),
  variable('$document_root $request_filename $document_uri $realpath_root', get('/a/b?c')),
  variable('$request_length', get('/'), get('/', 'X: y\r\n'), post('/', 'abc')),
  variable('$connection_requests', get('/'), get('/'), get('/')),
  variable('$request_completion|$status|$limit_rate', get('/')),
  variable('$sent_http_content_type|$upstream_addr|$body_bytes_sent', get('/')),
  variable('$proxy_protocol_addr|$proxy_protocol_port|$realip_remote_addr', get('/')),
  {
    name: 'variables of time and chance have their forms',
    server:
      'return 200 "$msec $time_local $time_iso8601 $request_id $connection $remote_port $pid";',
    requests: [get('/')],
    except: { fields: ['Content-Length'], why: 'numbers of processes have any length' },
    mask: [
      [/\d{10}\.\d{3}/g, '{msec}'],
      [/\d\d\/[A-Z][a-z][a-z]\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}/g, '{local}'],
      [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d/g, '{iso}'],
      [/\b[0-9a-f]{32}\b/g, '{id}'],
      [/\b\d+ \d+ \d+$/gm, '{numbers}'],
    ],
  },
  {
    name: 'an unknown variable',
    server: 'return 200 "$no_such_variable";',
    refused: true,
  },
  {
    name: 'access log: sizes and statuses',
    server:
      'location / { return 200 "hello"; } location /e { return 404; } location /n { return 204; }',
    accessLog: '$status $body_bytes_sent $request_length "$request" $request_completion',
    requests: [get('/'), get('/e'), get('/n'), get('/', '', 'HEAD'), post('/', 'body')],
  },
  {
    name: 'access log: bytes_sent counts the head',
    server: 'server_tokens off; location / { return 204; }',
    accessLog: '$bytes_sent',
    requests: [get('/', 'Connection: close\r\n')],
    mask: [[/^(\d+)$/gm, '{bytes}']],
  },
  {
    name: 'access log: signs are escaped',
    server: 'return 200;',
    accessLog: '"$http_x" "$request_uri" "$arg_a"',
    requests: [get('/"q"?a="', 'X: a"b\\c\td\r\n')],
  },
  {
    name: 'access log: a refused request',
    server: 'return 200;',
    accessLog: '$status "$request" "$http_host" $body_bytes_sent',
    requests: [
      'GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      'get / HTTP/1.1\r\n\r\n',
    ],
  },
  {
    name: 'error log: refused requests at info',
    server: 'return 200;',
    errorLog: 'info',
    requests: ['GET / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  },
  {
    name: 'server_tokens off',
    server: 'server_tokens off; location / { return 200 "x"; } location /e { return 403; }',
    requests: [get('/'), get('/e')],
  },
  {
    name: 'a default type',
    server:
      'default_type text/x-own; location / { return 200 "x"; } location /e { default_type ""; return 200 "y"; }',
    requests: [get('/'), get('/e')],
  },
  {
    name: 'a type by the ending of the URI does not touch return',
    server: 'types { text/x-foo foo; } location / { return 200 "x"; }',
    requests: [get('/a.foo'), get('/a.html')],
  },
  {
    name: 'an expectation where nobody reads the body',
    difference: {
      why: 'a body that nobody reads is not asked for',
      ours: /> POST[^\n]*\nHTTP\/1\.1 200/,
    },
    server: echo,
    requests: [
      {
        send: `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`,
        answers: 1,
      },
    ],
  },
  {
    name: 'set and use of variables',
    server: 'set $a "x$arg_a"; set $b "${a}y"; return 200 "$a|$b|${b}z";',
    requests: [get('/?a=1'), get('/')],
  },
  {
    name: 'a text with quotes and escapes',
    server: `return 200 "a\\"b\\\\c\\nd\\te";`,
    requests: [get('/')],
  },
  {
    name: 'a long text',
    server: `return 200 "${'0123456789'.repeat(350)}";`,
    requests: [get('/'), get('/', '', 'HEAD')],
  },
]
