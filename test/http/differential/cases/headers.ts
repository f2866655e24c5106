/** What responses are given beside their own: fields, trailers, times, cookies. */
import { type Case, get, post, reply } from '../case.ts'

const files = { 'index.html': 'page', 'a.css': 'css', 'none/x': 'x' }

const added: readonly Case[] = [
  {
    name: 'add_header, in order, with variables',
    server:
      'add_header X-A "a $request_method"; add_header X-B $arg_b; add_header x-a again; add_header X-Empty "";',
    files,
    requests: [get('/'), get('/?b=1'), get('/?b='), get('/', '', 'HEAD')],
  },
  {
    name: 'add_header is for some statuses, always for all',
    server: `add_header X-Some yes; add_header X-All yes always;
      location /s { return 200; }
      ${[
        201, 202, 204, 205, 206, 207, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 403, 404,
        405, 410, 418, 429, 500, 502, 503,
      ]
        .map((code) => `location /${code} { return ${code}; }`)
        .join(' ')}`,
    requests: [
      201, 202, 204, 206, 207, 300, 301, 302, 303, 304, 307, 308, 401, 403, 404, 405, 410, 418, 429,
      500, 502, 503,
    ].map((code) => get(`/${code}`)),
  },
  {
    name: 'add_header of an inner block takes the place of the outer ones',
    server: `add_header X-Outer 1; location /in { add_header X-Inner 2; return 200; }
      location /out { return 200; } location /deep { location /deep/er { add_header X-Deep 3; return 200; } return 200; }`,
    requests: [get('/in'), get('/out'), get('/deep'), get('/deep/er')],
  },
  {
    name: 'add_header Cache-Control and Link stand beside others',
    server: `location / { add_header Cache-Control private; add_header Cache-Control no-store; add_header Link "</a>"; return 200; }
      location /e { expires 1h; add_header Cache-Control public; return 200; }`,
    requests: [get('/'), get('/e')],
  },
  {
    name: 'add_header Last-Modified and ETag',
    server: `location /a { add_header Last-Modified "Sun, 06 Nov 1994 08:49:37 GMT"; alias {root}/index.html; }
      location /b { add_header Last-Modified ""; alias {root}/index.html; }
      location /c { add_header ETag ""; alias {root}/index.html; }
      location /d { add_header ETag "\\"mine\\""; alias {root}/index.html; }
      location /e { add_header Last-Modified nonsense; return 200; }
      location /f { add_header ETag "\\"new\\""; return 200; }`,
    files,
    requests: ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => get(`/${name}`)),
    except: { fields: ['Last-Modified'], why: 'one that was added stands elsewhere' },
  },
  {
    name: 'add_header in if',
    server:
      'add_header X-Outer 1; if ($arg_x) { add_header X-If 2; } location / { if ($arg_y) { add_header X-In 3; } }',
    files,
    requests: [get('/'), get('/?y=1')],
    refused: true,
  },
  {
    name: 'add_header in an if of a location',
    server: 'add_header X-Outer 1; location / { if ($arg_y) { add_header X-In 3; } }',
    files,
    requests: [get('/'), get('/?y=1')],
  },
  {
    name: 'add_header on what an error page sends',
    server: `add_header X-A $status; add_header X-B $status always; error_page 404 /e.html;
      location = /e.html { add_header X-C $status always; }`,
    files: { 'e.html': 'error' },
    requests: [get('/none'), get('/e.html')],
  },
  {
    name: 'add_header beside what a server has sent',
    server:
      'location / { proxy_pass http://{upstream}; add_header X-A b; add_header X-Up $upstream_http_x_a; }',
    upstream: { '*': reply('ok', 'X-A: a\r\nCache-Control: max-age=5\r\n') },
    requests: [get('/')],
  },
  {
    name: 'a line break in a value makes no field',
    server:
      'location / { add_header X-A $arg_a; return 200 "$uri"; } location ~ ^/r/(.*) { add_header X-U $1; return 200; }',
    requests: [get('/?a=%0d%0ax:y')],
  },
  ...['add_header X', 'add_header X y z', 'add_header X y always z', 'add_trailer X y z'].map(
    (text): Case => ({ name: `${text} is refused`, server: `${text};`, refused: true }),
  ),
]

