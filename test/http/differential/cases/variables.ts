/** Variables of the core, and those that `map`, `geo`, `split_clients` and names of servers make. */
import { type Case, get, post, reply } from '../case.ts'

interface Options extends Omit<Case, 'name' | 'server' | 'requests'> {
  readonly server?: string
}

/** Shows a text with variables for those requests. */
function shown(
  name: string,
  text: string,
  requests: readonly string[] = [get('/')],
  { server = '', ...rest }: Options = {},
): Case {
  return { name, server: `${server} location / { return 200 "${text}"; }`, requests, ...rest }
}

/** The same in a line of the access log, where a variable without a value is "-". */
function logged(
  name: string,
  text: string,
  requests: readonly string[] = [get('/')],
  { server = 'location / { return 200 x; }', ...rest }: Options = {},
): Case {
  return { name, server, accessLog: text, requests, ...rest }
}

const targets = [
  '/a/b?x=1&y=2',
  '/a%20b/%C3%A9',
  '/a//b/./c/../d',
  '/?',
  '/??a',
  '/a?b?c',
  '/?a&b',
].map((target) => get(target))

const names = [
  'args',
  'query_string',
  'is_args',
  'uri',
  'document_uri',
  'request_uri',
  'request',
  'request_method',
]

const requestLine: readonly Case[] = [
  ...names.map((name) => shown(`$${name}`, `<$${name}>`, targets)),
  ...names.map((name) => logged(`$${name} in the log`, `<$${name}>`, targets)),
  shown(
    '$request_method of odd methods',
    '$request_method',
    ['PUT', 'FOO', 'A-B', 'A_B', 'OPTIONS'].map((method) => get('/', '', method)),
  ),
  shown('$request_uri of a whole target', '$request_uri $uri $host', [
    'GET http://other/a?b HTTP/1.1\r\nHost: other\r\n\r\n',
    'GET http://other HTTP/1.1\r\nHost: other\r\n\r\n',
    'GET http://other?q HTTP/1.1\r\nHost: other\r\n\r\n',
  ]),
  shown('$server_protocol', '$server_protocol', ['GET / HTTP/1.0\r\n\r\n', get('/')]),
  shown('$scheme and $https', '$scheme <$https>'),
  shown('$scheme and $https over TLS', '$scheme <$https>', [get('/')], {
    listen: 'ssl',
    tls: {},
    server: 'ssl_certificate server.pem; ssl_certificate_key server.key;',
  }),
  logged('$request_length', '$request_length', [get('/'), get('/', 'X: y\r\n'), post('/', 'abc')]),
  logged('$request_completion', '$request_completion', [get('/'), get('/', '', 'HEAD')]),
  logged(
    '$body_bytes_sent and $bytes_sent',
    '$body_bytes_sent',
    [get('/'), get('/', '', 'HEAD'), get('/none')],
    { server: 'location = / { return 200 text; } location / { return 404; }' },
  ),
  logged(
    '$status',
    '$status',
    [get('/'), get('/none'), get('/e'), get('/400'), get('/494'), get('/204')],
    {
      server:
        'location = / { return 200; } location /e { error_page 403 =201 /p; return 403; } location /p { return 200 x; } location /400 { return 400; } location /494 { return 494; } location /204 { return 204; } location / { return 404; }',
    },
  ),
  logged('$status behind an error page', '$status', [get('/a'), get('/b'), get('/c')], {
    server:
      'error_page 404 /p; error_page 403 = /p; error_page 405 http://x/; location /p { return 200 x; } location /a { return 404; } location /b { return 403; } location /c { return 405; }',
  }),
  shown('$status in the answer', '$status', [get('/')]),
  shown('$status in an error page', 'x', [get('/e')], {
    server:
      'error_page 403 /p; location /p { return 200 "<$status>"; } location /e { return 403; }',
  }),
]

