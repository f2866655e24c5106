/** RFC 9112, HTTP/1.1: the syntax of messages, and how a connection goes on behind them. */
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { Scope } from '../../support/scope.ts'
import { ask, chunks, echo, field, type Rule, testRules } from './rule.ts'
import { type Server, startServer } from './support.ts'

const scope = new Scope()
let server: Server
before(async () => {
  server = await startServer(scope)
})
after(() => scope.close())

const text = ask('/text')

/** A message that is refused: one answer, and whatever follows is not read as another request. */
function refused(clause: string, name: string, bytes: string, status = 400): Rule {
  return { clause, name, send: bytes + text, statuses: [status], closed: true }
}

const line = (first: string): string => `${first}\r\nHost: a.test\r\n\r\n`

const requestLine: readonly Rule[] = [
  {
    clause: '§2.2',
    name: 'an empty line before the request line',
    send: `\r\n${text}`,
    statuses: [200],
  },
  {
    clause: '§2.2',
    name: 'empty lines between requests',
    send: `${text}\r\n${text}`,
    statuses: [200, 200],
  },
  refused('§2.2', 'a bare LF ends the request line', 'GET /text HTTP/1.1\nHost: a.test\r\n\r\n'),
  refused('§2.2', 'a bare LF ends a field', 'GET /text HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n'),
  refused('§2.2', 'a bare LF ends the head', 'GET /text HTTP/1.1\r\nHost: a.test\r\n\n'),
  refused('§2.2', 'a bare CR in the request line', 'GET /te\rxt HTTP/1.1\r\nHost: a.test\r\n\r\n'),
  refused('§2.2', 'a bare CR in a field value', ask('/text', 'X: a\rb\r\n')),
  refused('§2.2', 'a bare CR in a field name', ask('/text', 'X\r: a\r\n')),
  refused(
    '§2.2',
    'white space before the first field',
    'GET /text HTTP/1.1\r\n Host: a.test\r\n\r\n',
  ),
  refused('§2.3', 'a version in lower case', line('GET /text http/1.1')),
  refused('§2.3', 'a version with two digits', line('GET /text HTTP/1.10')),
  refused('§2.3', 'a major version of the future', line('GET /text HTTP/2.0'), 505),
  {
    clause: '§2.3',
    name: 'a minor version of the future',
    send: line('GET /text HTTP/1.9'),
    statuses: [200],
  },
  refused('§3', 'two spaces before the target', line('GET  /text HTTP/1.1')),
  refused('§3', 'two spaces before the version', line('GET /text  HTTP/1.1')),
  refused('§3', 'a tab as separator', line('GET\t/text HTTP/1.1')),
  refused('§3', 'a vertical tab as separator', line('GET\x0b/text HTTP/1.1')),
  refused('§3', 'white space behind the version', line('GET /text HTTP/1.1 ')),
  refused('§3', 'a space in the target', line('GET /te xt HTTP/1.1')),
  refused('§3', 'no target', line('GET HTTP/1.1')),
  refused('§3', 'nothing but a method', 'GET\r\n\r\n'),
  refused('§3.2', 'a fragment in the target', line('GET /text#x HTTP/1.1')),
  refused('§3.2', 'NUL in the target', line('GET /te\0xt HTTP/1.1')),
  refused('§3.2', 'a target without a slash', line('GET text HTTP/1.1')),
  refused('§3.2', 'no Host', 'GET /text HTTP/1.1\r\n\r\n'),
  refused('§3.2', 'two Host', 'GET /text HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n'),
  refused(
    '§3.2',
    'two different Host',
    'GET /text HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n',
  ),
  refused('§3.2', 'an empty Host', 'GET /text HTTP/1.1\r\nHost:\r\n\r\n'),
  refused('§3.2', 'a list in Host', 'GET /text HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n'),
  refused('§3.2', 'user information in Host', 'GET /text HTTP/1.1\r\nHost: u@a.test\r\n\r\n'),
  refused('§3.2', 'a path in Host', 'GET /text HTTP/1.1\r\nHost: a.test/x\r\n\r\n'),
  {
    clause: '§3.2.2',
    name: 'absolute form',
    send: line('GET http://a.test/text HTTP/1.1'),
    statuses: [200],
  },
  {
    clause: '§3.2.2',
    name: 'absolute form, scheme and host in capitals',
    send: line('GET HTTP://A.TEST/text HTTP/1.1'),
    statuses: [200],
  },
  refused(
    '§3.2.2',
    'absolute form with another host than Host',
    line('GET http://b.test/text HTTP/1.1'),
  ),
  refused(
    '§3.2.2',
    'absolute form with user information',
    line('GET http://u@a.test/text HTTP/1.1'),
  ),
  refused('§3.2.2', 'absolute form without Host', 'GET http://a.test/text HTTP/1.1\r\n\r\n'),
  refused(
    '§3.2.3',
    'authority form of CONNECT',
    'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n',
  ),
  refused('§3.2.4', 'asterisk form', 'OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n'),
]

