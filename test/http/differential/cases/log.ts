/** What is written of requests: formats, escapes, conditions, places; and what of errors. */
import { type Case, get, post } from '../case.ts'

const files = { 'index.html': 'page', 'a.txt': 'text', 'sub/index.html': 'sub' }

const formats: readonly Case[] = [
  {
    name: 'what a request is',
    server: '',
    files,
    accessLog:
      '$remote_addr "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_method $uri $args $host $server_protocol $scheme $request_length $connection_requests $pipe',
    requests: [
      get('/'),
      get('/a.txt?x=1', 'Referer: http://e/\r\nUser-Agent: test/1\r\n'),
      get('/none'),
      get('/sub'),
      get('/', '', 'HEAD'),
      post('/', 'body'),
      'GET /a.txt HTTP/1.0\r\n\r\n',
      get('/%41%20b'),
    ],
  },
  {
    name: 'bytes that were sent',
    server: '',
    files,
    accessLog: '$bytes_sent $body_bytes_sent',
    requests: [get('/a.txt'), get('/a.txt', '', 'HEAD'), get('/a.txt', 'Range: bytes=1-2\r\n')],
    mask: [[/^(\d+) /gm, 'n ']],
  },
  {
    name: 'a variable without a value is a hyphen, an empty one is nothing',
    server: 'set $empty ""; location / { return 200; }',
    accessLog:
      '<$arg_x> <$http_x> <$cookie_c> <$empty> <$remote_user> <$sent_http_x> <$http_referer>',
    requests: [get('/'), get('/?x='), get('/?x=1', 'X: \r\nCookie: c=\r\n')],
  },
  {
    name: 'what is escaped by default',
    server: '',
    accessLog: '$request|$http_user_agent|$uri',
    requests: [
      get('/', 'User-Agent: a "b" \\ c\r\n'),
      get('/', 'User-Agent: tab\there\r\n'),
      get('/', 'User-Agent: \xc3\xa4\r\n'),
      get('/%22%5c%0a%7f'),
    ],
  },
  {
    name: 'escape=json',
    http: `log_format {id}_j escape=json '{"a":"$http_user_agent","u":"$uri","n":"$http_none"}';`,
    server: 'access_log {prefix_log} {id}_j;'.replace('{prefix_log}', 'logs/{id}.log'),
    files,
    accessLog: '$status',
    requests: [
      get('/', 'User-Agent: a "b" \\ c / d\r\n'),
      get('/', 'User-Agent: tab\there\r\n'),
      get('/%0a%0d%08%0c%01%1f%22'),
    ],
  },
  {
    name: 'escape=none',
    http: `log_format {id}_n escape=none '<$http_user_agent> <$http_none> <$uri>';`,
    server: 'access_log logs/{id}.log {id}_n;',
    files,
    accessLog: '$status',
    requests: [get('/', 'User-Agent: a "b" \\ c\r\n'), get('/%22%5c')],
  },
  {
    name: 'a format of several strings',
    http: `log_format {id}_s '$uri ' "[$status]" ' end';`,
    server: 'access_log logs/{id}.log {id}_s;',
    files,
    accessLog: '$status',
    requests: [get('/')],
  },
  {
    name: 'the format that is always there',
    server: 'access_log logs/{id}.log; access_log logs/{id}.log combined;',
    files,
    accessLog: 'own',
    requests: [get('/', 'Referer: r\r\nUser-Agent: u\r\n')],
    mask: [[/\[\d\d\/[^\]]+\]/g, '[time]']],
  },
]

