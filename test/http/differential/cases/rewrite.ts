/** `rewrite`, `if`, `set`, `break`, `return` and what they do to one another. */
import { type Case, get, post, reply } from '../case.ts'

const show = 'return 200 "uri=$uri args=$args is=$is_args request=$request_uri";'

/** Requests for those targets; all else is the server's. */
function ask(name: string, server: string, targets: readonly string[]): Case {
  return { name, server, requests: targets.map((target) => get(target)) }
}

const captureTargets = [
  '/x/a',
  '/x/a%20b',
  '/x/a+b',
  '/x/a%26b%3Dc',
  '/x/%C3%A9',
  '/x/',
  '/x/a?q=1',
  '/x/a%25b?q=%20',
]

/** Every printable sign that a decoded path may hold, escaped. */
const allSigns = Array.from({ length: 0x7f - 0x20 }, (_, i) => 0x20 + i)
  .filter((code) => code !== 0x2f && code !== 0x2e)
  .map((code) => `%${code.toString(16)}`)
  .join('')

const redirects: readonly Case[] = [
  ask('a whole URL redirects', 'rewrite ^/x/(.*)$ http://other/$1;', captureTargets),
  ask('a whole URL by https', 'rewrite ^/x/(.*)$ https://other/$1?a=b;', captureTargets),
  ask('$scheme at the beginning', 'rewrite ^/x/(.*)$ $scheme://other/$1?a=b?;', captureTargets),
  ask('redirect to a path', 'rewrite ^/x/(.*)$ /y/$1 redirect;', captureTargets),
  ask('permanent to a path', 'rewrite ^/x/(.*)$ /y/$1 permanent;', captureTargets),
  ask('permanent drops the query', 'rewrite ^/x/(.*)$ /y/$1? permanent;', captureTargets),
  ask('redirect with a query', 'rewrite ^/x/(.*)$ /y?p=$1 redirect;', captureTargets),
  ask('redirect with last named as well', 'rewrite ^/x/(.*)$ http://h/$1 last;', captureTargets),
  ask(
    'redirect with break named as well',
    'rewrite ^/x/(.*)$ http://h/$1 break; return 404;',
    captureTargets,
  ),
  ask('redirect by a variable', 'set $to /z; rewrite ^/x/ $to redirect;', ['/x/', '/x/?q']),
  ask('redirect with $uri', 'rewrite ^ http://h$uri redirect;', captureTargets),
  ask('redirect with $request_uri', 'rewrite ^ http://h$request_uri? redirect;', captureTargets),
  ask('redirect with $args', 'rewrite ^ http://h/?$args permanent;', captureTargets),
  ask('redirect without a slash', 'rewrite ^ y redirect;', ['/x/']),
  ask('redirect keeps escapes that are needed', 'rewrite ^/x/(.*) http://h/$1 redirect;', [
    `/x/${allSigns}`,
  ]),
  ask(
    'redirect with escapes of its own',
    'rewrite ^/x/(.*) http://h/%41%20%zz%2f%3f%41$1 redirect;',
    ['/x/a%20b'],
  ),
  ask('groups behind the "?" of a redirect', 'rewrite ^/x/(.*) http://h/?$1&%41 redirect;', [
    '/x/a%20b%3fc',
  ]),
  ask(
    'redirect in a location',
    'location /x/ { rewrite ^/x/(.*)$ /y/$1 permanent; }',
    captureTargets,
  ),
]