const fields: readonly Rule[] = [
  refused('§5', 'a line without a colon', ask('/text', 'abc\r\n')),
  refused('§5', 'a line with nothing before the colon', ask('/text', ': abc\r\n')),
  refused('§5', 'NUL in a name', ask('/text', 'a\0b: c\r\n')),
  refused('§5', 'NUL in a value', ask('/text', 'a: b\0c\r\n')),
  refused('§5', 'a space in a name', ask('/text', 'a b: c\r\n')),
  refused('§5', 'a byte above ASCII in a name', ask('/text', 'a\xe9: c\r\n')),
  refused('§5', 'a comma in a name', ask('/text', 'a,b: c\r\n')),
  refused('§5.1', 'a space before the colon', ask('/text', 'X : y\r\n')),
  refused('§5.1', 'a tab before the colon', ask('/text', 'X\t: y\r\n')),
  refused('§5.2', 'obs-fold with a space', ask('/text', 'X: y\r\n z\r\n')),
  refused('§5.2', 'obs-fold with a tab', ask('/text', 'X: y\r\n\tz\r\n')),
  refused('§5.2', 'an empty folded line', ask('/text', 'X: y\r\n \r\n')),
  refused('§5.2', 'a folded Host', 'GET /text HTTP/1.1\r\nHost:\r\n a.test\r\n\r\n'),
  {
    clause: '§5.1',
    name: 'white space around a value is no part of it',
    send: echo('', 'X-Padded: \t y z \t\r\n'),
    statuses: [200],
    also: ([answer]) => assert.match(answer!.body.toString(), /"x-padded":"y z"/),
  },
]