const fields: readonly Case[] = [
  shown('$http_ of any field', '<$http_x_a><$http_x_b>', [
    get('/', 'X-A: 1\r\nx-b:  2 \r\n'),
    get('/', 'X-A:\r\n'),
  ]),
  logged('$http_ of no field', '$http_x_a', [get('/'), get('/', 'X-A:\r\n')]),
  shown('$http_host', '$http_host $host', [
    get('/'),
    'GET / HTTP/1.1\r\nHost: LOCALHOST:8000\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a.b.\r\n\r\n',
  ]),
  logged('$host of HTTP/1.0 without one', '$host <$http_host>', ['GET / HTTP/1.0\r\n\r\n']),
  logged(
    '$host of a server with a name',
    '$host $server_name',
    ['GET / HTTP/1.0\r\n\r\n', get('/')],
    { server: 'server_name named.test; location / { return 200 x; }' },
  ),
  shown('$http_user_agent and $http_referer', '<$http_user_agent><$http_referer>', [
    get('/', 'User-Agent: a b\r\nReferer: http://r/\r\n'),
    get('/'),
  ]),
  shown('$http_cookie of several fields', '<$http_cookie>', [
    get('/', 'Cookie: a=1\r\nCookie: b=2\r\n'),
  ]),
  shown('$http_x_forwarded_for of several fields', '<$http_x_forwarded_for>', [
    get('/', 'X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n'),
  ]),
  shown('$content_length and $content_type', '<$content_length><$content_type>', [
    get('/'),
    post('/', 'abc', 'Content-Type: a/b\r\n'),
  ]),
  logged('$content_length of no body', '$content_length $content_type', [get('/')]),
  shown(
    '$cookie_',
    '<$cookie_a>',
    [
      'a=1',
      'A=1',
      'b=2; a=3',
      'b=2;a=3',
      'b=2, a=4',
      'a',
      'a=',
      'a = 5 ',
      'a=1=2',
      'aa=1',
      'b="a=1"; a=2',
      ' a=6;',
      'a=x y; b',
      'a=1,b=2',
      ';a=7',
      'ba=1;a=8',
    ].map((cookie) => get('/', `Cookie: ${cookie}\r\n`)),
  ),
  logged('$cookie_ of no cookie', '$cookie_a', [
    get('/'),
    get('/', 'Cookie: b=1\r\n'),
    get('/', 'Cookie: a=\r\n'),
  ]),
  shown(
    '$arg_',
    '<$arg_a>',
    [
      'a=1',
      'A=1',
      'b=2&a=3',
      'a',
      'a=',
      'a&a=4',
      'a=1&a=2',
      'aa=1&a=5',
      'ba=1&a=6',
      'a=%20',
      'a=x=y',
      '&a=7',
      'a=1;b',
      'b&c',
    ].map((args) => get(`/?${args}`)),
  ),
  logged('$arg_ of no argument', '$arg_a', [get('/'), get('/?a'), get('/?a='), get('/?b')]),
  shown('$arg_ with an underscore', '<$arg_a_b>', [get('/?a_b=1'), get('/?a-b=1')]),
  shown(
    '$remote_user',
    '<$remote_user>',
    [
      'Basic dTpw',
      'basic dTpw',
      'Basic  dTpw',
      'Basic dQ==',
      'Basic Og==',
      'Basic !!',
      'Bearer dTpw',
      'Basic',
    ].map((value) => get('/', `Authorization: ${value}\r\n`)),
  ),
  logged('$remote_user of nobody', '$remote_user', [get('/')]),
  logged(
    '$sent_http_',
    '$sent_http_content_type $sent_http_content_length $sent_http_x $sent_http_none $sent_http_location $sent_http_transfer_encoding',
    [get('/'), get('/r'), get('/e'), get('/', 'Connection: close\r\n')],
    {
      server:
        'add_header X y; location = / { return 200 text; } location /r { return 302 http://x/; } location /e { return 404; }',
    },
  ),
  logged(
    '$sent_http_ of a file',
    '$sent_http_last_modified $sent_http_etag $sent_http_accept_ranges',
    [get('/f')],
    { server: 'location / { }', files: { f: 'text' } },
  ),
  logged('$sent_trailer_', '$sent_trailer_x $sent_trailer_none', [get('/f')], {
    server: 'location / { add_trailer X y; }',
    files: { f: 'text' },
  }),
]