const paths: readonly Case[] = [
  ask(
    'last in a location',
    `location /x/ { rewrite ^/x/(.*)$ /y/$1 last; } location /y/ { ${show} }`,
    captureTargets,
  ),
  ask(
    'no flag in a location',
    `location /x/ { rewrite ^/x/(.*)$ /y/$1; } location /y/ { ${show} }`,
    captureTargets,
  ),
  ask(
    'break in a location',
    `location /x/ { rewrite ^/x/(.*)$ /y/$1 break; ${show} } location /y/ { return 404; }`,
    captureTargets,
  ),
  ask(
    'last in a server',
    `rewrite ^/x/(.*)$ /y/$1 last; rewrite ^ /never last; location /y/ { ${show} }`,
    captureTargets,
  ),
  ask(
    'break in a server',
    `rewrite ^/x/(.*)$ /y/$1 break; rewrite ^ /never last; location /y/ { ${show} }`,
    captureTargets,
  ),
  ask(
    'no flag in a server',
    `rewrite ^/x/(.*)$ /y/$1; rewrite ^/y/(.*)$ /z/$1; location /z/ { ${show} }`,
    captureTargets,
  ),
  ask('groups in the query', `rewrite ^/x/(.*)$ /y?p=$1; location /y { ${show} }`, captureTargets),
  ask(
    'groups in path and query',
    `rewrite ^/x/(.*)$ /y/$1?p=$1&z; location /y { ${show} }`,
    captureTargets,
  ),
  ask('groups twice', `rewrite ^/x/(.)(.*)$ /y/$2/$1/$2; location /y { ${show} }`, [
    '/x/ab',
    '/x/a%20b',
  ]),
  ask('the query is dropped', `rewrite ^/x/(.*)$ /y/$1?; location /y { ${show} }`, captureTargets),
  ask(
    'the query is replaced',
    `rewrite ^/x/(.*)$ /y/$1?a=1?; location /y { ${show} }`,
    captureTargets,
  ),
  ask('a query of one "?"', `rewrite ^/x/(.*)$ /y/$1??; location /y { ${show} }`, captureTargets),
  ask(
    'an empty variable as query',
    `set $none ""; rewrite ^/x/ /y?$none; location /y { ${show} }`,
    ['/x/', '/x/?q'],
  ),
  ask(
    'a "?" in a variable is none',
    `set $mark "?"; rewrite ^/x/ /y\${mark}z; location /y { ${show} }`,
    ['/x/', '/x/?q'],
  ),
  ask(
    'named groups',
    `rewrite ^/x/(?<name>.*)$ /y/$name?p=$name; location /y { return 200 "$uri $args $name"; }`,
    captureTargets,
  ),
  ask('no match changes nothing', `rewrite ^/nothing /y; location / { ${show} }`, ['/x/a%20b?q']),
  ask('not anchored', `rewrite x /y last; location / { ${show} }`, ['/axb', '/b']),
  ask('case counts', `rewrite ^/X /y last; location / { ${show} }`, ['/x', '/X']),
  ask('(?i) at the beginning', `rewrite (?i)^/X /y last; location / { ${show} }`, ['/x', '/X']),
  ask('without a slash', `location /x { rewrite ^ y break; ${show} }`, ['/x']),
  ask('nothing is left of it', `location /x { rewrite ^/x(.*) $1 break; ${show} }`, ['/x', '/x/a']),
  ask('a cycle is cut', 'location / { rewrite ^ /x last; }', ['/']),
  ask(
    'ten rounds are allowed',
    `location /a { rewrite ^/a(a*)$ /$1 last; } location = / { ${show} }`,
    ['/aaaaaaaaa', '/aaaaaaaaaa', '/aaaaaaaaaaa'],
  ),
  ask(
    'internal locations are open after it',
    `location /x { rewrite ^ /i last; } location /i { internal; ${show} }`,
    ['/x', '/i'],
  ),
  ask(
    'in a server it opens internal locations, too',
    `rewrite ^/x /i; location /i { internal; ${show} }`,
    ['/x', '/i'],
  ),
  ask('the path is escaped no more', `rewrite ^/x/(.*) /y/$1 last; location /y { ${show} }`, [
    `/x/${allSigns}`,
  ]),
  ask('the query is escaped', `rewrite ^/x/(.*) /y/?$1 last; location /y { ${show} }`, [
    `/x/${allSigns}`,
  ]),
  ask(
    'rewrite and then break',
    `location /x { rewrite ^/x(.*) /y$1; break; ${show} } location /y { return 201; }`,
    ['/x/a'],
  ),
  ask(
    'two rewrites, the second breaks',
    `location /x { rewrite ^/x(.*) /y$1; rewrite ^/y(.*) /z$1 break; ${show} }`,
    ['/x/a'],
  ),
  ask(
    'break first, then a script that is not run',
    `location /x { break; rewrite ^ /y last; ${show} }`,
    ['/x/a'],
  ),
  ask('files after break', 'location /x/ { rewrite ^/x/(.*) /files/$1 break; }', [
    '/x/a.txt',
    '/x/b.txt',
  ]),
].map((each) => ({ ...each, files: { 'files/a.txt': 'text of a' } }))

