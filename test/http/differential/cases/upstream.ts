/** Groups of servers, asked by requests. */
import { type Case, get, reply } from '../case.ts'

const pass = 'location / { proxy_pass http://g_{id}; add_header X-Peer $upstream_addr always; }'
const request = get('/')
const eight: readonly string[] = Array.from({ length: 8 }, () => request)
const upstreams = { a: reply('a'), b: reply('b'), c: reply('c') } as const
const broken = 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nbroken'

/** A group of that text, asked eight times. */
function group(name: string, text: string, more: Partial<Case> = {}): Case {
  return {
    name,
    http: `upstream g_{id} { ${text} }`,
    server: pass,
    upstreams,
    requests: eight,
    ...more,
  }
}

const [a, b, c] = ['{upstream:a}', '{upstream:b}', '{upstream:c}'] as const

/** Nothing listens there. */
const dead = '127.0.0.1:1'

const spread: readonly Case[] = [
  group('round robin', `server ${a}; server ${b}; server ${c};`),
  group('round robin by weight', `server ${a} weight=3; server ${b}; server ${c} weight=2;`),
  group('one server', `server ${a};`),
  group('a server that is down', `server ${a}; server ${b} down; server ${c};`),
  group('a backup that is not needed', `server ${a}; server ${b} backup;`),
  group('a backup in the place of the others', `server ${a} down; server ${b} backup;`),
  group('all down', `server ${a} down; server ${b} down;`),
  group('least_conn', `least_conn; server ${a}; server ${b} weight=2;`),
  group('ip_hash', `ip_hash; server ${a}; server ${b}; server ${c};`),
  group(
    'ip_hash with a server that is down',
    `ip_hash; server ${a}; server ${b} down; server ${c};`,
  ),
  group('a zone', `zone z_{id} 64k; server ${a}; server ${b};`),
  group('max_conns that are not reached', `zone z_{id} 64k; server ${a} max_conns=1; server ${b};`),
  group('kept connections', `server ${a}; server ${b}; keepalive 2;`, {
    server:
      'location / { proxy_pass http://g_{id}; proxy_http_version 1.1; proxy_set_header Connection ""; }',
  }),
  group('few requests on a kept connection', `server ${a}; keepalive 2; keepalive_requests 3;`, {
    server:
      'location / { proxy_pass http://g_{id}; proxy_http_version 1.1; proxy_set_header Connection ""; }',
  }),
]

/** `consistent` hashes addresses with their ports, which differ here; test/upstream compares it. */
const hashed: readonly Case[] = ['$arg_k', '$uri$arg_k', 'constant', ''].map((key) =>
  group(`hash "${key}"`, `hash "${key}"; server ${a}; server ${b} weight=2; server ${c};`, {
    requests: ['1', '2', '3', 'x', 'y', 'some+words', '1', '2'].map((k) => get(`/?k=${k}`)),
  }),
)

const failing: readonly Case[] = [
  group('a dead server', `server ${dead}; server ${b};`),
  group('a dead server that may fail often', `server ${dead} max_fails=3; server ${b};`),
  group('a dead server whose failures do not count', `server ${dead} max_fails=0; server ${b};`),
  group('only dead servers', `server ${dead}; server 127.0.0.1:2;`),
  group('one dead server', `server ${dead};`),
  group('a dead server and a backup', `server ${dead}; server ${b} backup;`),
  group(
    'dead servers and a backup by weight',
    `server ${dead} weight=5; server 127.0.0.1:2; server ${b} backup;`,
  ),
  group('ip_hash with a dead server', `ip_hash; server ${dead}; server ${b}; server ${c};`),
  group('least_conn with a dead server', `least_conn; server ${dead}; server ${b}; server ${c};`),
  group('hash with a dead server', `hash $arg_k; server ${dead}; server ${b}; server ${c};`, {
    requests: ['1', '2', '3', '4', '5', '6'].map((k) => get(`/?k=${k}`)),
  }),
  ...(['http_500', 'http_500 error', 'off', 'error'] as const).map((next) =>
    group(`a server that answers 500, next ${next}`, `server ${a}; server ${b};`, {
      upstreams: { ...upstreams, a: broken },
      server: `${pass.slice(0, -2)} proxy_next_upstream ${next}; }`,
    }),
  ),
  ...[1, 2].map((tries) =>
    group(
      `two dead servers and ${tries} tries`,
      `server ${dead}; server 127.0.0.1:2; server ${c};`,
      {
        server: `${pass.slice(0, -2)} proxy_next_upstream_tries ${tries}; }`,
      },
    ),
  ),
  group('what logs say of servers', `server ${dead}; server ${b};`, {
    accessLog: '$upstream_addr $upstream_status $status',
    errorLog: 'error',
  }),
  group('what logs say when nobody is left', `server ${dead};`, {
    accessLog: '$upstream_addr $upstream_status $status',
    errorLog: 'error',
    requests: [request],
  }),
]

const variables: readonly Case[] = [
  {
    name: 'a group by variable',
    http: `upstream g_{id} { server ${a}; server ${b}; } map $arg_g $g_{id} { default g_{id}; }`,
    server: 'location / { proxy_pass http://$g_{id}; }',
    upstreams,
    requests: [request, request, request],
  },
  {
    name: 'a group of names that are addresses',
    http: 'upstream g_{id} { server localhost:{port2} down; server {upstream:a}; }',
    server: pass,
    upstreams,
    requests: [request, request],
  },
]

const settings: readonly (readonly [string, string])[] = [
  ['no servers', ''],
  ['backups alone', 'server 127.0.0.1 backup;'],
  ['a backup with hash', 'hash $uri; server 127.0.0.1; server 127.0.0.2 backup;'],
  ['a backup with ip_hash', 'ip_hash; server 127.0.0.1; server 127.0.0.2 backup;'],
  ['an unknown parameter', 'server 127.0.0.1 nonsense;'],
  ['a weight of nothing', 'server 127.0.0.1 weight=0;'],
  ['a port that is none', 'server 127.0.0.1:99999;'],
  ['an unknown method', 'nonsense; server 127.0.0.1;'],
  ['hash without a key', 'hash; server 127.0.0.1;'],
  ['hash with an unknown option', 'hash $uri nonsense; server 127.0.0.1;'],
  ['random with an unknown option', 'random three; server 127.0.0.1;'],
  ['a zone that is too small', 'zone z 1k; server 127.0.0.1;'],
  ['keepalive of nothing', 'server 127.0.0.1; keepalive 0;'],
  ['a host that nobody knows', 'server nowhere.invalid;'],
]

const refusals: readonly Case[] = settings.map(([name, text]) => ({
  name: `refused: ${name}`,
  http: `upstream g_{id} { ${text} }`,
  server: 'location / { proxy_pass http://g_{id}; }',
  refused: true,
}))

export const cases: readonly Case[] = [...spread, ...hashed, ...failing, ...variables, ...refusals]