const places: readonly Case[] = [
  shown('$server_addr and $server_port', '$server_addr $server_port'),
  shown('$server_name', '<$server_name>', [get('/')], { server: 'server_name .a.test *.b.test;' }),
  shown('$server_name of none', '<$server_name>'),
  shown('$remote_addr', '$remote_addr $realip_remote_addr'),
  logged('$remote_addr in binary form', '$binary_remote_addr'),
  shown('$hostname', '$hostname'),
  shown('$document_root and $request_filename', '$document_root $request_filename', [
    get('/'),
    get('/a/b'),
  ]),
  shown('$request_filename with alias', 'x', [get('/al/x'), get('/al/')], {
    server: 'location /al/ { alias {root}/d/; return 200 "$document_root $request_filename"; }',
  }),
  shown('$request_filename with alias of an expression', 'x', [get('/al/x')], {
    server:
      'location ~ ^/al/(.*) { alias {root}/d/$1; return 200 "$document_root $request_filename"; }',
  }),
  shown('$realpath_root', '$realpath_root', [get('/')], { files: { f: '' } }),
  shown('$realpath_root of no folder', '<$realpath_root>', [get('/')], {
    server: 'root {root}/none;',
  }),
  shown(
    '$proxy_protocol_ of none',
    '<$proxy_protocol_addr><$proxy_protocol_port><$proxy_protocol_server_addr>',
  ),
  shown(
    '$proxy_protocol_ of version 1',
    '$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port $remote_addr',
    [`PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n${get('/')}`],
    { listen: 'proxy_protocol' },
  ),
  logged('$connection_requests', '$connection_requests', [get('/'), get('/'), get('/')]),
  logged('$pipe', '$pipe', [get('/'), `${get('/1')}${get('/2')}`]),
  shown('$request_id', 'x', [get('/')], {
    server: 'location = / { if ($request_id ~ "^[0-9a-f]{32}$") { return 200 good; } }',
  }),
  shown('$request_id stays the same', 'x', [get('/')], {
    server:
      'set $first $request_id; location = / { if ($first = $request_id) { return 200 same; } }',
  }),
  shown('$msec and $time', 'x', [get('/')], {
    server:
      'location = / { set $all "$msec $time_iso8601 $time_local"; if ($all ~ "^\\d{10}\\.\\d{3} \\d{4}-\\d\\d-\\d\\dT[\\d:]{8}[+-]\\d\\d:\\d\\d \\d\\d/\\w{3}/\\d{4}:[\\d:]{8} [+-]\\d{4}$") { return 200 good; } return 200 $all; }',
  }),
  shown('$tcpinfo_', 'x', [get('/')], {
    server:
      'location = / { set $all "$tcpinfo_rtt $tcpinfo_rttvar $tcpinfo_snd_cwnd $tcpinfo_rcv_space"; if ($all ~ "^\\d+ \\d+ 10 \\d+$") { return 200 good; } return 200 $all; }',
  }),
  shown('$connection is a number', 'x', [get('/')], {
    server:
      'location = / { set $all "$pid $connection"; if ($all ~ "^\\d+ \\d+$") { return 200 good; } }',
  }),
  shown('$request_time and $connection_time', 'x', [get('/')], {
    server:
      'location = / { set $all "$request_time $connection_time"; if ($all ~ "^\\d\\.\\d{3} \\d\\.\\d{3}$") { return 200 good; } }',
  }),
]

const upstream = { '*': reply('up') }