const groups: readonly Case[] = [
  ask(
    'set from a group of the location',
    'location ~ ^/x/(.*)$ { set $v $1; return 200 "$v|$1"; }',
    captureTargets,
  ),
  ask(
    'set from a group of an if',
    'location /x { if ($uri ~ ^/x/(.*)$) { set $v $1; } return 200 "$v|$1"; }',
    captureTargets,
  ),
  ask(
    'set from a group after a rewrite',
    'location /x { rewrite ^/x/(.*)$ /y/$1; set $v "<$1>"; return 200 "$v|$1"; }',
    captureTargets,
  ),
  ask(
    'set from a group after one that did not match',
    'location ~ ^/x/(.*)$ { rewrite ^/nothing/(.*)$ /y/$1; set $v "<$1>"; return 200 "$v|$1"; }',
    captureTargets,
  ),
  ask(
    'groups are gone where an if did not match',
    'location ~ ^/x/(.*)$ { if ($uri ~ nothing) { } return 200 "<$1>"; }',
    captureTargets,
  ),
  ask(
    'groups are gone where !~ matched',
    'location ~ ^/x/(.*)$ { if ($uri !~ nothing) { set $v $1; } return 200 "<$1> <$v>"; }',
    captureTargets,
  ),
  ask(
    'groups of an expression without any',
    'location ~ ^/x/(.*)$ { if ($uri ~ x) { } return 200 "<$1>"; }',
    captureTargets,
  ),
  ask(
    'groups that took no part',
    'location ~ ^/x/(?:(a)|(b))(c)?$ { return 200 "<$1><$2><$3>"; }',
    ['/x/a', '/x/b', '/x/bc'],
  ),
  ask(
    'nine groups',
    'location ~ (.)(.)(.)(.)(.)(.)(.)(.)(.)(.) { return 200 "$9$8$7$6$5$4$3$2$1$10"; }',
    ['/abcdefghij'],
  ),
  ask(
    'a named group of the location',
    'location ~ ^/x/(?<rest>.*)$ { return 200 "$rest|$1"; }',
    captureTargets,
  ),
  ask(
    'a named group of an if',
    'location / { if ($uri ~ ^/x/(?<part>.*)$) { return 200 "$part"; } return 200 "<$part>"; }',
    [...captureTargets, '/y'],
  ),
  ask(
    'a named group in (?P<>)',
    'location ~ ^/x/(?P<old>.*)$ { return 200 "$old"; }',
    captureTargets,
  ),
  ask('a group of a map', 'location ~ ^/x/(.*)$ { return 200 "$mapped{id}|$1"; }', [
    '/x/abc',
    '/x/zzz',
  ]),
].map((each) => ({
  ...each,
  server: each.server!.replace('$mapped{id}', '${mapped{id}}'),
  http: 'map $uri $mapped{id} { default none; ~/a(b) "$1"; }',
}))

const truths = ['"0"', '"00"', '""', '"1"', '" "', '"0.0"', 'a', '-1'] as const

