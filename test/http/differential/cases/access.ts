/** Who is let in: addresses, passwords, both; and whose address it is that counts. */
import { type Case, get } from '../case.ts'

/** Told by nginx alone, of connections. */
const keepaliveLine: readonly [RegExp, string] = [
  /\[info\] client [\d.]+ closed keepalive connection\n/g,
  '',
]

const basic = (credentials: string, scheme = 'Basic'): string =>
  `Authorization: ${scheme} ${Buffer.from(credentials).toString('base64')}\r\n`

const users = [
  '# users of the cases',
  'plain:{PLAIN}secret',
  'sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
  'ssha:{SSHA}+RFhsab2AfzZ0VfEdyknXtUT06RhYmNk',
  'apr1:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/:a comment',
  'md5:$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1',
  'sha256:$5$another$gIZwYePmKhWkZN2qMIl6zvYFUc1dGhOWzUy5SUBhTjC',
  'sha512:$6$abc$MtSdWSZbhct2oe.SOqOUM2M/GA/uj5.vyVtJgRHgKi9uqXuWuJqOYE7H/YlsYGVg/YYzDV0xt3fEIwYt580.5.',
  'des:abzlUXK5ed5rs',
  'broken:{SSHA}x',
  'empty:',
  'twice:{PLAIN}first',
  'twice:{PLAIN}second',
  'crlf:{PLAIN}secret\r',
  'last:{PLAIN}secret',
].join('\n')

const files = { '/conf/{id}.users': users, 'index.html': 'in', 'a/index.html': 'in a' }
const guarded = 'auth_basic "closed site"; auth_basic_user_file {id}.users;'

const authBasic: readonly Case[] = [
  {
    name: 'auth_basic asks, and takes every scheme',
    server: guarded,
    files,
    requests: [
      get('/'),
      ...['plain', 'sha', 'ssha', 'apr1', 'md5', 'crlf', 'last'].flatMap((user) => [
        get('/', basic(`${user}:secret`)),
        get('/', basic(`${user}:wrong`)),
      ]),
    ],
  },
  {
    name: "auth_basic by the system's crypt",
    server: guarded,
    files,
    requests: [
      get('/', basic('sha512:pw')),
      get('/', basic('sha512:PW')),
      get('/', basic('sha512:pw')),
      get('/', basic('des:pw')),
      get('/', basic('des:no')),
      get('/', basic('sha256:no')),
    ],
  },
  {
    name: 'auth_basic with hashes that are none',
    server: guarded,
    files,
    requests: [
      'broken:',
      'broken:x',
      'empty:',
      'empty:x',
      '# users of the cases:x',
      'nobody:x',
    ].map((text) => get('/', basic(text))),
  },
  {
    name: 'auth_basic, the first line of a name counts',
    server: guarded,
    files,
    requests: [get('/', basic('twice:first')), get('/', basic('twice:second'))],
  },
  {
    name: 'auth_basic, fields that are no credentials',
    server: guarded,
    files,
    requests: [
      get('/', 'Authorization:\r\n'),
      get('/', 'Authorization: Basic\r\n'),
      get('/', 'Authorization: Basic \r\n'),
      get('/', 'Authorization: Basic !!!\r\n'),
      get('/', basic('plain')),
      get('/', basic(':')),
      get('/', basic(':secret')),
      get('/', basic('plain:secret', 'Bearer')),
      get('/', basic('plain:secret', 'bAsIc')),
      get('/', basic('plain:secret', 'Basic   ')),
      get('/', `Authorization: Basic${basic('plain:secret').slice(21)}`),
    ],
  },
  {
    name: 'auth_basic off within',
    server: `${guarded} location /a { auth_basic off; } location /b { auth_basic "other"; }`,
    files,
    requests: [get('/'), get('/a/'), get('/b/')],
  },
  {
    name: 'auth_basic with variables',
    http: 'map $arg_r ${id}_realm { default off; x "realm $arg_r"; }',
    server:
      'location / { auth_basic $c_realm; auth_basic_user_file $document_root/$arg_f; }'.replace(
        'c_realm',
        '{id}_realm',
      ),
    files: { 'index.html': 'in', users },
    requests: [
      get('/'),
      get('/?r=x&f=users'),
      get('/?r=x&f=users', basic('plain:secret')),
      get('/?r=x&f=none', basic('plain:secret')),
      get('/?r=x', basic('plain:secret')),
    ],
    errorLog: 'info',
    mask: [keepaliveLine],
  },
  {
    name: 'auth_basic without a file asks nobody',
    server: 'auth_basic closed;',
    files,
    requests: [get('/')],
  },
  {
    name: 'auth_basic, what the log says',
    server: guarded,
    files,
    errorLog: 'info',
    mask: [keepaliveLine],
    requests: [
      get('/'),
      get('/', basic('nobody:secret')),
      get('/', basic('plain:wrong')),
      get('/', basic('plain:secret')),
    ],
  },
  {
    name: 'auth_basic, the user in the access log',
    server: guarded,
    files,
    accessLog: '$remote_user $status',
    requests: [get('/'), get('/', basic('nobody:x')), get('/', basic('plain:secret'))],
  },
  {
    name: 'auth_basic, a file that is not there',
    server: 'auth_basic x; auth_basic_user_file {id}.none;',
    files,
    errorLog: 'info',
    mask: [keepaliveLine],
    requests: [get('/'), get('/', basic('plain:secret'))],
  },
  {
    name: 'auth_basic with an error page',
    server: `location / { ${guarded} error_page 401 /login.html; } location = /login.html { }
      location /named { ${guarded} error_page 401 = @login; } location @login { return 200 "please"; }`,
    files: { ...files, 'login.html': 'log in' },
    except: { fields: ['ETag'], why: 'it stands before the fields that were added' },
    requests: [get('/'), get('/named'), get('/', basic('plain:secret'))],
  },
  {
    name: 'auth_basic before any content, and behind return',
    server: `location /r { ${guarded} return 200 "not asked"; }
      location /n { ${guarded} } location /h { ${guarded} index none; }`,
    files,
    requests: [get('/r'), get('/n'), get('/h/'), get('/n', '', 'HEAD'), get('/n', '', 'POST')],
  },
  {
    name: 'auth_basic, a body behind a refusal',
    server: guarded,
    files,
    requests: [get('/', 'Content-Length: 4\r\n', 'POST') + 'body', get('/', basic('plain:secret'))],
  },
  {
    name: 'auth_delay holds refusals back',
    server: `auth_delay 100ms; ${guarded} location /a { satisfy any; deny all; }`,
    files,
    errorLog: 'info',
    mask: [keepaliveLine],
    requests: [
      get('/'),
      get('/', basic('plain:wrong')),
      get('/a/'),
      get('/', basic('plain:secret')),
    ],
  },
  {
    name: 'auth_basic with limit_except',
    server: `location / { limit_except GET { ${guarded} } return 404; }
      location /f { limit_except GET { ${guarded} } }`,
    files,
    requests: [
      get('/f'),
      get('/f', '', 'POST'),
      get('/f', basic('plain:secret'), 'POST'),
      get('/'),
    ],
  },
]