const bodies: readonly Case[] = [
  logged(
    '$request_body of a proxied request',
    '<$request_body>',
    [post('/', 'a body'), get('/'), post('/', 'x"y\\z\n')],
    { server: 'location / { proxy_pass http://{upstream}; }', upstream },
  ),
  logged('$request_body of a body in a file', '<$request_body>', [post('/', 'x'.repeat(3000))], {
    server: 'client_body_buffer_size 1k; location / { proxy_pass http://{upstream}; }',
    upstream,
  }),
  logged('$request_body that nobody reads', '<$request_body>', [post('/', 'a body')]),
  logged(
    '$request_body in chunks',
    '<$request_body> $content_length',
    [
      `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`,
    ],
    { server: 'location / { proxy_pass http://{upstream}; }', upstream },
  ),
  logged('$request_body_file', 'file:$request_body_file', [post('/', 'x')], {
    server: 'client_body_in_file_only clean; location / { proxy_pass http://{upstream}; }',
    upstream,
    mask: [[/file:\S+\d{10}/g, 'file:{file}']],
  }),
  shown('$request_body before it was read', '<$request_body>', [post('/', 'abc')]),
]

function mapped(name: string, block: string, values: readonly string[], source = '$arg_a'): Case {
  return {
    name: `map: ${name}`,
    http: `map ${source} $mapped_{id} { ${block} }`,
    server: 'location / { return 200 "<$mapped_{id}>"; }',
    requests: values.map((value) => get(`/?a=${value}`)),
  }
}

const maps: readonly Case[] = [
  mapped('exact, default and nothing', 'default d; a 1; b 2;', ['a', 'b', 'c', '', 'A']),
  mapped('without a default', 'a 1;', ['a', 'c']),
  mapped('an empty key', '"" empty; default d;', ['', 'x']),
  mapped('a value with variables', 'a "$uri-$arg_b"; default $arg_a;', ['a&b=c', 'z']),
  mapped('expressions in order', '~^a one; ~b two; ~*^A three; default d;', [
    'ab',
    'b',
    'Ax',
    'A',
    'x',
  ]),
  mapped('groups', '~^(?<first>.)(?<second>.) "$second$first"; ~^(.)$ "$1$1"; default d;', [
    'xy',
    'x',
    '',
  ]),
  mapped('exact goes before expressions', '~a re; a exact;', ['a', 'aa']),
  mapped('a key that begins with a tilde', '\\~a tilde; default d;', ['~a', 'a']),
  mapped('the key "default" in quotes and with a backslash', '\\default word; default d;', [
    'default',
    'x',
  ]),
  mapped(
    'hostnames',
    'hostnames; default d; example.com exact; .wild.com dot; *.star.com star; tail.* tail;',
    [
      'example.com',
      'wild.com',
      'a.wild.com',
      'star.com',
      'a.star.com',
      'a.b.star.com',
      'tail.org',
      'tail',
      'EXAMPLE.com',
      'example.com.',
      'a.wild.com.',
    ],
  ),
  mapped(
    'hostnames, the longest wildcard',
    'hostnames; *.com com; *.example.com example; www.* www; www.example.* longer; default d;',
    ['a.com', 'a.example.com', 'www.org', 'www.example.org', 'www.example.com'],
  ),
  mapped('hostnames and expressions', 'hostnames; ~^a re; .a.com dot; default d;', [
    'a.com',
    'b.a.com',
    'ab',
  ]),
  mapped('stars without hostnames are plain', '*.a.com star; default d;', ['b.a.com', '*.a.com']),
  mapped('a source of several variables', 'a-/ both; default d;', ['a', 'b'], '"$arg_a-$uri"'),
  mapped('a value of a space', 'a " "; default "x y";', ['a', 'b']),
  mapped('escaped in the source', 'a%20b escaped; default d;', ['a%20b']),
  {
    name: 'map: a map of a map',
    http: 'map $arg_a $inner_{id} { a b; } map $inner_{id} $outer_{id} { b c; default d; }',
    server: 'location / { return 200 "$outer_{id}"; }',
    requests: [get('/?a=a'), get('/')],
  },
  {
    name: 'map: read once and kept',
    http: 'map $uri $kept_{id} { default $uri; }',
    server:
      'set $first "$kept_{id}"; location /a { rewrite ^ /b last; } location /b { return 200 "$kept_{id}"; }',
    requests: [get('/a')],
  },
  {
    name: 'map: volatile',
    http: 'map $uri $fresh_{id} { volatile; default $uri; }',
    server:
      'set $first "$fresh_{id}"; location /a { rewrite ^ /b last; } location /b { return 200 "$fresh_{id}"; }',
    requests: [get('/a')],
  },
  {
    name: 'map: a group that hides that of the location',
    http: 'map $arg_a $m_{id} { ~(.) $1; }',
    server: 'location ~ ^/(.+) { return 200 "$m_{id} $1"; }',
    requests: [get('/path?a=xyz')],
  },
  ...[
    'a;',
    'a b c;',
    'a 1; a 2;',
    'default 1; default 2;',
    'hostnames; .a.com 1; a.com 2;',
    'a $nothing_at_all;',
    'hostnames; *.*.x 1;',
  ].map((block): Case => ({
    name: `map refused: ${block}`,
    http: `map $arg_a $refused_{id} { ${block} }`,
    server: 'location / { return 200 x; }',
    requests: [get('/')],
    refused: true,
  })),
]