const trailers: readonly Case[] = [
  {
    name: 'add_trailer behind a file',
    server: 'add_trailer X-Sum $status; add_trailer X-None ""; add_trailer X-Uri $uri;',
    files,
    requests: [get('/'), get('/', '', 'HEAD'), 'GET / HTTP/1.0\r\n\r\n', get('/nothing')],
  },
  {
    name: 'add_trailer always, and with return',
    server:
      'add_trailer X-A 1 always; location /r { return 200 text; } location /e { return 204; }',
    requests: [get('/r'), get('/none'), get('/e')],
  },
  {
    name: 'add_trailer behind a proxied response',
    server: 'location / { proxy_pass http://{upstream}; add_trailer X-T $upstream_status; }',
    upstream: { '*': reply('from afar') },
    requests: [get('/')],
  },
]

const times: readonly Case[] = [
  ...[
    '1h',
    '-1',
    '0',
    'epoch',
    'max',
    'off',
    '+1d2h',
    '@15h30m',
    '-2h',
    'modified 1h',
    'modified -1h',
    'modified 400d',
    '1y',
    '1w2d3h4m5s',
  ].map((text): Case => ({
    name: `expires ${text}`,
    server: `expires ${text};`,
    files,
    requests: [get('/'), get('/none'), get('/', '', 'HEAD')],
  })),
  {
    name: 'expires by a variable',
    server: 'expires $arg_e; location /j { default_type application/json; return 200 "{}"; }',
    files,
    requests: [
      '',
      '?e=1h',
      '?e=off',
      '?e=max',
      '?e=nonsense',
      '?e=epoch',
      '?e=-5',
      '?e=%40',
      '?e=',
    ].map((query) => get(`/${query}`)),
  },
  {
    name: 'expires with a map over the type',
    http: 'map $sent_http_content_type ${id}_e { default off; text/html epoch; text/css max; }',
    server: 'location / { expires ${id}_e; }',
    files,
    requests: [get('/'), get('/a.css'), get('/none/x')],
  },
  {
    name: 'expires modified by a variable',
    server: 'expires modified $arg_e;',
    files,
    requests: [get('/?e=10000d'), get('/?e=1'), get('/?e=@1h'), get('/')],
    mask: [
      [/max-age=\d+/g, 'max-age=n'],
      [/Expires: .*/g, 'Expires: x'],
    ],
  },
  {
    name: 'expires and statuses',
    server: `expires 10m; ${[201, 204, 301, 304, 400, 404, 500]
      .map((code) => `location /${code} { return ${code}; }`)
      .join(' ')}`,
    requests: [201, 204, 301, 304, 400, 404, 500].map((code) => get(`/${code}`)),
  },
  {
    name: 'expires in the place of what a server has sent',
    server: 'location / { proxy_pass http://{upstream}; expires 1h; }',
    upstream: {
      '*': reply('ok', 'Expires: Thu, 01 Jan 1970 00:00:01 GMT\r\nCache-Control: private\r\n'),
    },
    requests: [get('/')],
  },
  {
    name: 'expires and a condition',
    server: 'expires 1h;',
    files,
    requests: [get('/', 'If-Modified-Since: Fri, 02 Jan 2026 03:04:05 GMT\r\n')],
  },
  ...['x', '', 'modified', 'modified @1h', '@25h', 'modified epoch', '1h 2h', '1x'].map(
    (text): Case => ({
      name: `expires ${text} is refused`,
      server: `expires ${text === '' ? '""' : text};`,
      refused: true,
    }),
  ),
]

const cookie = 'fwAAAWaF1kt3gAAAAwMCAg=='
const got = (name: string, value: string): string => `Cookie: ${name}=${value}\r\n`
const random: readonly (readonly [RegExp, string])[] = [
  [/uid=[A-Za-z0-9+/]{20}/g, 'uid=some'],
  [/uid=7F[0-9A-F]{30}/g, 'uid=words'],
  [/uid=[0-9A-F]{32}/g, 'uid=words'],
  [/some[A-Za-z0-9+/]{2}/g, 'some..'],
  [/name=[A-Za-z0-9+/]{22}/g, 'name=some'],
]