const places: readonly Case[] = [
  {
    name: 'if= leaves lines out',
    http: 'map $status ${id}_no { default 1; 404 0; 403 ""; }',
    server: `location / { access_log logs/{id}.log {id} if=\${id}_no; } location /no { deny all; access_log logs/{id}.log {id} if=\${id}_no; }`,
    files,
    accessLog: '$uri $status',
    requests: [get('/none'), get('/no'), get('/a.txt')],
  },
  {
    name: 'off, and logs of inner blocks',
    server: `location /off { access_log off; return 200; } location /on { access_log logs/{id}.log {id}; return 200; }
      location /same { return 200; }`,
    accessLog: '$uri',
    requests: [get('/off'), get('/on'), get('/same'), get('/off'), get('/last')],
  },
  {
    name: 'access_log in an if of a location',
    server: 'location / { if ($arg_quiet) { access_log off; } return 200; }',
    accessLog: '$request_uri',
    requests: [get('/?quiet=1'), get('/')],
  },
  {
    name: 'the location where a request ended up counts',
    server: `location /a { error_page 404 /b; } location /b { access_log logs/{id}.log {id}; return 200; }
      location /c { rewrite .* /d last; } location /d { access_log off; return 200; }`,
    accessLog: '$uri $request_uri $status',
    requests: [get('/a'), get('/c'), get('/b')],
  },
  {
    name: 'a name with variables',
    server:
      'access_log logs/{id}$arg_n.log {id}; location /none { access_log logs/{id}-no/x$arg_n.log {id}; }',
    files,
    accessLog: '$uri',
    requests: [get('/'), get('/a.txt'), get('/none'), get('/sub/')],
  },
  {
    name: 'a name with variables, held open',
    server:
      'open_log_file_cache max=2 inactive=20s valid=1m min_uses=1; access_log logs/{id}$arg_n.log {id};',
    files,
    accessLog: '$uri $arg_n',
    requests: [get('/'), get('/?n=1'), get('/?n=2'), get('/a.txt'), get('/?n=1'), get('/sub/')],
  },
  {
    name: 'several logs of one request',
    server: 'access_log logs/{id}.log {id}; access_log logs/{id}.log {id};',
    files,
    accessLog: '$uri',
    requests: [get('/')],
  },
  {
    name: 'requests that are refused have a line',
    server: '',
    accessLog: '"$request" $status',
    requests: [
      { send: 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n' },
      { send: 'GET / HTTP/1.1\r\n\r\n', fresh: true },
      { send: 'NONSENSE\r\n\r\n', fresh: true },
      { send: 'GET / HTTP/9.9\r\n\r\n', fresh: true },
    ],
  },
]

const errors: readonly Case[] = [
  {
    name: 'an error log of a location',
    server:
      'location /in { error_log logs/{id}.error.log crit; deny all; } location /out { deny all; }',
    errorLog: 'error',
    requests: [get('/in'), get('/out')],
  },
  {
    name: 'files that are not there',
    server: 'location /q { log_not_found off; }',
    files,
    errorLog: 'error',
    requests: [
      get('/none'),
      get('/q'),
      get('/none/'),
      get('/none.html?x', 'Referer: http://r/\r\n'),
    ],
  },
]

const refusals: readonly Case[] = [
  'access_log off combined',
  'access_log x.log combined foo',
  'access_log x.log nope',
  'access_log /x$host.log combined buffer=8k',
  'access_log x.log combined flush=1s',
  'access_log x.log combined gzip=11',
  'access_log x.log combined buffer=x',
  'access_log x.log combined flush=0',
  'access_log syslog:',
  'access_log syslog:server=',
  'access_log syslog:server=127.0.0.1,facility=x',
  'access_log syslog:server=127.0.0.1,severity=x',
  'access_log syslog:server=127.0.0.1,tag=a-b',
  'access_log syslog:facility=user',
  'access_log syslog:server=127.0.0.1 combined buffer=8k',
  'access_log syslog:server=127.0.0.1,server=127.0.0.1',
  'access_log syslog:server=127.0.0.1:99999',
  'error_log syslog:server=unix:',
  'error_log x.log loud',
  'error_log x.log info info',
  'open_log_file_cache max=0',
  'open_log_file_cache max=x',
  'open_log_file_cache max=1 inactive=x',
  'open_log_file_cache max=1 foo',
].map((text): Case => ({ name: `${text} is refused`, server: `${text};`, refused: true }))

const formatRefusals: readonly Case[] = [
  'log_format {id}_f "${x"',
  'log_format {id}_f escape=foo x',
  'log_format combined {id}',
  'log_format {id}_f',
  'log_format {id}_f a; log_format {id}_f b',
].map((text): Case => ({ name: `${text} is refused`, http: `${text};`, server: '', refused: true }))

export const cases: readonly Case[] = [
  ...formats,
  ...places,
  ...errors,
  ...refusals,
  ...formatRefusals,
]