function condition(name: string, text: string, targets: readonly string[]): Case {
  const yes = `if (${text}) { return 200 yes; } return 200 no;`
  return ask(name, `set $empty ""; set $a a; location / { ${yes} }`, targets)
}

const conditions: readonly Case[] = [
  ...truths.map((value) =>
    ask(
      `a variable of ${value}`,
      `set $v ${value}; location / { if ($v) { return 200 yes; } return 200 no; }`,
      ['/'],
    ),
  ),
  condition('equal', '$arg_a = b', ['/?a=b', '/?a=B', '/?a=', '/', '/?a=bb']),
  condition('equal to what is empty', '$arg_a = ""', ['/?a=b', '/?a=', '/']),
  condition('equal to a variable', '$arg_a = $a', ['/?a=a', '/?a=b']),
  condition('not equal', '$arg_a != b', ['/?a=b', '/?a=B', '/']),
  condition('not equal to a text with variables', '$arg_a != "x$a"', ['/?a=xa', '/?a=x']),
  condition('matches', '$arg_a ~ ^b+$', ['/?a=b', '/?a=bb', '/?a=B', '/']),
  condition('matches without regard to case', '$arg_a ~* ^b+$', ['/?a=b', '/?a=bB', '/?a=c', '/']),
  condition('does not match', '$arg_a !~ ^b+$', ['/?a=b', '/?a=B', '/']),
  condition('does not match without regard to case', '$arg_a !~* ^b+$', ['/?a=b', '/?a=B', '/']),
  condition('an expression in quotes', '$request_uri ~ "a{2}"', ['/?a=aa', '/?a=a']),
  condition('parentheses apart', ' $arg_a = b ', ['/?a=b', '/?a=c']),
  condition('the method', '$request_method = POST', ['/']),
  condition('an unknown field', '$http_nothing', ['/']),
  condition('an unknown field is empty', '$http_nothing = ""', ['/']),
  condition('a cookie', '$http_cookie ~* "id=([^;]+)(?:;|$)"', ['/']),
  ...['-f', '!-f', '-d', '!-d', '-e', '!-e', '-x', '!-x'].map((test): Case => ({
    ...condition(`${test} of files`, `${test} $request_filename`, [
      '/file',
      '/folder',
      '/folder/',
      '/absent',
      '/file/below',
      '/link',
      '/',
    ]),
    files: { file: 'x', 'folder/inner': 'y' },
  })),
]