function geo(name: string, block: string, addresses: readonly string[]): Case {
  return {
    name: `geo: ${name}`,
    http: `geo $arg_a $place_{id} { ${block} }`,
    server: 'location / { return 200 "<$place_{id}>"; }',
    requests: addresses.map((address) => get(`/?a=${address}`)),
  }
}

const geos: readonly Case[] = [
  geo(
    'networks',
    'default d; 10.0.0.0/8 ten; 10.1.0.0/16 ten-one; 10.1.2.3 host; 127.0.0.1/32 own;',
    ['10.0.0.1', '10.1.0.1', '10.1.2.3', '127.0.0.1', '11.0.0.1', 'nonsense', ''],
  ),
  geo('without a default', '10.0.0.0/8 ten;', ['10.0.0.1', '11.0.0.1']),
  geo('IPv6', 'default d; 2001:db8::/32 doc; ::1 own; 10.0.0.0/8 ten;', [
    '2001:db8::1',
    '::1',
    '2001:db9::1',
    '::ffff:10.0.0.1',
  ]),
  geo('delete', 'default d; 10.0.0.0/8 ten; 10.1.0.0/16 one; delete 10.1.0.0/16;', [
    '10.1.0.1',
    '10.2.0.1',
  ]),
  geo(
    'ranges',
    'ranges; default d; 10.0.0.0-10.0.0.9 low; 10.0.0.5-10.0.0.6 middle; 10.0.1.0-10.0.1.0 one;',
    [
      '10.0.0.0',
      '10.0.0.4',
      '10.0.0.5',
      '10.0.0.6',
      '10.0.0.7',
      '10.0.0.9',
      '10.0.0.10',
      '10.0.1.0',
      '::1',
    ],
  ),

  geo('all and none', '0.0.0.0/0 four; ::/0 six;', ['1.2.3.4', '::5']),
  {
    name: 'geo: of the client',
    http: 'geo $place_{id} { default d; 127.0.0.0/8 own; }',
    server: 'location / { return 200 "<$place_{id}>"; }',
    requests: [get('/')],
  },
  {
    name: 'geo: behind a proxy',
    http: 'geo $place_{id} { default d; proxy 127.0.0.1; 10.0.0.0/8 ten; 192.0.2.0/24 doc; 127.0.0.0/8 own; }',
    server: 'location / { return 200 "<$place_{id}>"; }',
    requests: ['10.0.0.1', '192.0.2.1, 10.0.0.1', '10.0.0.1, 192.0.2.1', 'nonsense', '']
      .map((list) => get('/', `X-Forwarded-For: ${list}\r\n`))
      .concat(get('/')),
  },
  {
    name: 'geo: behind proxies, recursively',
    http: 'geo $place_{id} { default d; proxy 127.0.0.1; proxy 192.0.2.0/24; proxy_recursive; 10.0.0.0/8 ten; 192.0.2.0/24 doc; 127.0.0.0/8 own; }',
    server: 'location / { return 200 "<$place_{id}>"; }',
    requests: [
      '10.0.0.1',
      '10.0.0.1, 192.0.2.1',
      '192.0.2.9, 192.0.2.1',
      '10.0.0.1, 8.8.8.8, 192.0.2.1',
    ].map((list) => get('/', `X-Forwarded-For: ${list}\r\n`)),
  },
  {
    name: 'geo: a proxy that nobody trusts',
    http: 'geo $place_{id} { default d; proxy 1.1.1.1; 10.0.0.0/8 ten; 127.0.0.0/8 own; }',
    server: 'location / { return 200 "<$place_{id}>"; }',
    requests: [get('/', 'X-Forwarded-For: 10.0.0.1\r\n')],
  },
  ...[
    '10.0.0.0/33 x;',
    'ranges; 10.0.0.9-10.0.0.1 x;',
    'ranges; 10.0.0.5-10.0.0.6 inner; 10.0.0.0-10.0.0.9 outer;',
    'ranges; 10.0.0.0-10.0.0.6 a; 10.0.0.5-10.0.0.9 b;',
    'ranges; 10.0.0.0/8 x;',
    'a b c;',
    'proxy nonsense;',
    'delete;',
  ].map((block): Case => ({
    name: `geo refused: ${block}`,
    http: `geo $refused_{id} { ${block} }`,
    server: 'location / { return 200 x; }',
    requests: [get('/')],
    refused: true,
  })),
]

