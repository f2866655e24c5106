/** Bodies of requests: how they are read, limited, passed on and thrown away. */
import { type Case, get, post, reply } from '../case.ts'

const pass = 'location / { proxy_pass http://{upstream}; }'
const upstream = reply('seen')

/** A chunked request. */
function chunked(target: string, chunks: string, fields = ''): string {
  return `${get(target, `${fields}Transfer-Encoding: chunked\r\n`, 'POST')}${chunks}`
}

const expecting = (length: number, fields = ''): string =>
  get('/', `Content-Length: ${length}\r\nExpect: 100-continue\r\n${fields}`, 'POST')

export const cases: readonly Case[] = [
  {
    name: 'a body by length',
    server: pass,
    upstream,
    requests: [post('/a', 'hello'), post('/b', '')],
  },
  {
    name: 'no body',
    server: pass,
    upstream,
    requests: [get('/'), get('/', '', 'POST'), get('/', '', 'DELETE')],
  },
  { name: 'a body with GET', server: pass, upstream, requests: [post('/', 'hello', '', 'GET')] },
  {
    name: 'a body with HEAD',
    server: pass,
    upstream: 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n',
    requests: [post('/', 'hello', '', 'HEAD')],
  },
  {
    name: 'a body in pieces',
    server: pass,
    upstream,
    requests: [{ send: [get('/', 'Content-Length: 9\r\n', 'POST'), 'abc', 'def', 'ghi'] }],
  },
  { name: 'binary bytes', server: pass, upstream, requests: [post('/', '\0\x01\xff\r\n\r\n\x80')] },
  {
    name: 'a body that looks like a request',
    server: pass,
    upstream,
    requests: [post('/', get('/evil')), get('/next')],
  },
  {
    name: 'a large body',
    server: pass,
    upstream: ({ request, send }) => send(reply(String(request.length))),
    requests: [post('/', 'x'.repeat(300_000)), get('/next')],
  },
  {
    name: 'a chunked body',
    server: pass,
    upstream,
    requests: [chunked('/', '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'), get('/next')],
  },
  {
    name: 'an empty chunked body',
    server: pass,
    upstream,
    requests: [chunked('/', '0\r\n\r\n'), get('/next')],
  },
  {
    name: 'chunk sizes in hexadecimal',
    server: pass,
    upstream,
    requests: [chunked('/', `A\r\n${'x'.repeat(10)}\r\n1a\r\n${'y'.repeat(26)}\r\n0\r\n\r\n`)],
  },
  {
    name: 'chunk sizes with zeros in front',
    server: pass,
    upstream,
    requests: [chunked('/', '0003\r\nabc\r\n00\r\n\r\n')],
  },
  {
    name: 'chunk extensions are dropped',
    server: pass,
    upstream,
    requests: [chunked('/', '3;a=b\r\nabc\r\n0;c\r\n\r\n')],
  },
  {
    name: 'trailers are dropped',
    server: pass,
    upstream,
    requests: [
      chunked('/', '3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n', 'Trailer: X-Trailer\r\n'),
      get('/next'),
    ],
  },
  {
    name: 'chunks byte by byte',
    server: pass,
    upstream,
    requests: [{ send: [chunked('/', ''), ...Array.from('3\r\nabc\r\n0\r\n\r\n')] }],
  },
  {
    name: 'a chunk size that is none',
    server: pass,
    upstream,
    requests: [chunked('/', 'zz\r\nabc\r\n0\r\n\r\n')],
  },
  {
    name: 'a chunk longer than its size',
    server: pass,
    upstream,
    requests: [chunked('/', '3\r\nabcd\r\n0\r\n\r\n')],
  },
  {
    name: 'a chunk size beyond reason',
    server: pass,
    upstream,
    requests: [chunked('/', 'ffffffffffffffffff\r\nabc\r\n0\r\n\r\n')],
  },
  {
    name: 'a negative chunk size',
    server: pass,
    upstream,
    requests: [chunked('/', '-3\r\nabc\r\n0\r\n\r\n')],
  },
  {
    name: 'an empty chunk size',
    server: pass,
    upstream,
    requests: [chunked('/', '\r\nabc\r\n0\r\n\r\n')],
  },
  {
    name: 'length and chunks',
    server: pass,
    upstream,
    requests: [
      {
        send: `${get('/', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', 'POST')}0\r\n\r\n`,
        answers: 1,
      },
    ],
  },
  {
    name: 'another coding than chunked',
    server: pass,
    upstream,
    requests: [
      get('/', 'Transfer-Encoding: gzip\r\n', 'POST'),
      get('/', 'Transfer-Encoding: gzip, chunked\r\n', 'POST'),
    ],
  },
  {
    name: 'Transfer-Encoding: identity',
    server: pass,
    upstream,
    requests: [get('/', 'Transfer-Encoding: identity\r\n', 'POST')],
  },
  {
    name: 'chunked in capitals',
    server: pass,
    upstream,
    requests: [`${get('/', 'Transfer-Encoding: CHUNKED\r\n', 'POST')}1\r\na\r\n0\r\n\r\n`],
  },
  {
    name: 'chunked in HTTP/1.0',
    server: pass,
    upstream,
    requests: ['POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n'],
  },
  {
    name: 'lengths that are none',
    server: pass,
    upstream,
    requests: ['a', '-1', '+1', '1,1', '0x1', '1 1', ''].map((n) =>
      get('/', `Content-Length: ${n}\r\n`, 'POST'),
    ),
  },
  {
    name: 'two lengths',
    server: pass,
    upstream,
    requests: [
      get('/', 'Content-Length: 1\r\nContent-Length: 2\r\n', 'POST'),
      get('/', 'Content-Length: 1\r\nContent-Length: 1\r\n', 'POST'),
    ],
  },
  {
    name: 'client_max_body_size by length',
    server: `client_max_body_size 4; ${pass}`,
    upstream,
    requests: [post('/', 'abcd'), post('/', 'abcde'), post('/', '')],
  },
  {
    name: 'client_max_body_size by chunks',
    server: `client_max_body_size 4; ${pass}`,
    upstream,
    requests: [
      chunked('/', '4\r\nabcd\r\n0\r\n\r\n'),
      chunked('/', '5\r\nabcde\r\n0\r\n\r\n'),
      chunked('/', '3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n'),
    ],
  },
  {
    name: 'client_max_body_size 0 is no limit',
    server: `client_max_body_size 0; ${pass}`,
    upstream,
    requests: [post('/', 'x'.repeat(2000))],
  },
  {
    name: 'client_max_body_size by location',
    server: `client_max_body_size 1k; location /s { client_max_body_size 2; return 200; } location / { return 200; }`,
    requests: [post('/', 'abc'), post('/s', 'abc'), post('/s', 'ab')],
  },
  {
    name: 'client_max_body_size is told before the body comes',
    server: `lingering_timeout 100ms; client_max_body_size 4; ${pass}`,
    upstream,
    requests: [
      { send: expecting(100), answers: 1 },
      { send: get('/', 'Content-Length: 100\r\n', 'POST'), answers: 1 },
    ],
  },
  {
    name: 'client_max_body_size with an error page',
    server: `client_max_body_size 4; error_page 413 /big; location /big { return 200 "too big"; } ${pass}`,
    upstream,
    requests: [post('/', 'abcde', 'Connection: close\r\n')],
  },
  {
    name: 'Expect: 100-continue',
    server: pass,
    upstream,
    requests: [{ send: [expecting(3), 'abc'] }, get('/next')],
  },
  {
    name: 'Expect: 100-continue with chunks',
    server: pass,
    upstream,
    requests: [{ send: [chunked('/', '', 'Expect: 100-continue\r\n'), '1\r\na\r\n0\r\n\r\n'] }],
  },
  {
    name: 'Expect with the body at once',
    server: pass,
    upstream,
    requests: [`${expecting(3)}abc`],
  },
  {
    name: 'Expect in another case',
    server: pass,
    upstream,
    requests: [{ send: [get('/', 'Content-Length: 1\r\nExpect: 100-Continue\r\n', 'POST'), 'a'] }],
  },
  {
    name: 'Expect of something else',
    server: pass,
    upstream,
    requests: [post('/', 'a', 'Expect: something\r\n')],
  },
  {
    name: 'Expect in HTTP/1.0',
    server: pass,
    upstream,
    requests: ['POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\na'],
  },
  {
    name: 'Expect with an empty body',
    difference: { why: 'nothing is waited for', ours: /> POST[^\n]*\nHTTP\/1\.1 200/ },
    server: pass,
    upstream,
    requests: [expecting(0)],
  },
  {
    name: 'a client that goes away within its body',
    server: pass,
    upstream,
    accessLog: '$status $request_length',
    requests: [{ send: `${get('/', 'Content-Length: 10\r\n', 'POST')}abc`, end: true }],
  },
  {
    name: 'client_body_timeout',
    server: `client_body_timeout 200ms; ${pass}`,
    upstream,
    accessLog: '$status',
    requests: [{ send: `${get('/', 'Content-Length: 10\r\n', 'POST')}abc`, answers: 1 }],
  },
  {
    name: 'request_body',
    server: 'location / { proxy_pass http://{upstream}; proxy_set_header X-Body "$request_body"; }',
    upstream,
    requests: [post('/', 'hello'), get('/')],
  },
  {
    name: 'request_body in the log',
    server: pass,
    upstream,
    accessLog: '[$request_body] $content_length',
    requests: [post('/', 'a=1&b="2"'), get('/')],
  },
  {
    name: 'a body beyond the buffer',
    server: `client_body_buffer_size 1k; ${pass}`,
    upstream: ({ request, send }) => send(reply(String(request.length))),
    requests: [post('/', 'y'.repeat(20_000))],
  },
  {
    name: 'client_body_in_file_only',
    server:
      'client_body_in_file_only clean; location / { proxy_pass http://{upstream}; proxy_set_header X-File "$request_body_file"; }',
    upstream,
    mask: [[/X-File: \S*\d{10}/g, 'X-File: {file}']],
    requests: [post('/', 'hello')],
  },
  {
    name: 'client_body_in_single_buffer',
    server: `client_body_in_single_buffer on; ${pass}`,
    upstream,
    requests: [post('/', 'hello')],
  },
  {
    name: 'proxy_request_buffering off',
    server: 'location / { proxy_pass http://{upstream}; proxy_request_buffering off; }',
    upstream,
    requests: [
      post('/', 'hello'),
      { send: [get('/', 'Content-Length: 6\r\n', 'POST'), 'abc', 'def'] },
    ],
  },
  {
    name: 'proxy_request_buffering off with chunks in 1.1',
    difference: {
      why: 'nginx has seen the whole body by chance',
      ours: /Transfer-Encoding: chunked/,
    },
    server:
      'location / { proxy_pass http://{upstream}; proxy_request_buffering off; proxy_http_version 1.1; }',
    upstream,
    requests: [chunked('/', '3\r\nabc\r\n0\r\n\r\n')],
  },
  {
    name: 'proxy_pass_request_body off',
    server:
      'location / { proxy_pass http://{upstream}; proxy_pass_request_body off; proxy_set_header Content-Length ""; }',
    upstream,
    requests: [post('/', 'hello')],
  },
  {
    name: 'proxy_set_body',
    server: 'location / { proxy_pass http://{upstream}; proxy_set_body "method=$request_method"; }',
    upstream,
    requests: [post('/', 'hello'), get('/')],
  },
  {
    name: 'a backend that answers before it has the body',
    server: pass,
    upstreams: { upstream },
    requests: [post('/', 'x'.repeat(1000)), get('/next')],
  },
]