const addresses: readonly Case[] = [
  {
    name: 'allow and deny in order',
    server: `location /a { allow all; deny all; } location /b { deny all; allow all; }
      location /c { deny 127.0.0.0/8; allow all; } location /d { allow 127.0.0.0/8; deny all; }
      location /e { allow 10.0.0.0/8; } location /f { deny 10.0.0.0/8; } location /g { deny ::1; }
      location /h { allow unix:; deny all; } location /i { deny 127.0.0.1; }`,
    files: Object.fromEntries(
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((name) => [`${name}/index.html`, name]),
    ),
    requests: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((name) => get(`/${name}/`)),
  },
  {
    name: 'deny, what the log says',
    server: 'deny all;',
    errorLog: 'info',
    mask: [keepaliveLine],
    requests: [get('/x'), get('/y', 'Referer: http://e/\r\n')],
  },
  {
    name: 'rules of an inner block take the place of the outer ones',
    server:
      'deny all; location /in { allow all; } location /both { location /both/x { deny 10.0.0.1; } }',
    requests: [get('/'), get('/in'), get('/both'), get('/both/x')],
  },
  {
    name: 'limit_except GET with deny',
    server: 'location / { limit_except GET { deny all; } }',
    files,
    requests: [
      get('/'),
      get('/', '', 'HEAD'),
      get('/', '', 'POST'),
      get('/', '', 'OPTIONS'),
      get('/', '', 'FOO'),
    ],
  },
  {
    name: 'low address bits are a warning, not a refusal',
    server: 'deny 127.44.1.1/16;',
    requests: [get('/')],
  },
  {
    name: 'error_page 403 of a denied location is open itself',
    server: 'deny all; error_page 403 /no.html; location = /no.html { allow all; }',
    files: { 'no.html': 'no entry' },
    requests: [get('/'), get('/no.html')],
  },
  ...['10.0.0.0/33', 'name', '10.0.0', '', '10.0.0.0/x', '300.1.1.1'].map((text): Case => ({
    name: `deny ${text} is refused`,
    server: `deny "${text}";`,
    refused: true,
  })),
]

const satisfy: readonly Case[] = [
  ['all', 'allow all;', 'any address'],
  ['all', 'deny all;', 'no address'],
  ['any', 'allow all;', 'any address'],
  ['any', 'deny all;', 'no address'],
  ['any', 'deny 10.0.0.1;', 'no opinion'],
  ['any', '', 'no rules'],
].map(([mode, rules, what]): Case => ({
  name: `satisfy ${mode} with ${what}`,
  server: `satisfy ${mode}; ${rules} ${guarded}`,
  files,
  errorLog: 'info',
  mask: [keepaliveLine],
  requests: [get('/'), get('/', basic('plain:secret')), get('/', basic('plain:wrong'))],
}))

const via = (field: string, ...values: string[]): string =>
  values.map((value) => `${field}: ${value}\r\n`).join('')