const shares: readonly Case[] = [
  {
    name: 'split_clients: shares',
    http: 'split_clients "$arg_a" $share_{id} { 10% ten; 20.5% twenty; 0.01% rare; * rest; }',
    server: 'location / { return 200 "$share_{id}"; }',
    requests: Array.from({ length: 40 }, (_, i) => get(`/?a=${i}`)),
  },
  {
    name: 'split_clients: without a rest',
    http: 'split_clients "${remote_addr}AAA$arg_a" $share_{id} { 50% half; }',
    server: 'location / { return 200 "<$share_{id}>"; }',
    requests: Array.from({ length: 20 }, (_, i) => get(`/?a=${i}`)),
  },
  {
    name: 'split_clients: values with variables',
    http: 'split_clients "$arg_a" $share_{id} { 50% "$uri"; * "$arg_a"; }',
    server: 'location / { return 200 "<$share_{id}>"; }',
    requests: Array.from({ length: 10 }, (_, i) => get(`/x?a=${i}`)),
  },
  ...['101% a;', '0% a;', 'x a;', '60% a; 50% b;', '1.234% a;'].map((block): Case => ({
    name: `split_clients refused: ${block}`,
    http: `split_clients $arg_a $refused_{id} { ${block} }`,
    server: 'location / { return 200 x; }',
    requests: [get('/')],
    refused: true,
  })),
]

const hosts = ['www.a.test', 'api.a.test', 'x.b.test', 'other.test', 'WWW.A.test'].map(
  (host) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
)

const serverNames: readonly Case[] = [
  shown('groups of a server name', '<$1><$sub>', hosts, {
    server: 'server_name ~^(?<sub>\\w+)\\.a\\.test$ ~^(.)\\.b\\.test$;',
  }),
  logged('named groups of a server name in the log', '$zone', hosts, {
    server: 'server_name ~^(?<zone>\\w+)\\.a\\.test$; location / { return 200 x; }',
  }),
  shown('groups of a server name, then of a location', 'x', hosts, {
    server:
      'server_name ~^(?<part>\\w+)\\.a\\.test$; location ~ ^/(.*)$ { return 200 "<$1><$part>"; }',
  }),
  shown('groups of a server name in root', 'x', hosts, {
    server:
      'server_name ~^(?<folder>\\w+)\\.a\\.test$; location = / { root {root}/$folder; try_files /f =404; }',
    files: { 'www/f': 'of www', 'api/f': 'of api' },
  }),
]

export const cases: readonly Case[] = [
  ...requestLine,
  ...fields,
  ...places,
  ...bodies,
  ...maps,
  ...geos,
  ...shares,
  ...serverNames,
]