const ifBlocks: readonly Case[] = [
  ask('return in an if of a server', `if ($arg_a) { return 403; } location / { ${show} }`, [
    '/?a=1',
    '/?a=0',
    '/',
  ]),
  ask(
    'rewrite last in an if of a server',
    `if ($arg_a) { rewrite ^ /y last; } rewrite ^ /z last; location / { ${show} }`,
    ['/x?a=1', '/x'],
  ),
  ask(
    'break in an if of a server',
    `if ($arg_a) { break; } rewrite ^ /z last; location / { ${show} }`,
    ['/x?a=1', '/x'],
  ),
  ask(
    'set in an if',
    'set $v 1; if ($arg_a) { set $v 2; } if ($arg_b) { set $v "$v$v"; } location / { return 200 $v; }',
    ['/', '/?a=1', '/?b=1', '/?a=1&b=1'],
  ),
  ask('the script goes on behind an if', `location / { if ($arg_a) { set $v x; } ${show} }`, [
    '/?a=1',
    '/',
  ]),
  ask(
    'settings of an if',
    'location / { expires 1d; if ($arg_a) { expires off; } return 200 x; }',
    ['/?a=1', '/'],
  ),
  ask(
    'of two blocks the last one counts',
    'location / { if ($arg_a) { add_header X a; } if ($arg_b) { add_header Y b; } return 200 x; }',
    ['/', '/?a=1', '/?b=1', '/?a=1&b=1'],
  ),
  ask(
    'add_header around an if is gone within',
    'location / { add_header Z z; if ($arg_a) { add_header X a; } if ($arg_b) { set $v 1; } return 200 x; }',
    ['/', '/?a=1', '/?b=1', '/?a=1&b=1'],
  ),
  ask(
    'break in an if ends the script',
    'location / { if ($arg_a) { add_header X a; break; } if ($arg_b) { add_header Y b; } return 200 x; }',
    ['/?b=1'],
  ),
  ask('root in an if', 'location / { root {root}/one; if ($arg_a) { root {root}/two; } }', [
    '/f',
    '/f?a=1',
  ]),
  ask(
    'index in an if',
    'location / { root {root}/one; if ($arg_a) { root {root}/two; } index f; }',
    ['/', '/?a=1'],
  ),
  ask(
    'error_page in an if',
    'location / { if ($arg_a) { error_page 404 = /e; } } location = /e { return 200 page; }',
    ['/none', '/none?a=1'],
  ),
  ask(
    'internal is not inherited by an if',
    'location /i { if ($arg_a) { set $v 1; } return 200 x; }',
    ['/i', '/i?a=1'],
  ),
  ask(
    'rewrite in an if of a location',
    `location /x { if ($arg_a) { rewrite ^/x(.*) /y$1 last; } return 200 stayed; } location /y { ${show} }`,
    ['/x/1', '/x/1?a=1'],
  ),
  ask(
    'rewrite break in an if',
    `location /x { root {root}/one; if ($arg_a) { rewrite ^/x(.*) $1 break; root {root}/two; } }`,
    ['/x/f', '/x/f?a=1'],
  ),
  ask(
    'groups of the condition in the block',
    `location /x { if ($args ~ ^v=(.*)$) { rewrite ^ /y/$1? last; } } location /y { ${show} }`,
    ['/x?v=abc', '/x?v=a%20b', '/x%20?v=a%20b'],
  ),
  ask(
    'if in a nested location',
    'location /a { location /a/b { if ($arg_a) { return 202; } return 200 inner; } return 200 outer; }',
    ['/a', '/a/b', '/a/b?a=1'],
  ),
  ask(
    'if in a regex location',
    'location ~ ^/(a+) { if ($arg_a) { return 202 $1; } return 200 $1; }',
    ['/aa', '/aa?a=1'],
  ),
  ask(
    'if in a named location',
    'error_page 404 @n; location @n { if ($arg_a) { return 202; } return 200 named; }',
    ['/x', '/x?a=1'],
  ),
  ask(
    'try_files behind an if',
    'location / { root {root}/one; try_files /g /f =404; if ($arg_a) { set $v 1; } }',
    ['/', '/?a=1'],
  ),
  ask('a deny in an if', 'location / { if ($arg_a) { return 403; } allow all; } ', ['/?a=1']),
].map((each) => ({ ...each, files: { 'one/f': 'f of one', 'two/f': 'f of two' } }))