const shows = 'return 200 "$remote_addr|$remote_port|$realip_remote_addr\\n";'

const realip: readonly Case[] = [
  {
    name: 'X-Real-IP of a trusted peer',
    server: `set_real_ip_from 127.0.0.0/8; return 200 "$remote_addr|$realip_remote_addr";`,
    requests: [
      get('/'),
      get('/', via('X-Real-IP', '192.0.2.7')),
      get('/', via('X-Real-IP', '192.0.2.7:99')),
      get('/', via('X-Real-IP', '2001:DB8::1')),
      get('/', via('X-Real-IP', '[2001:db8::1]:80')),
      get('/', via('X-Real-IP', 'name')),
      get('/', via('X-Real-IP', '')),
      get('/', via('X-Real-IP', '192.0.2.7', '192.0.2.8')),
      get('/', via('X-Forwarded-For', '192.0.2.7')),
      get('/', via('X-Real-IP', '192.0.2.7, 192.0.2.8')),
    ],
  },
  {
    name: 'nobody is believed who is not trusted',
    server: `set_real_ip_from 10.0.0.0/8; return 200 "$remote_addr|$realip_remote_addr";`,
    requests: [get('/', via('X-Real-IP', '192.0.2.7'))],
  },
  {
    name: 'X-Forwarded-For, the last',
    server: `set_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For; ${shows}`,
    requests: [
      '192.0.2.1',
      '192.0.2.1, 192.0.2.2',
      '192.0.2.1 192.0.2.2:8080',
      '192.0.2.1 , ',
      'unknown, 192.0.2.1',
      '192.0.2.1, unknown',
      ',',
    ].map((value) => get('/', via('X-Forwarded-For', value))),
    mask: [[/\|\d{4,5}\|/g, '|port|']],
  },
  {
    name: 'X-Forwarded-For, recursive',
    server: `set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8; set_real_ip_from 2001:db8::/32;
      real_ip_header X-Forwarded-For; real_ip_recursive on; return 200 "$remote_addr";`,
    requests: [
      get('/', via('X-Forwarded-For', '192.0.2.1, 10.1.1.1')),
      get('/', via('X-Forwarded-For', '192.0.2.1, 192.0.2.2, 10.1.1.1')),
      get('/', via('X-Forwarded-For', '10.1.1.1, 10.1.1.2')),
      get('/', via('X-Forwarded-For', '192.0.2.1', '10.1.1.2')),
      get('/', via('X-Forwarded-For', '192.0.2.1', '192.0.2.2', '10.1.1.2')),
      get('/', via('X-Forwarded-For', '192.0.2.1, bad', '10.1.1.2')),
      get('/', via('X-Forwarded-For', '192.0.2.1, 2001:db8::7')),
      get('/', via('X-Forwarded-For', '192.0.2.1,2001:db8::7,10.0.0.1')),
    ],
  },
  {
    name: 'a field of any name',
    server: `set_real_ip_from 127.0.0.1/8; real_ip_header CF-Connecting-IP; return 200 "$remote_addr";`,
    requests: [
      get('/', via('CF-Connecting-IP', '192.0.2.1')),
      get('/', via('cf-connecting-ip', '192.0.2.2')),
      get('/', via('CF-Connecting-IP', '192.0.2.1', '192.0.2.2')),
      get('/', via('X-Real-IP', '192.0.2.3')),
    ],
  },
  {
    name: 'realip of a location, after that of the server',
    server: `location /in { set_real_ip_from 127.0.0.0/8; real_ip_header X-In; try_files /none @show; }
      location /out { try_files /none @show; } location @show { return 200 "$remote_addr"; }`,
    requests: [get('/in', via('X-In', '192.0.2.1')), get('/out', via('X-In', '192.0.2.1'))],
  },
  {
    name: 'rules and logs see the address that was found',
    server: 'set_real_ip_from 127.0.0.0/8; deny 192.0.2.0/24;',
    files,
    errorLog: 'error',
    accessLog: '$remote_addr $realip_remote_addr',
    requests: [get('/', via('X-Real-IP', '192.0.2.1')), get('/', via('X-Real-IP', '198.51.100.1'))],
  },
  {
    name: 'real_ip_header proxy_protocol',
    listen: 'proxy_protocol',
    server: `set_real_ip_from 127.0.0.0/8; real_ip_header proxy_protocol;
      return 200 "$remote_addr|$remote_port|$proxy_protocol_addr|$realip_remote_addr";`,
    requests: [`PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n${get('/')}`],
  },
  {
    name: 'the PROXY protocol without realip changes no address',
    listen: 'proxy_protocol',
    server: 'return 200 "$remote_addr|$proxy_protocol_addr|$proxy_protocol_port";',
    requests: [`PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n${get('/')}`],
  },
  { name: 'set_real_ip_from all is refused', server: 'set_real_ip_from all;', refused: true },
]

export const cases: readonly Case[] = [...authBasic, ...addresses, ...satisfy, ...realip]