const bodies: readonly Rule[] = [
  { clause: '§6.2', name: 'a body by length', send: echo('hello') + text, statuses: [200, 200] },
  {
    clause: '§6.2',
    name: 'a length with zeros in front',
    send: `${ask('/echo', 'Content-Length: 0005\r\n', 'POST')}hello${text}`,
    statuses: [200, 200],
  },
  {
    clause: '§6.3',
    name: 'no length is no body',
    send: ask('/echo', '', 'POST') + text,
    statuses: [200, 200],
  },
  refused('§6.1', 'an unknown coding', ask('/echo', 'Transfer-Encoding: x\r\n', 'POST'), 501),
  refused(
    '§6.1',
    'chunked is not the last coding',
    ask('/echo', 'Transfer-Encoding: chunked, gzip\r\n', 'POST'),
    501,
  ),
  refused(
    '§6.1',
    'chunked twice',
    ask('/echo', 'Transfer-Encoding: chunked, chunked\r\n', 'POST'),
    501,
  ),
  refused(
    '§6.1',
    'two Transfer-Encoding',
    ask('/echo', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', 'POST'),
  ),
  refused(
    '§6.1',
    'chunked in HTTP/1.0',
    'POST /echo HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ),
  refused(
    '§6.1',
    'length and chunked',
    ask('/echo', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', 'POST') + '0\r\n\r\n',
  ),
  refused(
    '§6.1',
    'chunked and length',
    ask('/echo', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', 'POST') + '0\r\n\r\n',
  ),
  ...[
    '',
    ' ',
    'a',
    '-1',
    '+1',
    '1.0',
    '1e1',
    '0x5',
    '5 5',
    '5,5',
    '5;5',
    '\u00b2',
    '99999999999999999999',
  ].map((length): Rule =>
    refused(
      '§6.3',
      `Content-Length ${JSON.stringify(length)}`,
      ask('/echo', `Content-Length: ${length}\r\n`, 'POST'),
    ),
  ),
  refused(
    '§6.3',
    'two different lengths',
    ask('/echo', 'Content-Length: 4\r\nContent-Length: 5\r\n', 'POST'),
  ),
  refused(
    '§6.3',
    'the same length twice',
    ask('/echo', 'Content-Length: 5\r\nContent-Length: 5\r\n', 'POST'),
  ),
]

const chunked: readonly Rule[] = [
  {
    clause: '§7.1',
    name: 'chunks are put together',
    send: chunks('3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n') + text,
    statuses: [200, 200],
    also: ([answer]) => assert.match(answer!.body.toString(), /"body":"abc0123456789"/),
  },
  {
    clause: '§7.1',
    name: 'chunks that arrive byte by byte',
    send: [chunks(''), ...Array.from('2\r\nab\r\n0\r\n\r\n')],
    statuses: [200],
  },
  {
    clause: '§7.1.1',
    name: 'extensions nobody knows are passed over',
    send: chunks('3;a;b=c;d="e f"\r\nabc\r\n0;g\r\n\r\n'),
    statuses: [200],
  },
  {
    clause: '§7.1.2',
    name: 'trailers are read and are no fields',
    send: chunks('0\r\nX-Late: 1\r\n\r\n') + text,
    statuses: [200, 200],
    also: ([answer]) => assert.doesNotMatch(answer!.body.toString(), /x-late/i),
  },
  {
    clause: '§7.1.2',
    name: 'a trailer cannot set a length',
    send: chunks('1\r\na\r\n0\r\nContent-Length: 50\r\n\r\n') + text,
    statuses: [200, 200],
  },
  ...(
    [
      ['no size', '\r\nabc\r\n0\r\n\r\n'],
      ['a size with a prefix', '0x3\r\nabc\r\n0\r\n\r\n'],
      ['a size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
      ['a negative size', '-3\r\nabc\r\n0\r\n\r\n'],
      ['a size with an underscore', '1_0\r\nabc\r\n0\r\n\r\n'],
      ['a size beyond 64 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
      ['a size beyond 53 bits', '20000000000003\r\nabc\r\n0\r\n\r\n'],
      ['a space before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
      ['a space behind the size', '3 \r\nabc\r\n0\r\n\r\n'],
      ['a space before an extension', '3 ;a\r\nabc\r\n0\r\n\r\n'],
      ['a bare LF behind the size', '3\nabc\r\n0\r\n\r\n'],
      ['a bare CR behind the size', '3\rabc\r\n0\r\n\r\n'],
      ['a bare LF within an extension', '3;a\nabc\r\n0\r\n\r\n'],
      ['CR LF within a quoted extension', '3;a="\r\nabc"\r\n0\r\n\r\n'],
      ['NUL in an extension', '3;\0\r\nabc\r\n0\r\n\r\n'],
      ['data longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
      ['data shorter than its size', '4\r\nabc\r\n0\r\n\r\n'],
      ['a bare LF behind the data', '3\r\nabc\n0\r\n\r\n'],
      ['a bare LF behind the last chunk', '0\n\r\n'],
      ['a trailer without a colon', '0\r\nabc\r\n\r\n'],
      ['a folded trailer', '0\r\na: b\r\n c\r\n\r\n'],
      ['a space before the colon of a trailer', '0\r\na : b\r\n\r\n'],
      ['NUL in a trailer', '0\r\na: \0\r\n\r\n'],
      ['a bare CR in a trailer', '0\r\na: b\rc\r\n\r\n'],
      ['a bare LF behind a trailer', '0\r\na: b\n\r\n'],
      ['trailers without end', `0\r\n${'a: b\r\n'.repeat(3000)}`],
      ['an extension without end', `3;${'a'.repeat(9000)}`],
    ] as const
  ).map(([name, bytes]): Rule => refused('§7.1', name, chunks(bytes))),
]

const connections: readonly Rule[] = [
  { clause: '§9.3', name: 'a connection stays', send: text, statuses: [200], closed: false },
  {
    clause: '§9.3',
    name: 'close ends it',
    send: ask('/text', 'Connection: close\r\n') + text,
    statuses: [200],
    closed: true,
    also: (a) => assert.equal(field(a, 'connection'), 'close'),
  },
  {
    clause: '§9.3',
    name: 'close in a list, in any case',
    send: ask('/text', 'Connection: foo, CLOSE\r\n') + text,
    statuses: [200],
    closed: true,
  },
  {
    clause: '§9.3',
    name: 'close in a second field',
    send: ask('/text', 'Connection: foo\r\nConnection: close\r\n') + text,
    statuses: [200],
    closed: true,
  },
  {
    clause: '§9.3',
    name: 'HTTP/1.0 ends',
    send: 'GET /text HTTP/1.0\r\n\r\n',
    statuses: [200],
    closed: true,
  },
  {
    clause: '§9.3',
    name: 'HTTP/1.0 stays when it asks',
    send: 'GET /text HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    statuses: [200],
    closed: false,
    also: (a) => assert.equal(field(a, 'connection'), 'keep-alive'),
  },
  {
    clause: '§9.3.2',
    name: 'pipelined requests are answered in order',
    send: ask('/text') + ask('/missing') + ask('/empty') + ask('/moved'),
    statuses: [200, 404, 204, 301],
  },
  {
    clause: '§9.3.2',
    name: 'pipelined HEAD',
    send: ask('/text', '', 'HEAD') + text,
    statuses: [200, 200],
    methods: ['HEAD', 'GET'],
  },
  {
    clause: '§9.6',
    name: 'nothing is read behind close',
    send: ask('/text', 'Connection: close\r\n') + text + text,
    statuses: [200],
    closed: true,
  },
  {
    clause: '§9.3',
    name: 'a body that nobody reads is not taken for a request',
    send: `${ask('/text', `Content-Length: ${text.length}\r\n`, 'POST')}${text}`,
    statuses: [200],
    closed: false,
  },
]

testRules(scope, [...requestLine, ...fields, ...bodies, ...chunked, ...connections], () => server)
