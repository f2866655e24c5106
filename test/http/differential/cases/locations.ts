/** Which location serves a path. */
import { type Case, get } from '../case.ts'

const say = (name: string): string => `return 200 "${name} $uri";`
const all = (...targets: string[]): string[] => targets.map((target) => get(target))

export const cases: readonly Case[] = [
  {
    name: 'the longest prefix wins',
    server: `location / { ${say('/')} } location /a { ${say('/a')} } location /a/b { ${say('/a/b')} } location /a/b/c/ { ${say('/a/b/c/')} }`,
    requests: all(
      '/',
      '/a',
      '/ab',
      '/a/',
      '/a/b',
      '/a/bc',
      '/a/b/c',
      '/a/b/c/',
      '/a/b/c/d',
      '/b',
      '/A',
    ),
  },
  {
    name: 'exact before all',
    server: `location = / { ${say('= /')} } location / { ${say('/')} } location = /a { ${say('= /a')} } location ~ a { ${say('~ a')} }`,
    requests: all('/', '/?x', '/a', '/a/', '/a?b', '/b', '//', '/%61'),
  },
  {
    name: 'regular expressions in order',
    server: `location / { ${say('/')} } location ~ \\.php$ { ${say('php')} } location ~ ^/a { ${say('^/a')} } location ~* \\.PNG$ { ${say('png')} }`,
    requests: all('/x.php', '/a.php', '/a', '/x.png', '/x.PNG', '/X.PHP', '/b'),
  },
  {
    name: 'a prefix that stops regular expressions',
    server: `location / { ${say('/')} } location ^~ /s/ { ${say('^~ /s/')} } location /s/t { ${say('/s/t')} } location ~ \\.x$ { ${say('~ x')} }`,
    requests: all('/s/a.x', '/s/t.x', '/s/t', '/a.x', '/s', '/s/'),
  },
  {
    name: 'regular expressions see the decoded path',
    server: `location / { ${say('/')} } location ~ "^/a b$" { ${say('blank')} } location ~ é { ${say('accent')} }`,
    requests: all('/a%20b', '/%C3%A9', '/a+b'),
  },
  {
    name: 'captures by number and by name',
    server:
      'location ~ ^/(?<year>\\d+)/(\\w+)$ { return 200 "$year $1 $2"; } location / { return 200 "none <$1>"; }',
    requests: all('/2026/nov', '/2026/', '/x'),
  },
  {
    name: 'captures end with the next regular expression that matches',
    server:
      'location ~ ^/(a)(b)?$ { if ($arg_x ~ (.)) { return 200 "<$1><$2>"; } return 200 "[$1][$2]"; }',
    requests: all('/ab', '/a', '/ab?x=z'),
  },
  {
    name: 'nested prefixes',
    server: `location /a/ { ${say('/a/')} location /a/b/ { ${say('/a/b/')} location = /a/b/c { ${say('= /a/b/c')} } } }`,
    requests: all('/a/', '/a/b/', '/a/b/c', '/a/b/cd', '/a/x', '/b'),
  },
  {
    name: 'nested regular expressions come before outer ones',
    server: `location /a/ { location ~ x { ${say('inner')} } ${say('/a/')} } location ~ x { ${say('outer')} }`,
    requests: all('/a/x', '/a/y', '/b/x'),
  },
  {
    name: 'a regular expression within a regular expression',
    server: `location ~ ^/a { location ~ \\.x$ { ${say('a x')} } ${say('a')} }`,
    requests: all('/a.x', '/a', '/b.x'),
  },
  {
    name: 'a nested location outside its parent',
    server: 'location /a/ { location /b/ { return 200; } }',
    refused: true,
  },
  {
    name: 'a nested location within an exact one',
    server: 'location = /a { location /a/b { return 200; } }',
    refused: true,
  },
  {
    name: 'a nested named location',
    server: 'location /a { location @b { return 200; } }',
    refused: true,
  },
  {
    name: 'the same location twice',
    server: 'location /a { return 200; } location /a { return 201; }',
    refused: true,
  },
  {
    name: 'the same exact location twice',
    server: 'location = /a { return 200; } location = /a { return 201; }',
    refused: true,
  },
  {
    name: 'the same named location twice',
    server: 'location @a { return 200; } location @a { return 201; }',
    difference: {
      why: 'nginx uses the first and does not say so',
      ours: /^refused: duplicate location/,
    },
  },
  { name: 'an invalid modifier', server: 'location ~~ /a { return 200; }', refused: true },
  {
    name: 'a broken regular expression is refused by each',
    server: 'location ~ "(" { return 200; }',
    difference: { why: 'JavaScript words', ours: /^refused: / },
  },
  {
    name: 'the same path exact and as a prefix',
    server: `location = /a { ${say('=')} } location /a { ${say('prefix')} } location ^~ /b { ${say('^~')} } location = /b { ${say('= /b')} }`,
    requests: all('/a', '/a/', '/ab', '/b', '/b/'),
  },
  {
    name: 'a modifier without a space',
    server: `location =/a { ${say('=/a')} } location ~^/b { ${say('~^/b')} } location ^~/c { ${say('^~/c')} } location ~*^/D { ${say('~*')} }`,
    requests: all('/a', '/a/', '/bb', '/c/x', '/d', '/e'),
  },
  {
    name: 'a location with a prefix that is no path',
    server: `location a { ${say('a')} } location / { ${say('/')} }`,
    requests: all('/a', '/'),
  },
  {
    name: 'no location fits',
    server: `location /a { ${say('/a')} }`,
    requests: all('/b', '/', '/a'),
  },
  {
    name: 'a location with a quoted path',
    server: `location "/a b" { ${say('blank')} }`,
    requests: all('/a%20b/c', '/a'),
  },
  {
    name: 'matching is done on merged slashes',
    server: `location /a/b { ${say('/a/b')} } location / { ${say('/')} }`,
    requests: all('//a///b', '/a/./b', '/x/../a/b', '/%61/b'),
  },
  {
    name: 'matching without merging',
    server: `merge_slashes off; location /a/b { ${say('/a/b')} } location / { ${say('/')} }`,
    requests: all('//a/b', '/a//b', '/a/b'),
  },
  {
    name: 'internal is not to be had from outside',
    server: `location /in { internal; ${say('in')} } location / { error_page 404 /in/page; return 404; }`,
    requests: all('/in', '/x'),
  },
  {
    name: 'a named location by error_page',
    server: `location / { error_page 404 = @named; return 404; } location @named { return 200 "named $uri $args"; }`,
    requests: all('/a?b', '/b'),
  },
  {
    name: 'a named location that is not there',
    server: 'location / { error_page 404 = @missing; return 404; }',
    requests: all('/a'),
    errorLog: 'error',
  },
  {
    name: 'try_files to a named location',
    server: 'location / { try_files $uri @named; } location @named { return 200 "named $uri"; }',
    files: { 'a.txt': 'file' },
    requests: all('/a.txt', '/b.txt'),
  },
  {
    name: 'try_files with directories and a status',
    server: 'location / { try_files $uri $uri/ =418; }',
    files: { 'a.txt': 'file', 'd/index.html': 'index', 'e/x': 'x' },
    requests: all('/a.txt', '/d/', '/d', '/e/', '/f'),
  },
  {
    name: 'try_files to another URI',
    server:
      'location / { try_files $uri /fallback?a=$uri; } location /fallback { return 200 "fallback $uri $args"; }',
    files: { 'a.txt': 'file' },
    requests: all('/a.txt', '/b?c=d', '/b'),
  },
  {
    name: 'the longest prefix decides among many',
    server: Array.from({ length: 60 }, (_, i) => `location /p${i} { ${say(`p${i}`)} }`).join('\n'),
    requests: all('/p1', '/p11', '/p59', '/p5', '/p60', '/p', '/p0/x', '/p591'),
  },
  {
    name: 'prefixes that share beginnings',
    server: ['/abc', '/ab', '/abcd', '/b', '/abce/', '/a/']
      .map((p) => `location ${p} { ${say(p)} }`)
      .join('\n'),
    requests: all(
      '/a',
      '/a/',
      '/ab',
      '/abc',
      '/abcd',
      '/abce',
      '/abce/',
      '/abcf',
      '/abcdefg',
      '/b',
      '/ba',
    ),
  },
  {
    name: 'a directory is completed with a slash',
    server: 'absolute_redirect off;',
    files: { 'd/index.html': 'index' },
    requests: all('/d', '/d?x=y', '/d/', '/d%20'),
  },
  {
    name: 'a directory is completed with host and port',
    server: '',
    files: { 'd/index.html': 'index' },
    requests: [
      get('/d'),
      'GET /d HTTP/1.1\r\nHost: other.test:99\r\n\r\n',
      'GET /d HTTP/1.0\r\n\r\n',
    ],
  },
  {
    name: 'port_in_redirect off',
    server: 'port_in_redirect off;',
    files: { 'd/index.html': 'index' },
    requests: all('/d'),
  },
  {
    name: 'server_name_in_redirect on',
    server: 'server_name_in_redirect on; server_name named.test other.test;',
    files: { 'd/index.html': 'index' },
    requests: all('/d'),
  },
  {
    name: 'return with a path becomes absolute',
    server:
      'location /a { return 301 /b; } location /c { return 302 "d e"; } location /f { return 307 http://x.test/g; }',
    requests: all('/a', '/c', '/f'),
  },
  {
    name: 'return with a path stays relative',
    server:
      'absolute_redirect off; location /a { return 301 /b?$args; } location /c { return 303 $request_uri; }',
    requests: all('/a?x=y', '/c?d'),
  },
  {
    name: 'return with a URL alone',
    server: 'location /a { return http://x.test/$uri; } location /b { return https://y.test; }',
    requests: all('/a', '/b'),
  },
  {
    name: 'return of 308',
    server: 'location / { return 308 https://$host$request_uri; }',
    requests: all('/a?b'),
  },
  {
    name: 'alias of a prefix',
    server: 'location /x/ { alias {root}/real/; } location /y { alias {root}/real; }',
    files: { 'real/a.txt': 'a', 'real/index.html': 'index' },
    requests: all('/x/a.txt', '/x/', '/x/b', '/y/a.txt', '/y', '/y/'),
  },
  {
    name: 'alias with captures',
    server: 'location ~ ^/u/(\\w+)/(.*)$ { alias {root}/users/$1/pub/$2; }',
    files: { 'users/ann/pub/a.txt': 'ann' },
    requests: all('/u/ann/a.txt', '/u/bob/a.txt'),
  },
  {
    name: 'alias of an exact location',
    server: 'location = /one { alias {root}/real.txt; }',
    files: { 'real.txt': 'real' },
    requests: all('/one', '/one/'),
  },
  {
    name: 'root by location',
    server: 'location /a { root {root}/one; } location / { root {root}/two; }',
    files: { 'one/a/f.txt': 'one', 'two/f.txt': 'two' },
    requests: all('/a/f.txt', '/f.txt'),
  },
  {
    name: 'root with variables',
    server: 'location / { root {root}/$arg_site; }',
    files: { 's1/f.txt': 'one', 's2/f.txt': 'two' },
    requests: all('/f.txt?site=s1', '/f.txt?site=s2', '/f.txt?site=s3'),
  },
]
