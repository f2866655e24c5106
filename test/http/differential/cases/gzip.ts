/** Packed bodies: who gets them, and how they are described. */
import { gzipSync } from 'node:zlib'
import { type Case, get, reply } from '../case.ts'

const types = 'types { text/html html; text/plain txt; text/css css; }'
const page = '<p>a page that can be packed</p>\n'.repeat(40)
const gz = gzipSync(page)
const gzText = gz.toString('latin1')

const files = {
  'p.html': page,
  'p.txt': page,
  'p.css': page,
  'short.html': 'short',
  'twenty.html': 'x'.repeat(20),
  'nineteen.html': 'x'.repeat(19),
  'empty.html': '',
  'big.html': page.repeat(300),
}

const packed = 'Accept-Encoding: gzip\r\n'

function of(name: string, server: string, ...requests: string[]): Case {
  return { name, server: `${types} gzip on; ${server}`, files, requests }
}

/** The same request with different fields. */
const asked = (...fields: string[]): string[] => fields.map((field) => get('/p.html', field))

const accepts = (...values: string[]): string[] =>
  asked(...values.map((value) => `Accept-Encoding: ${value}\r\n`))

/** What another server answers is packed too. */
function proxied(name: string, server: string, fields: string, ...requests: string[]): Case {
  return {
    name,
    server: `gzip on; location / { proxy_pass http://{upstream}; ${server} }`,
    upstream: { '*': reply(page, `Content-Type: text/html\r\n${fields}`) },
    requests,
  }
}

const via = `${packed}Via: 1.1 proxy\r\n`

/** Which answers to a proxy are packed. */
function through(kind: string, ...responseFields: string[]): Case[] {
  return responseFields.map((fields, i) =>
    proxied(`gzip_proxied ${kind}, ${i}`, `gzip_proxied ${kind};`, fields, get('/', via)),
  )
}

const past = 'Expires: Thu, 01 Jan 2015 00:00:00 GMT\r\n'
const future = 'Expires: Thu, 01 Jan 2099 00:00:00 GMT\r\n'
const control = (value: string): string => `Cache-Control: ${value}\r\n`

const bothFiles = { ...files, 'p.html.gz': gz, 'only.html.gz': gz, 'dir.html.gz/x': '' }

function unpacked(name: string, server: string, ...requests: string[]): Case {
  const upstream = {
    '*': reply(gzText, 'Content-Type: text/html\r\nContent-Encoding: gzip\r\nETag: "e"\r\n'),
  }
  return {
    name,
    server: `location / { proxy_pass http://{upstream}; ${server} }`,
    upstream,
    requests,
  }
}

function refuses(...lines: string[]): Case[] {
  return lines.map((server) => ({ name: `refused: ${server}`, server, refused: true }))
}

