/** How many requests, how often, how fast. */
import { type Case, get } from '../case.ts'

const files = { 'index.html': 'page', 'big.bin': 'x'.repeat(4000) }
const times = (count: number, target = '/'): string[] =>
  Array.from({ length: count }, () => get(target))
/** How far ahead a key is depends on the time. */
const excess: readonly (readonly [RegExp, string])[] = [
  [/excess: \d+\.\d+/g, 'excess: n'],
  [/\[info\] client [\d.]+ closed keepalive connection\n/g, ''],
]
const zone = (rate: string, name = '{id}', key = '$server_addr'): string =>
  `limit_req_zone ${key} zone=${name}:64k rate=${rate};`

const rates: readonly Case[] = [
  {
    name: 'limit_req refuses what comes too early',
    http: zone('1r/m'),
    server: 'limit_req zone={id};',
    files,
    errorLog: 'info',
    accessLog: '$status $limit_req_status',
    requests: times(3),
    mask: excess,
  },
  {
    name: 'limit_req with a burst that does not wait',
    http: zone('1r/m'),
    server: 'limit_req zone={id} burst=2 nodelay;',
    files,
    accessLog: '$status $limit_req_status',
    requests: times(5),
  },
  {
    name: 'limit_req with a burst that waits',
    http: zone('10r/s'),
    server: 'limit_req zone={id} burst=5;',
    files,
    errorLog: 'info',
    accessLog: '$status $limit_req_status',
    requests: times(3),
    mask: excess,
  },
  {
    name: 'limit_req delay=',
    http: zone('1r/m'),
    server: 'limit_req zone={id} burst=1 delay=1;',
    files,
    accessLog: '$status $limit_req_status',
    requests: times(3),
  },
  {
    name: 'limit_req_status, its page, and the level of its lines',
    http: zone('1r/m'),
    server: `limit_req zone={id}; limit_req_status 429; limit_req_log_level notice; error_page 429 /slow.html;
      location = /slow.html { }`,
    files: { ...files, 'slow.html': 'slow down' },
    errorLog: 'info',
    requests: [...times(2), get('/slow.html')],
    mask: excess,
  },
  {
    name: 'limit_req_dry_run',
    http: zone('1r/m'),
    server: 'limit_req zone={id}; limit_req_dry_run on;',
    files,
    errorLog: 'info',
    accessLog: '$status $limit_req_status',
    requests: times(2),
    mask: excess,
  },
  {
    name: 'limit_req_dry_run of a wait',
    http: zone('1r/m'),
    server: 'limit_req zone={id} burst=5; limit_req_dry_run on;',
    files,
    errorLog: 'info',
    accessLog: '$status $limit_req_status',
    requests: times(2),
    mask: excess,
  },
  {
    name: 'limit_req by a key, and without one',
    http: zone('1r/m', '{id}', '$arg_k'),
    server: 'limit_req zone={id};',
    files,
    accessLog: '$args $status $limit_req_status',
    requests: [get('/?k=a'), get('/?k=b'), get('/?k=a'), get('/'), get('/'), get('/?k=')],
  },
  {
    name: 'several limit_req, the first that refuses is named',
    http: zone('1r/m', '{id}a', '$server_addr') + zone('100r/s', '{id}b', '$arg_k'),
    server: 'limit_req zone={id}b burst=100 nodelay; limit_req zone={id}a burst=1 nodelay;',
    files,
    errorLog: 'error',
    requests: [...times(2, '/?k=a'), get('/?k=b'), get('/')],
    mask: excess,
  },
  {
    name: 'limit_req counts once through internal redirects',
    http: zone('1r/m'),
    server: `limit_req zone={id} burst=1 nodelay; index none index.html; error_page 404 /index.html;`,
    files,
    accessLog: '$status $limit_req_status',
    requests: [get('/'), get('/none'), get('/')],
  },
  {
    name: 'limit_req of an inner block takes the place of the outer one',
    http: zone('1r/m') + zone('1000r/s', '{id}w'),
    server: `limit_req zone={id}; location /w { limit_req zone={id}w burst=100 nodelay; return 200; }
      location /r { return 200; } location /f { alias {root}/index.html; }`,
    files,
    accessLog: '$uri $status $limit_req_status',
    requests: [...times(2, '/f'), ...times(2, '/w'), ...times(2, '/r')],
  },
  ...[
    'limit_req zone=none',
    'limit_req burst=1',
    'limit_req zone={id} burst=0',
    'limit_req zone={id} burst=x',
    'limit_req zone={id} delay=x',
    'limit_req zone={id} foo',
    'limit_req zone={id}; limit_req zone={id}',
    'limit_req_status 200',
    'limit_req_status 600',
    'limit_req_status x',
    'limit_req_log_level loud',
  ].map((text): Case => ({
    name: `${text} is refused`,
    http: zone('1r/s'),
    server: `${text};`,
    refused: true,
  })),
  ...[
    'limit_req_zone $uri zone={id}:64k rate=0r/s',
    'limit_req_zone $uri zone={id}:64k rate=x',
    'limit_req_zone $uri zone={id}:64k rate=1r/h',
    'limit_req_zone $uri zone={id}:1k rate=1r/s',
    'limit_req_zone $uri zone={id} rate=1r/s',
    'limit_req_zone $uri zone={id}:x rate=1r/s',
    'limit_req_zone $uri rate=1r/s foo',
    'limit_req_zone $uri rate=1r/s rate=2r/s',
  ].map((text): Case => ({
    name: `${text} is refused`,
    http: `${text};`,
    server: '',
    refused: true,
  })),
]