const proxied: readonly Case[] = [
  ask(
    'proxy_pass around an if',
    'location / { proxy_pass http://{upstream}; if ($arg_a) { set $v 1; } }',
    ['/x', '/x?a=1'],
  ),
  ask(
    'proxy_pass with a path and an if',
    'location /x/ { proxy_pass http://{upstream}/up/; if ($arg_a) { set $v 1; } }',
    ['/x/1', '/x/1?a=1'],
  ),
  ask(
    'proxy_pass in an if',
    'location / { if ($arg_a) { proxy_pass http://{upstream}; } return 200 own; }',
    ['/x'],
  ),
  ask(
    'proxy_pass in an if that holds',
    'location / { if ($arg_a) { proxy_pass http://{upstream}; } }',
    ['/x', '/x?a=1'],
  ),
  ask(
    'proxy_pass after rewrite break',
    'location /x/ { rewrite ^/x/(.*) /new/$1 break; proxy_pass http://{upstream}; }',
    ['/x/a%20b?q', '/x/%41'],
  ),
  ask(
    'proxy_pass with a path after rewrite break',
    'location /x/ { rewrite ^/x/(.*) /new/$1 break; proxy_pass http://{upstream}/path/; }',
    ['/x/a%20b?q', '/x/%41'],
  ),
  ask(
    'proxy_pass after rewrite last',
    'location /x/ { rewrite ^/x/(.*) /new/$1 last; } location /new/ { proxy_pass http://{upstream}; }',
    ['/x/a%20b?q', '/x/%41'],
  ),
  ask(
    'proxy_pass after a set of $args',
    'location /x/ { set $args "n=1"; proxy_pass http://{upstream}; }',
    ['/x/a%20b?q'],
  ),
  ask('proxy_pass without any change', 'location /x/ { set $v 1; proxy_pass http://{upstream}; }', [
    '/x/a%20b?q',
    '/x/./%41//b',
  ]),
].map((each) => ({ ...each, upstream: { '*': reply('up') } }))

const returns: readonly Case[] = [
  ...[
    200, 201, 202, 204, 206, 299, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404,
    405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 426, 428, 429,
    430, 431, 444, 449, 451, 490, 494, 495, 496, 497, 498, 499, 500, 501, 502, 503, 504, 505, 506,
    507, 508, 509, 510, 511, 599, 600, 999,
  ].map((code) =>
    ask(
      `return ${code}`,
      `location /t { return ${code} "text of $uri"; } location / { return ${code}; }`,
      ['/', '/t', '/'],
    ),
  ),
  ask('return of a URL', 'return http://other$uri;', ['/x%20y?q', '/x']),
  ask('return of a URL with $scheme', 'return $scheme://other$request_uri;', ['/x%20y?q', '/x']),
  ask('return 301 of a path', 'return 301 /there;', ['/x']),
  ask('return 301 of a path with a port', 'port_in_redirect off; return 301 /there;', ['/x']),
  ask('return 301 relative', 'absolute_redirect off; return 301 /there;', ['/x']),
  ask('return 302 of nothing', 'return 302 "";', ['/x']),
  ask('return 302 of an empty variable', 'set $v ""; return 302 $v;', ['/x']),
  ask('return 404 of an empty variable', 'set $v ""; return 404 $v;', ['/x']),
  ask('return 200 of nothing', 'return 200 "";', ['/x']),
  ask('return with a type by ending', 'types { text/css css; } return 200 x;', [
    '/a.css',
    '/a.CSS',
    '/a.other',
    '/a',
  ]),
  ask('return in text and default_type', 'default_type application/json; return 200 "{}";', ['/x']),
  ask('return to HEAD', 'return 200 text;', ['/x']),
  {
    name: 'return with a body unread',
    server: 'return 200 text;',
    requests: [post('/', 'body'), get('/')],
  },
  {
    name: 'return 404 with a body unread',
    server: 'return 404;',
    requests: [post('/', 'body'), get('/')],
  },
  {
    name: 'return to a HEAD',
    server:
      'location /a { return 200 text; } location /b { return 404; } location /c { return 301 /d; }',
    requests: ['/a', '/b', '/c'].map((target) => get(target, '', 'HEAD')),
  },
  {
    name: 'return to HTTP/1.0',
    server:
      'location /a { return 200 text; } location /b { return 404; } location /c { return 301 /d; }',
    requests: ['/a', '/b', '/c'].map((target) => `GET ${target} HTTP/1.0\r\n\r\n`),
  },
  ask(
    'return leaves what stands behind',
    'location / { return 200 first; return 200 second; rewrite ^ /x; }',
    ['/'],
  ),
  ask(
    'return in a server leaves locations',
    'return 200 server; location / { return 200 location; }',
    ['/'],
  ),
  ask(
    'return with error_page',
    'error_page 403 /e; location /e { return 200 "page"; } location / { return 403; }',
    ['/'],
  ),
  ask(
    'return text with error_page',
    'error_page 403 /e; location /e { return 200 "page"; } location / { return 403 text; }',
    ['/'],
  ),
  ask(
    'return 302 with error_page',
    'error_page 302 /e; location /e { return 200 "page"; } location / { return 302 /x; }',
    ['/'],
  ),
  ask('return of bytes above ASCII', 'return 200 "é$uri";', ['/%C3%A9']),
]