export const cases: readonly Case[] = [
  of('a page', '', get('/p.html', packed), get('/p.html'), get('/p.html', packed, 'HEAD')),
  of('a large page', '', get('/big.html', packed)),
  of('an empty page', '', get('/empty.html', packed)),
  of('other types', '', get('/p.txt', packed), get('/p.css', packed)),
  of(
    'gzip_types',
    'gzip_types text/css;',
    get('/p.txt', packed),
    get('/p.css', packed),
    get('/p.html', packed),
  ),
  of('gzip_types of all', 'gzip_types *;', get('/p.txt', packed), get('/p.css', packed)),
  of('gzip_types in capitals', 'gzip_types Text/CSS;', get('/p.css', packed)),
  of(
    'the least length',
    '',
    ...['/short', '/nineteen', '/twenty'].map((p) => get(`${p}.html`, packed)),
  ),
  of('gzip_min_length', 'gzip_min_length 1k;', get('/twenty.html', packed), get('/p.html', packed)),
  of(
    'gzip_min_length 0',
    'gzip_min_length 0;',
    get('/short.html', packed),
    get('/empty.html', packed),
  ),
  of(
    'gzip_vary',
    'gzip_vary on;',
    get('/p.html', packed),
    get('/p.html'),
    get('/p.txt'),
    get('/short.html'),
  ),
  of('gzip_vary and HEAD', 'gzip_vary on;', get('/p.html', packed, 'HEAD')),
  of('gzip_vary and 304', 'gzip_vary on;', get('/p.html', `${packed}If-None-Match: *\r\n`)),
  of('levels', 'gzip_comp_level 9;', get('/big.html', packed)),
  of('a small window', 'gzip_window 1k; gzip_hash 512;', get('/big.html', packed)),
  of('no range of what is packed', '', get('/p.html', `${packed}Range: bytes=0-9\r\n`)),
  of('a range of what is not packed', '', get('/p.html', 'Range: bytes=0-9\r\n')),
  of('a range of another type', '', get('/p.txt', `${packed}Range: bytes=0-9\r\n`)),
  of('a weak tag', '', get('/p.html', `${packed}If-None-Match: "x"\r\n`)),
  of('an error page', '', get('/nothing', packed), get('/p.html/x', packed)),
  of(
    'return',
    'location = /r { return 200 "a text that is long enough\\n"; default_type text/html; }',
    get('/r', packed),
  ),
  of(
    'return of a redirect',
    'location = /r { return 302 /elsewhere/and/far/away; }',
    get('/r', packed),
  ),
  ...[201, 206, 400, 403, 404, 410, 500].map((status) =>
    of(
      `status ${status}`,
      `default_type text/html; location / { return ${status} "a text that is long enough\\n"; }`,
      get('/', packed),
    ),
  ),
  of('with a charset', 'charset utf-8;', get('/p.html', packed)),
  of('HTTP/1.0', '', `GET /p.html HTTP/1.0\r\n${packed}\r\n`),
  of(
    'gzip_http_version 1.0',
    'gzip_http_version 1.0;',
    `GET /p.html HTTP/1.0\r\n${packed}\r\n`,
    get('/p.html', packed),
  ),
  of('gzip off in a location', 'location /p.html { gzip off; }', get('/p.html', packed)),

  of(
    'Accept-Encoding',
    '',
    ...accepts('gzip', 'GZIP', 'deflate, gzip', 'gzip,deflate', 'gzip, br'),
  ),
  of(
    'Accept-Encoding that says no',
    '',
    ...accepts('', 'deflate', 'gzip;q=0', 'gzip;q=0.0', 'identity, gzip; q=0.000'),
  ),
  of(
    'Accept-Encoding with weights',
    '',
    ...accepts('gzip;q=1', 'gzip;q=1.0', 'gzip;q=0.001', 'gzip; q=0.5', 'gzip ; q=1.000'),
  ),
  of(
    'Accept-Encoding with bad weights',
    '',
    ...accepts('gzip;q=2', 'gzip;q=1.1', 'gzip;q=0.0001', 'gzip;q=x', 'gzip;q='),
  ),
  of(
    'Accept-Encoding of other names',
    '',
    ...accepts('xgzip', 'gzipx', 'x-gzip', 'x, gzipped', '*', 'gz'),
  ),
  of('Accept-Encoding twice', '', ...asked('Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n')),

  of(
    'gzip_disable',
    'gzip_disable "Old.*Browser";',
    ...asked(`${packed}User-Agent: old grey browser\r\n`, `${packed}User-Agent: new\r\n`, packed),
  ),
  of(
    'gzip_disable twice',
    'gzip_disable one two;',
    ...asked(...['one', 'two', 'three'].map((a) => `${packed}User-Agent: ${a}\r\n`)),
  ),
  of(
    'gzip_disable msie6',
    'gzip_disable msie6;',
    ...asked(
      ...[
        'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)',
        'Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)',
        'Mozilla/4.0 (compatible; MSIE 5.5; Windows 98)',
        'Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1)',
        'Mozilla/4.0 (compatible; MSIE 6.0; X11; Linux; en) Opera 8.02',
      ].map((agent) => `${packed}User-Agent: ${agent}\r\n`),
    ),
  ),

  proxied(
    'a page of another server',
    '',
    'ETag: "e"\r\nLast-Modified: Fri, 02 Jan 2026 03:04:05 GMT\r\n',
    get('/', packed),
    get('/'),
  ),
  proxied('a weak tag of another server', '', 'ETag: W/"e"\r\n', get('/', packed)),
  proxied('a tag without quotes', '', 'ETag: e\r\n', get('/', packed)),
  proxied('what is packed already', 'gzip_vary on;', 'Content-Encoding: br\r\n', get('/', packed)),
  proxied('for a proxy', '', '', get('/', via)),
  ...through('any', '', past, control('private')),
  ...through('expired', past, future, '', 'Expires: never\r\n'),
  ...through(
    'no-cache',
    control('no-cache'),
    control('no-store'),
    '',
    control('max-age=1, No-Cache'),
  ),
  ...through('no-store private', control('no-store'), control('private'), control('public')),
  ...through('no_last_modified', '', 'Last-Modified: Fri, 02 Jan 2026 03:04:05 GMT\r\n'),
  ...through('no_etag', '', 'ETag: "e"\r\n'),
  ...through(
    'expired no-cache no-store private no_last_modified no_etag',
    '',
    past,
    'ETag: "e"\r\n',
    control('public'),
  ),
  proxied(
    'gzip_proxied auth',
    'gzip_proxied auth;',
    '',
    get('/', `${via}Authorization: Basic eA==\r\n`),
    get('/', via),
  ),
  {
    name: 'the ratio in the log',
    server: `${types} gzip on;`,
    files,
    accessLog: '$uri $gzip_ratio',
    requests: [get('/p.txt'), get('/short.html', packed)],
  },

  {
    name: 'gzip_static',
    server: `${types} gzip_static on;`,
    files: bothFiles,
    requests: [
      get('/p.html', packed),
      get('/p.html'),
      get('/p.txt', packed),
      get('/only.html', packed),
      get('/only.html'),
      get('/p.html', packed, 'HEAD'),
    ],
  },
  {
    name: 'gzip_static always',
    server: `${types} gzip_static always;`,
    files: bothFiles,
    requests: [get('/p.html', packed), get('/p.html'), get('/only.html'), get('/dir.html')],
  },
  {
    name: 'gzip_static and Vary',
    server: `${types} gzip_static on; gzip_vary on;`,
    files: bothFiles,
    requests: [get('/p.html', packed), get('/p.html'), get('/p.txt')],
  },
  {
    name: 'gzip_static and ranges',
    server: `${types} gzip_static on;`,
    files: bothFiles,
    requests: [
      get('/p.html', `${packed}Range: bytes=0-9\r\n`),
      get('/p.html', `${packed}If-None-Match: *\r\n`),
    ],
  },
  {
    name: 'gzip_static of folders',
    server: `${types} gzip_static on;`,
    files: { ...bothFiles, 'd/index.html': page, 'd/index.html.gz': gz },
    requests: [get('/d/', packed), get('/dir.html', packed), get('/d', packed)],
  },

  unpacked('gunzip', 'gunzip on;', get('/'), get('/', packed), get('/', '', 'HEAD')),
  unpacked('gunzip and Vary', 'gunzip on; gzip_vary on;', get('/'), get('/', packed)),
  unpacked('no gunzip', '', get('/')),
  {
    name: 'gunzip of files',
    server: `${types} gzip_static always; gunzip on;`,
    files: { ...bothFiles, 'big.html.gz': gzipSync('x'.repeat(3_000_000)) },
    requests: [get('/p.html'), get('/p.html', packed), get('/big.html')],
  },
  {
    name: 'gunzip of two members',
    server: 'location / { proxy_pass http://{upstream}; gunzip on; }',
    upstream: {
      '*': reply(gzText + gzText, 'Content-Type: text/html\r\nContent-Encoding: gzip\r\n'),
    },
    requests: [get('/')],
  },
  ...refuses(
    'gzip_comp_level 0;',
    'gzip_comp_level 10;',
    'gzip_comp_level x;',
    'gzip_window 3k;',
    'gzip_window 64k;',
    'gzip_hash 3k;',
    'gzip_hash 256k;',
    'gzip_buffers 0 1k;',
    'gzip_buffers 4 x;',
    'gzip_proxied sometimes;',
    'gzip_http_version 2;',
    'gzip_vary maybe;',
    'gzip_min_length x;',
    'gzip_static maybe;',
    'gunzip maybe;',
    'gunzip_buffers 0 0;',
  ),
]