const connections: readonly Case[] = [
  {
    name: 'limit_conn lets one after the other pass',
    http: 'limit_conn_zone $server_addr zone={id}:64k;',
    server: 'limit_conn {id} 1;',
    files,
    accessLog: '$status $limit_conn_status',
    requests: [...times(3), { send: get('/'), fresh: true }],
  },
  {
    name: 'limit_conn refuses the second of two at a time',
    http: 'limit_conn_zone $server_addr zone={id}:64k;',
    server: `location /slow { limit_conn {id} 1; limit_rate 1000; }
      location / { limit_conn {id} 1; limit_conn_status 429; }`,
    files,
    accessLog: '$status $limit_conn_status',
    requests: [get('/')],
  },
  {
    name: 'limit_conn without a key, and where it is not set',
    http: 'limit_conn_zone $arg_k zone={id}:64k;',
    server: 'location / { limit_conn {id} 1; } location /none { return 200; }',
    files,
    accessLog: '$status $limit_conn_status',
    requests: [get('/'), get('/?k=1'), get('/none')],
  },
  ...[
    'limit_conn {id}x 1',
    'limit_conn {id} 0',
    'limit_conn {id} x',
    'limit_conn {id} 65536',
    'limit_conn {id} 1; limit_conn {id} 2',
    'limit_conn_status 200',
    'limit_conn_log_level loud',
  ].map((text): Case => ({
    name: `${text} is refused`,
    http: 'limit_conn_zone $uri zone={id}:64k;',
    server: `${text};`,
    refused: true,
  })),
]

const speed: readonly Case[] = [
  {
    name: 'limit_rate sends all of it',
    server: 'limit_rate 3000;',
    files,
    requests: [get('/big.bin'), get('/'), get('/big.bin', '', 'HEAD')],
  },
  {
    name: 'limit_rate_after, variables, and $limit_rate',
    server: `location / { limit_rate $arg_r; limit_rate_after 2k; }
      location /set { set $limit_rate 2k; alias {root}/big.bin; add_header X-Rate $limit_rate; }
      location /none { add_header X-Rate $limit_rate; return 200; }`,
    files,
    requests: [
      get('/big.bin?r=3k'),
      get('/big.bin?r=x'),
      get('/big.bin'),
      get('/set'),
      get('/none'),
    ],
  },
  {
    name: 'limit_rate in an if',
    server: 'location / { if ($arg_slow) { limit_rate 3k; } }',
    files,
    requests: [get('/big.bin?slow=1'), get('/big.bin')],
  },
  ...['limit_rate x', 'limit_rate', 'limit_rate_after x'].map((text): Case => ({
    name: `${text} is refused`,
    server: `${text};`,
    refused: true,
  })),
]

export const cases: readonly Case[] = [...rates, ...connections, ...speed]