const sets: readonly Case[] = [
  ask('set of $args', `location / { set $args a=b; ${show} }`, ['/', '/?q']),
  ask('set of $args to nothing', `location / { set $args ""; ${show} }`, ['/?q']),
  ask('set of an argument', 'location / { set $arg_x own; return 200 "$arg_x|$args"; }', [
    '/',
    '/?x=theirs',
  ]),
  ask('set of a field', 'location / { set $http_x own; return 200 "$http_x"; }', ['/']),
  ask(
    'a field before set',
    'set $before $http_accept; set $http_accept own; location / { return 200 "$before|$http_accept"; }',
    ['/'],
  ),
  ask(
    'set of a variable of a map',
    'location / { if ($arg_a) { set $m{id} own; } return 200 "$m{id}"; }',
    ['/', '/?a=1'],
  ),
  ask('set of what is read before', 'location / { set $b "$a"; set $a 1; return 200 "<$a$b>"; }', [
    '/',
  ]),
  ask('set joins texts', 'set $a 1; set $b "$a-${a}2"; location / { return 200 $b; }', ['/']),
  ask(
    'set in one location, read in another',
    'location /a { set $v x; rewrite ^ /b last; } location /b { return 200 "<$v>"; }',
    ['/a', '/b'],
  ),
  ask(
    'set survives an internal redirect',
    'set $v "$v+"; error_page 404 /b; location /a { return 404; } location /b { return 200 "<$v>"; }',
    ['/a', '/b'],
  ),
  ask(
    'set of a number that looks odd',
    'set $v 007; if ($v = 7) { return 200 seven; } location / { return 200 $v; }',
    ['/'],
  ),
].map((each) => ({
  ...each,
  server: each.server!.replaceAll('$m{id}', '${m{id}}').replaceAll('set ${m{id}}', 'set $m{id}'),
  http: 'map $uri $m{id} { default mapped; }',
}))

const logged: readonly Case[] = [
  ask(
    'rewrite_log',
    'rewrite_log on; location /x { rewrite ^/y /z; rewrite ^/x/(.*) /w/$1?a; rewrite ^/w http://h/; } if ($uri ~ (abc)) { set $v $1; }',
    ['/x/abc', '/x/d?q'],
  ),
  ask(
    'rewrite_log of conditions',
    'location / { rewrite_log on; if ($uri ~ a) { } if ($uri !~ a) { } if ($uri ~* A) { return 200 x; } }',
    ['/a', '/b'],
  ),
  ask(
    'a variable that nothing has set',
    'location / { if ($arg_a) { set $v 1; } return 200 "<$v$v>"; }',
    ['/', '/?a=1'],
  ),
  ask(
    'such a variable is not told of',
    'uninitialized_variable_warn off; location / { if ($arg_a) { set $v 1; } return 200 "<$v>"; }',
    ['/'],
  ),
  ask('a cycle is told', 'location / { rewrite ^ /x last; }', ['/']),
  ask('an empty path is told', 'location /x { rewrite ^/x(.*) $1 break; }', ['/x']),
].map((each) => ({ ...each, errorLog: 'notice' as const }))

export const cases: readonly Case[] = [
  ...redirects,
  ...paths,
  ...groups,
  ...conditions,
  ...ifBlocks,
  ...proxied,
  ...returns,
  ...sets,
  ...logged,
]
