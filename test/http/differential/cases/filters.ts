/** What is done to bodies on their way: other texts, other characters, additions. */
import { type Case, get, reply } from '../case.ts'

const types = 'types { text/html html; text/plain txt; text/css css; }'
const page = '<html><head></head><body>One two ONE one</body></html>\n'

const files = {
  'p.html': page,
  'p.txt': page,
  'p.css': page,
  'empty.html': '',
  'long.html': `${'abcde'.repeat(30_000)}NEEDLE${'abcde'.repeat(30_000)}`,
  'before.txt': '[before]',
  'after.txt': '[after]',
  'big.txt': 'big '.repeat(100_000),
}

function of(name: string, server: string, ...requests: string[]): Case {
  return { name, server: `${types} ${server}`, files, requests }
}

const sub = (name: string, directives: string, ...requests: string[]): Case =>
  of(`sub_filter: ${name}`, directives, ...(requests.length > 0 ? requests : [get('/p.html')]))

/** A body that arrives in pieces. */
function pieces(name: string, directives: string, ...parts: string[]): Case {
  return {
    name: `sub_filter over pieces: ${name}`,
    server: `location / { proxy_pass http://{upstream}; proxy_buffering off; ${directives} }`,
    upstream: {
      '*': [
        'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n',
        ...parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`),
        '0\r\n\r\n',
      ].join(''),
    },
    requests: [get('/')],
  }
}

const maps = `
  charset_map {id}-latin utf-8 { A4 E282AC; E4 C3A4; FF C3BF; }
  charset_map {id}-koi {id}-latin { C1 E4; 80 81; }`
const latin = 'a\xa4b\xe4\xff \x80'
const utf8 = 'a\u20acb\u00e4\u00ff\u0080 \u{1f600}'
const broken = '\xe2\x82 \xff\xc3 \xe4\xb8\xad \xe2\x82'

function charset(name: string, directives: string, ...requests: string[]): Case {
  return {
    name: `charset: ${name}`,
    http: maps,
    server: `location / { proxy_pass http://{upstream}; ${directives} }`,
    upstream: {
      '/latin': reply(latin, 'Content-Type: text/html\r\nETag: "e"\r\n'),
      '/utf8': reply(Buffer.from(utf8).toString('latin1'), 'Content-Type: text/html\r\n'),
      '/broken': reply(broken, 'Content-Type: text/html\r\n'),
      '/named': reply(latin, 'Content-Type: text/html; charset=koi8-r\r\n'),
      '/quoted': reply(latin, 'Content-Type: text/html; charset="koi8-r"\r\n'),
      '/css': reply(latin, 'Content-Type: text/css\r\n'),
      '/none': reply(latin, ''),
    },
    requests,
  }
}

/** Parts of what another server sends. */
function forced(name: string, directives: string, ...requests: string[]): Case {
  const body = '0123456789abcdefghijklmnopqrstuvwxyz'
  const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n24\r\n${body}\r\n0\r\n\r\n`
  return {
    name: `proxy_force_ranges: ${name}`,
    server: `location / { proxy_pass http://{upstream}; ${directives} }`,
    upstream: {
      '/chunked': chunked,
      '/error': reply(body, '', '404 Not Found'),
      '/long': reply('x'.repeat(300_000), ''),
      '*': reply(body, 'ETag: "e"\r\nLast-Modified: Fri, 02 Jan 2026 03:04:05 GMT\r\n'),
    },
    requests,
  }
}

const part = (target: string, range: string, fields = '', method = 'GET'): string =>
  get(target, `Range: bytes=${range}\r\n${fields}`, method)

const added = 'location = /b { return 200 "[b $uri]"; } location = /a { return 200 "[a]"; }'

function addition(name: string, directives: string, ...requests: string[]): Case {
  return of(
    `addition: ${name}`,
    `${added} location / { ${directives} }`,
    ...(requests.length > 0 ? requests : [get('/p.html')]),
  )
}

export const cases: readonly Case[] = [
  sub('one text', 'sub_filter "two" "three";'),
  sub('once', 'sub_filter one X;'),
  sub('everywhere', 'sub_filter one X; sub_filter_once off;'),
  sub('in any case', 'sub_filter oNe X; sub_filter_once off;'),
  sub('several', 'sub_filter one X; sub_filter two Y; sub_filter_once off;'),
  sub('several, once', 'sub_filter one X; sub_filter two Y; sub_filter body BODY;'),
  sub('the same twice', 'sub_filter one X; sub_filter one Y;'),
  sub('the same twice, everywhere', 'sub_filter one X; sub_filter one Y; sub_filter_once off;'),
  sub('one within the other', 'sub_filter ne X; sub_filter one Y; sub_filter_once off;'),
  sub('one the beginning of the other', 'sub_filter on X; sub_filter one Y; sub_filter_once off;'),
  sub('the longer one first', 'sub_filter one Y; sub_filter on X; sub_filter_once off;'),
  sub('one letter', 'sub_filter o X; sub_filter_once off;'),
  sub('replaced by nothing', 'sub_filter one ""; sub_filter_once off;'),
  sub('the end of a tag', 'sub_filter "</head>" "<script></script></head>";'),
  sub('the very end', 'sub_filter "</html>\n" "!";'),
  sub('the very beginning', 'sub_filter "<html>" "!";'),
  sub('not there', 'sub_filter nothing X;'),
  sub('a variable as replacement', 'sub_filter one "$uri?$args";', get('/p.html?a=b')),
  sub(
    'a variable as text',
    'sub_filter $arg_t X; sub_filter two Y;',
    get('/p.html?t=one'),
    get('/p.html'),
  ),
  sub('signs of expressions', 'sub_filter "</body>" "$1.*[]";'),
  sub('other types', 'sub_filter one X;', get('/p.txt'), get('/p.css')),
  sub(
    'sub_filter_types',
    'sub_filter one X; sub_filter_types text/css;',
    get('/p.css'),
    get('/p.txt'),
    get('/p.html'),
  ),
  sub('all types', 'sub_filter one X; sub_filter_types *;', get('/p.css')),
  sub('sub_filter_last_modified', 'sub_filter one X; sub_filter_last_modified on;'),
  sub('HEAD', 'sub_filter one X;', get('/p.html', '', 'HEAD')),
  sub('an empty body', 'sub_filter one X;', get('/empty.html')),
  sub('a long body', 'sub_filter needle X;', get('/long.html')),
  sub('a long body, everywhere', 'sub_filter cdea "-"; sub_filter_once off;', get('/long.html')),
  sub('a range', 'sub_filter one X;', get('/p.html', 'Range: bytes=0-9\r\n')),
  sub(
    'what is not modified',
    'sub_filter one X;',
    get('/p.html', 'If-None-Match: "695735a5-37"\r\n'),
  ),
  sub('an error page', 'sub_filter "Not Found" "Nowhere";', get('/nothing')),
  sub('an inner block has its own', 'sub_filter one X; location / { sub_filter two Y; }'),
  sub('an inner block has the outer', 'sub_filter one X; location / { sub_filter_once off; }'),
  sub('with gzip', 'sub_filter one X; gzip on;', get('/p.html', 'Accept-Encoding: gzip\r\n')),
  pieces('a text is cut', 'sub_filter needle X;', 'before nee', 'dle after'),
  pieces('in single bytes', 'sub_filter needle X;', ...'a needle b'.split('')),
  pieces('a beginning that comes to nothing', 'sub_filter needle X;', 'need', 'ed needl'),
  pieces('two candidates', 'sub_filter aab X; sub_filter_once off;', 'aa', 'aab', 'aaab'),
  pieces(
    'several texts',
    'sub_filter abcd X; sub_filter bc Y; sub_filter_once off;',
    'ab',
    'c',
    'd abce',
  ),
  { name: 'sub_filter of nothing', server: 'sub_filter "" x;', refused: true },
  { name: 'sub_filter without a replacement', server: 'sub_filter x;', refused: true },

  charset('named only', 'charset utf-8;', get('/latin'), get('/css'), get('/named'), get('/none')),
  charset('charset_types', 'charset utf-8; charset_types text/css;', get('/css'), get('/latin')),
  charset('off', 'charset off;', get('/latin')),
  charset(
    'to UTF-8',
    'source_charset {id}-latin; charset utf-8;',
    get('/latin'),
    get('/latin', '', 'HEAD'),
  ),
  charset('from UTF-8', 'source_charset utf-8; charset {id}-latin;', get('/utf8')),
  {
    ...charset('from broken UTF-8', 'source_charset utf-8; charset {id}-latin;', get('/broken')),
    difference: {
      why: 'nginx swallows the byte behind a character that is cut off, be it a "<"',
      ours: /\? \?\? &#20013; $/m,
    },
  },
  charset('byte by byte', 'source_charset {id}-latin; charset {id}-koi;', get('/latin')),
  charset('byte by byte, back', 'source_charset {id}-koi; charset {id}-latin;', get('/latin')),
  charset('the same', 'source_charset UTF-8; charset utf-8;', get('/latin')),
  charset(
    'by a variable',
    'source_charset utf-8; charset $arg_c;',
    get('/utf8?c={id}-latin'),
    get('/utf8?c=unknown'),
  ),
  charset(
    'override_charset',
    'override_charset on; charset {id}-latin;',
    get('/named'),
    get('/latin'),
  ),
  charset('a name in quotes', 'charset utf-8;', get('/quoted')),
  charset('a redirect', 'charset utf-8; return 301 /x;', get('/')),
  charset('an error', 'charset utf-8; default_type text/html; return 404;', get('/')),
  charset(
    'a map that is not there',
    'source_charset {id}-latin; charset utf-8; override_charset on;',
    get('/named'),
  ),
  { name: 'charset_map of one set', http: 'charset_map a a { 80 81; }', refused: true, server: '' },
  {
    name: 'charset_map with a bad byte',
    http: 'charset_map {id}a {id}b { xx 81; }',
    refused: true,
    server: '',
  },
  { name: 'override_charset maybe', server: 'override_charset maybe;', refused: true },

  forced('off', '', part('/a', '0-9')),
  forced(
    'one part',
    'proxy_force_ranges on;',
    part('/a', '0-9'),
    part('/a', '5-'),
    part('/a', '-3'),
  ),
  forced('the last byte', 'proxy_force_ranges on;', part('/a', '35-35'), part('/a', '35-99')),
  forced('several parts', 'proxy_force_ranges on;', part('/a', '0-1,4-5')),
  forced('none that is there', 'proxy_force_ranges on;', part('/a', '99-')),
  forced('HEAD', 'proxy_force_ranges on;', part('/a', '0-9', '', 'HEAD'), get('/a', '', 'HEAD')),
  forced('no length', 'proxy_force_ranges on;', part('/chunked', '0-9')),
  forced('an error', 'proxy_force_ranges on;', part('/error', '0-9')),
  forced('a long body', 'proxy_force_ranges on;', part('/long', '100000-250000'), get('/long')),
  forced(
    'If-Range',
    'proxy_force_ranges on;',
    part('/a', '0-9', 'If-Range: "e"\r\n'),
    part('/a', '0-9', 'If-Range: "x"\r\n'),
    part('/a', '0-9', 'If-Range: Fri, 02 Jan 2026 03:04:05 GMT\r\n'),
  ),
  forced('max_ranges 0', 'proxy_force_ranges on; max_ranges 0;', part('/a', '0-9')),
  forced('unbuffered', 'proxy_force_ranges on; proxy_buffering off;', part('/a', '5-9')),
  forced(
    'gzip',
    'proxy_force_ranges on; gzip on; gzip_types *;',
    part('/a', '5-9', 'Accept-Encoding: gzip\r\n'),
  ),
  forced(
    'what the client has',
    '',
    get('/a', 'If-None-Match: "e"\r\n'),
    get('/a', 'If-Modified-Since: Fri, 02 Jan 2026 03:04:05 GMT\r\n'),
  ),

  addition('before', 'add_before_body /b;'),
  addition('after', 'add_after_body /a;'),
  addition('both', 'add_before_body /b; add_after_body /a;'),
  addition('files', 'add_before_body /before.txt; add_after_body /after.txt;'),
  addition('a large file', 'add_before_body /big.txt; add_after_body /big.txt;'),
  addition('other types', 'add_before_body /b;', get('/p.txt'), get('/p.css')),
  addition('addition_types', 'add_before_body /b; addition_types text/css;', get('/p.css')),
  addition('all types', 'add_before_body /b; addition_types *;', get('/p.txt')),
  addition('HEAD', 'add_before_body /b;', get('/p.html', '', 'HEAD')),
  addition('an empty body', 'add_before_body /b; add_after_body /a;', get('/empty.html')),
  addition('an error', 'add_before_body /b;', get('/nothing')),
  addition('a range', 'add_after_body /a;', get('/p.html', 'Range: bytes=0-9\r\n')),
  addition('what is not there', 'add_after_body /nothing;'),
  addition(
    'gzip',
    'gzip on; add_before_body /b; add_after_body /a;',
    get('/p.html', 'Accept-Encoding: gzip\r\n'),
  ),
  addition(
    'sub_filter',
    'sub_filter one X; sub_filter_once off; add_before_body /b; add_after_body /a;',
  ),
  addition(
    'of another server',
    'add_before_body /b; add_after_body /up; } location /up { proxy_pass http://127.0.0.1:1;',
  ),
  {
    name: 'addition around another server',
    server: `${added} location / { proxy_pass http://{upstream}; add_before_body /b; add_after_body /up/x; }
      location /up/ { proxy_pass http://{upstream}; }`,
    upstream: { '*': reply('[proxied]', 'Content-Type: text/html\r\n') },
    requests: [get('/page')],
  },
]
