/** Which server answers: addresses, names, defaults. */
import { type Case, get } from '../case.ts'

const server = (names: string, says: string, options = ''): string =>
  `server { listen {address}:{port} ${options}; ${names === '' ? '' : `server_name ${names};`} return 200 "${says} $server_name"; }`

const to = (host: string, fields = ''): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`
const hosts = (...names: string[]): string[] => names.map((name) => to(name))

export const cases: readonly Case[] = [
  {
    name: 'by exact name, the first is the default',
    http: server('a.test', 'a') + server('b.test c.test', 'b'),
    requests: hosts('a.test', 'b.test', 'c.test', 'd.test', 'B.TEST', 'b.test.', 'b.test:99'),
  },
  {
    name: 'default_server wherever it stands',
    http: server('a.test', 'a') + server('b.test', 'b', 'default_server'),
    requests: [...hosts('a.test', 'b.test', 'x.test'), 'GET / HTTP/1.0\r\n\r\n'],
  },
  {
    name: 'the older word default',
    http: server('a.test', 'a') + server('b.test', 'b', 'default'),
    requests: hosts('x.test'),
  },
  {
    name: 'wildcards in front',
    http:
      server('def', 'def') +
      server('*.a.test', '*.a') +
      server('*.b.a.test', '*.b.a') +
      server('x.a.test', 'x.a'),
    requests: hosts(
      'a.test',
      'y.a.test',
      'x.a.test',
      'b.a.test',
      'z.b.a.test',
      'q.y.a.test',
      'xa.test',
    ),
  },
  {
    name: 'wildcards behind',
    http: server('def', 'def') + server('www.a.*', 'www.a.*') + server('www.*', 'www.*'),
    requests: hosts('www.a.test', 'www.a.b.c', 'www.b.test', 'www', 'www.a', 'a.www.a.test'),
  },
  {
    name: 'a leading dot stands for name and wildcard',
    http: server('def', 'def') + server('.a.test', '.a'),
    requests: hosts('a.test', 'x.a.test', 'x.y.a.test', 'ba.test'),
  },
  {
    name: 'exact before wildcards before regular expressions',
    http:
      server('def', 'def') +
      server('~^x', 'regex') +
      server('x.*', 'behind') +
      server('*.test', 'front') +
      server('x.test', 'exact'),
    requests: hosts('x.test', 'y.test', 'x.org', 'xx.org', 'z.org'),
  },
  {
    name: 'regular expressions in order, with captures',
    http:
      server('def', 'def') +
      'server { listen {address}:{port}; server_name ~^(?<name>.+)\\.one\\.test$; return 200 "one $name $1"; }' +
      'server { listen {address}:{port}; server_name ~^(.+)\\.test$; return 200 "two $1"; }',
    requests: hosts('a.one.test', 'A.B.one.test', 'c.test', 'one.test', 'other'),
  },
  {
    name: 'the empty name is for requests without Host',
    http: server('a.test', 'a') + server('""', 'empty'),
    requests: [to('a.test'), 'GET / HTTP/1.0\r\n\r\n', to('x.test')],
  },
  {
    name: 'the catch-all underscore is a name like others',
    http: server('_', 'under', 'default_server') + server('a.test', 'a'),
    requests: hosts('a.test', 'b.test', '_'),
  },
  {
    name: 'an address as a name',
    http: server('def', 'def') + server('127.0.0.1', 'address') + server('[::1]', 'six'),
    requests: hosts('127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:80', '127.0.0.2'),
  },
  {
    name: 'the name of the first in several names',
    http: server('first.test second.test *.third.test', 'x'),
    requests: hosts('second.test', 'a.third.test', 'none'),
  },
  {
    name: 'the host of an absolute target is what counts',
    http: server('a.test', 'a') + server('b.test', 'b'),
    requests: ['GET http://b.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n'],
  },
  {
    name: 'two ports, one name',
    http:
      'server { listen {address}:{port}; listen {address}:{port2}; server_name a.test; return 200 "a $server_port"; }' +
      'server { listen {address}:{port2}; server_name b.test; return 200 "b $server_port"; }',
    requests: hosts('a.test', 'b.test'),
  },
  {
    name: 'a name for each request of a connection',
    http: server('a.test', 'a') + server('b.test', 'b'),
    requests: [to('a.test') + to('b.test') + to('a.test')],
  },
  {
    name: 'settings follow the name',
    http:
      'server { listen {address}:{port}; server_name a.test; keepalive_timeout 10s 9s; return 200 "a"; }' +
      'server { listen {address}:{port}; server_name b.test; keepalive_timeout 0; server_tokens off; location / { return 404; } }',
    requests: hosts('a.test', 'b.test', 'a.test'),
  },
  {
    name: 'hosts that are none',
    http: server('a.test', 'a'),
    requests: hosts('a..test', 'a/test', 'a.test/'),
  },
  {
    name: 'hosts with odd signs',
    http: server('def', 'def'),
    requests: hosts('a_b.test', 'a-b', '1.2.3', 'xn--a.test', 'a.test:0', 'a~b'),
  },
  {
    name: 'a very long host',
    http: server('def', 'def'),
    requests: hosts(`${'a'.repeat(60)}.${'b'.repeat(60)}.test`, `${'c.'.repeat(120)}test`),
  },
  {
    name: 'the same name twice is a warning only',
    http: server('a.test', 'one') + server('a.test', 'two'),
    requests: hosts('a.test'),
  },
  {
    name: 'two defaults',
    http: server('a', 'a', 'default_server') + server('b', 'b', 'default_server'),
    refused: true,
  },
  { name: 'the same listen twice', server: 'listen {address}:{port}; return 200;', refused: true },
  {
    name: 'hosts that nginx takes',
    http: server('a.test', 'a'),
    requests: hosts('a test', '[::1', 'a\\b', 'u@a.test'),
    difference: {
      why: 'RFC 9110 §7.2: host and port, nothing else',
      ours: /(?:HTTP\/1\.1 400[^]*){4}/,
    },
  },
  {
    name: 'a broken wildcard',
    http: server('a.*.b', 'a'),
    requests: [],
    difference: {
      why: 'nginx serves nobody by it, and does not say so',
      ours: /^refused: invalid server name/,
    },
  },
  {
    name: 'a wildcard in the middle of a label',
    http: server('*a.test', 'a'),
    difference: { why: 'one text for all that is no name', ours: /^refused: invalid server name/ },
  },
  {
    name: 'host variable in absolute redirects',
    http: 'server { listen {address}:{port}; server_name a.test b.test; location / { return 301 /x; } }',
    requests: [...hosts('b.test', 'B.test:8', 'c.test'), 'GET / HTTP/1.0\r\n\r\n'],
  },
  {
    name: 'PROXY protocol version 1',
    listen: 'proxy_protocol',
    server:
      'return 200 "$remote_addr $proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";',
    requests: [`PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n${get('/')}`],
  },
  {
    name: 'PROXY protocol for an unknown connection',
    listen: 'proxy_protocol',
    server: 'return 200 "$remote_addr <$proxy_protocol_addr>";',
    requests: [`PROXY UNKNOWN\r\n${get('/')}`],
  },
  {
    name: 'PROXY protocol over IPv6',
    listen: 'proxy_protocol',
    server: 'return 200 "<$proxy_protocol_addr> <$proxy_protocol_port>";',
    requests: [`PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n${get('/')}`],
  },
  {
    name: 'PROXY protocol version 2',
    listen: 'proxy_protocol',
    server: 'return 200 "<$proxy_protocol_addr> <$proxy_protocol_port>";',
    requests: [
      {
        send: `\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x04\x57\x08\xae${get('/')}`,
        answers: 1,
      },
    ],
  },
  {
    name: 'PROXY protocol that does not come',
    listen: 'proxy_protocol',
    server: 'return 200 "x";',
    requests: [{ send: get('/'), answers: 1 }],
  },
  {
    name: 'TLS by name',
    http:
      'server { listen {address}:{port} ssl; server_name a.test; ssl_certificate server.pem; ssl_certificate_key server.key; return 200 "a $ssl_server_name $https $scheme"; }' +
      'server { listen {address}:{port} ssl; server_name b.test; ssl_certificate server.pem; ssl_certificate_key server.key; return 200 "b $ssl_server_name"; }',
    tls: { servername: 'b.test' },
    requests: [to('b.test'), to('a.test'), to('c.test')],
  },
  {
    name: 'plain HTTP to a TLS port',
    listen: 'ssl',
    server: 'return 200;',
    requests: [get('/')],
  },
  {
    name: 'plain HTTP to a TLS port, redirected',
    listen: 'ssl',
    server: 'error_page 497 https://$host:{port}$request_uri; return 200;',
    requests: [get('/a?b')],
  },
]