const userid: readonly Case[] = [
  {
    name: 'userid gives a cookie, once',
    server: 'userid on;',
    files,
    requests: [get('/'), get('/', got('uid', cookie)), get('/none'), get('/', got('uid', 'short'))],
    mask: random,
  },
  {
    name: 'userid, all that a cookie may have',
    server: `userid v1; userid_name name; userid_domain e.test; userid_path /p; userid_expires 365d;
      userid_p3p 'policyref="/p3p.xml"'; userid_flags secure httponly samesite=lax;`,
    files,
    requests: [get('/'), get('/', got('name', cookie)), get('/', got('NAME', cookie))],
    mask: [...random, [/expires=.*? GMT/g, 'expires=then']],
  },
  {
    name: 'userid_expires max and off',
    server:
      'location /a { userid on; userid_expires max; } location /b { userid on; userid_expires off; }',
    requests: [get('/a'), get('/b')],
    files: { a: 'a', b: 'b' },
    mask: random,
  },
  {
    name: 'userid_mark sends the same identifier anew',
    server: 'userid on; userid_mark k;',
    files,
    requests: [
      get('/'),
      get('/', got('uid', cookie)),
      get('/', got('uid', 'fwAAAWaF1kt3gAAAAwMCAgk=')),
      get('/', got('uid', 'fwAAAWaF1kt3gAAAAwMCAgx=')),
    ],
    mask: random.slice(3),
    except: {
      fields: ['Set-Cookie'],
      why: 'identifiers are random; the variables show what was given',
    },
  },
  {
    name: 'userid_mark, what is sent again',
    server: 'userid on; userid_mark k;',
    files,
    requests: [get('/', got('uid', cookie)), get('/', got('uid', 'fwAAAWaF1kt3gAAAAwMCAgk='))],
  },
  {
    name: 'userid variables in the log',
    server: 'userid on; location /log { userid log; } location /off { userid off; }',
    files,
    accessLog: '$uid_got $uid_set',
    requests: [
      get('/', got('uid', cookie)),
      get('/log', got('uid', cookie)),
      get('/off', got('uid', cookie)),
      get('/log'),
      get('/log', got('uid', 'AAAAAAAAAAAAAAAAAAAAAA==')),
    ],
  },
  {
    name: 'userid, cookies that are none',
    server: 'userid log;',
    files,
    errorLog: 'error',
    accessLog: '$uid_got',
    mask: [[/ while logging request/g, '']],
    requests: [get('/', got('uid', 'abc')), get('/', got('uid', '!'.repeat(24)))],
  },
  {
    name: 'userid and uid_reset',
    server: 'userid on; set $uid_reset $arg_r;',
    files,
    requests: [get('/?r=1', got('uid', cookie)), get('/?r=0', got('uid', cookie))],
    mask: random,
  },
  {
    name: 'userid_service by our address',
    server: 'userid on; add_header X-Set $uid_set;',
    files,
    requests: [get('/')],
    mask: [
      [/(uid=[0-9A-F]{8})[0-9A-F]{24}/g, '$1...'],
      [/(Set-Cookie: uid=[A-Za-z0-9+/]{5})[A-Za-z0-9+/]{17}/g, '$1...'],
    ],
  },
  {
    name: 'userid_service as a number',
    server: 'userid on; userid_service 4660; add_header X-Set $uid_set;',
    files,
    requests: [get('/')],
    mask: [
      [/(uid=[0-9A-F]{8})[0-9A-F]{24}/g, '$1...'],
      [/(Set-Cookie: uid=[A-Za-z0-9+/]{5})[A-Za-z0-9+/]{17}/g, '$1...'],
    ],
  },
  ...['userid x', 'userid_mark xx', 'userid_flags foo', 'userid_expires x', 'userid_service x'].map(
    (text): Case => ({ name: `${text} is refused`, server: `${text};`, refused: true }),
  ),
]

const links: readonly Case[] = [
  {
    name: 'secure_link',
    server: `location / { secure_link $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires$uri secret";
      return 200 "$secure_link|$secure_link_expires"; }`,
    requests: [
      get('/s?md5=CD10rU3DBUHNWImnonZ0OQ&expires=4102444800'),
      get('/s?md5=CS6dyOrqnWOjbgS4BUAcig&expires=1'),
      get('/s?md5=x&expires=4102444800'),
      get('/s'),
      get('/s?md5=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&expires=4102444800'),
      get('/s?expires=x'),
    ],
  },
  {
    name: 'secure_link without expiry',
    server: `secure_link $arg_h; secure_link_md5 "$uri"; return 200 "<$secure_link>";`,
    requests: [
      get('/s?h=XmNvlUUuHXPfsFzrx9wY7w'),
      get('/s?h=XmNvlUUuHXPfsFzrx9wY7w=='),
      get('/s?h=XmNvlUUuHXPfsFzrx9wY7x'),
      get('/s?h='),
    ],
  },
  {
    name: 'secure_link_secret',
    server: `location /p/ { secure_link_secret foo; if ($secure_link = "") { return 403; } return 200 "$secure_link"; }`,
    requests: [
      get('/p/e397c0eead3646e5670e8a9b26039db6/link'),
      get('/p/E397C0EEAD3646E5670E8A9B26039DB6/link'),
      get('/p/link'),
      get('/p/x/link'),
    ],
  },
  {
    name: 'secure_link_secret beside secure_link is refused',
    server: 'location / { secure_link_secret a; secure_link b; }',
    refused: true,
  },
  {
    name: 'secure_link where nothing is set',
    server: 'return 200 "<$secure_link|$secure_link_expires>";',
    requests: [get('/')],
  },
]

const from = (referer: string): string => `Referer: ${referer}\r\n`

const referers: readonly Case[] = [
  {
    name: 'valid_referers',
    server: `server_name me.test *.mine.test; valid_referers none blocked server_names *.example.com example.* www.example.org/galleries/ ~\\.google\\.;
      return 200 "<$invalid_referer>";`,
    requests: [
      get('/'),
      ...[
        '',
        'x',
        'http://me.test/a',
        'https://a.mine.test',
        'http://b.example.com:80/x',
        'http://example.com/',
        'http://example.net/',
        'http://www.example.org/galleries/1',
        'http://www.example.org/other',
        'http://www.example.org',
        'http://www.google.com/x',
        'HTTP://WWW.GOOGLE.DE',
        'http://evil.test/',
        'http://evil.test/.google.',
        'ftp://me.test/',
        'me.test/longer-than-that',
        'http://a.b',
        'http://',
      ].map((text) => get('/', from(text))),
    ],
  },
  {
    name: 'valid_referers without none and blocked',
    server: 'valid_referers a.test; return 200 "<$invalid_referer>";',
    requests: [
      get('/'),
      get('/', from('x')),
      get('/', from('http://a.test')),
      get('/', from('http://b.test')),
    ],
  },
  {
    name: 'valid_referers of inner and outer blocks',
    server: `valid_referers a.test; location /in { valid_referers b.test; return 200 "<$invalid_referer>"; }
      location /out { return 200 "<$invalid_referer>"; }`,
    requests: ['/in', '/out'].flatMap((path) => [
      get(path, from('http://a.test/')),
      get(path, from('http://b.test/')),
    ]),
  },
  {
    name: 'without valid_referers all are valid',
    server: 'return 200 "<$invalid_referer>";',
    requests: [get('/'), get('/', from('http://a.test/'))],
  },
  ...['""', '~', '*a.test'].map((text): Case => ({
    name: `valid_referers ${text} is refused`,
    server: `valid_referers ${text};`,
    refused: true,
    mask: [[/pcre2?_compile\(\) failed.*/g, 'pcre']],
  })),
]

const small: readonly Case[] = [
  {
    name: 'empty_gif',
    server: 'location / { empty_gif; } location /e { empty_gif; expires 1d; add_header X-A b; }',
    requests: [
      get('/'),
      get('/x', '', 'HEAD'),
      post('/', 'body'),
      get('/e'),
      get('/', 'If-Modified-Since: Mon, 28 Sep 1970 06:00:00 GMT\r\n'),
    ],
  },
  {
    name: 'stub_status',
    server: 'location /s { stub_status; } location /t { stub_status on; }',
    requests: [get('/s'), get('/t'), get('/s', '', 'HEAD'), post('/s', 'x')],
    mask: [[/\b\d+\b/g, 'n']],
  },
]

export const cases: readonly Case[] = [
  ...added,
  ...trailers,
  ...times,
  ...userid,
  ...links,
  ...referers,
  ...small,
]
