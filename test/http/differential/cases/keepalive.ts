/** How long connections live, and what runs over them. */
import { type Case, get, post } from '../case.ts'

const ok = 'location / { return 200 "<$request_uri>"; }'

export const cases: readonly Case[] = [
  { name: 'HTTP/1.1 stays', server: ok, requests: [get('/1'), get('/2'), get('/3')] },
  {
    name: 'Connection: close',
    server: ok,
    requests: [get('/1', 'Connection: close\r\n'), get('/2')],
  },
  {
    name: 'Connection: Close in another case',
    server: ok,
    requests: [get('/1', 'Connection: Close\r\n')],
  },
  {
    name: 'close among other options',
    server: ok,
    requests: [get('/1', 'Connection: te, close\r\n'), get('/2')],
  },
  {
    name: 'Connection with unknown options',
    server: ok,
    requests: [get('/1', 'Connection: foo\r\n')],
  },
  {
    name: 'Connection: keep-alive in 1.1',
    server: ok,
    requests: [get('/1', 'Connection: keep-alive\r\n'), get('/2')],
  },
  {
    name: 'two Connection fields',
    server: ok,
    requests: [get('/1', 'Connection: keep-alive\r\nConnection: close\r\n')],
  },
  { name: 'HTTP/1.0 closes', server: ok, requests: ['GET /1 HTTP/1.0\r\n\r\n'] },
  {
    name: 'HTTP/1.0 with keep-alive stays',
    server: ok,
    requests: [
      'GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      'GET /2 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n',
      'GET /3 HTTP/1.0\r\n\r\n',
    ],
  },
  {
    name: 'keepalive_timeout 0',
    server: `keepalive_timeout 0; ${ok}`,
    requests: [get('/1'), get('/2')],
  },
  {
    name: 'keepalive_timeout with a header',
    server: `keepalive_timeout 10s 7s; ${ok}`,
    requests: [get('/1'), get('/2')],
  },
  {
    name: 'keepalive_timeout with a header of 0',
    server: `keepalive_timeout 10s 0; ${ok}`,
    requests: [get('/1')],
  },
  {
    name: 'keepalive_requests 2',
    server: `keepalive_requests 2; ${ok}`,
    requests: [get('/1'), get('/2'), get('/3')],
  },
  {
    name: 'keepalive_requests 0',
    server: `keepalive_requests 0; ${ok}`,
    requests: [get('/1'), get('/2')],
  },
  {
    name: 'keepalive_requests by location',
    server: `${ok} location /one { keepalive_requests 1; return 200 one; }`,
    requests: [get('/1'), get('/one'), get('/2')],
  },
  {
    name: 'keepalive_disable by browser',
    server: `keepalive_disable safari; ${ok}`,
    requests: [
      get(
        '/1',
        'User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X) AppleWebKit/537.36 Safari/537.36\r\n',
      ),
      post(
        '/2',
        'x',
        'User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X) AppleWebKit/537.36 Safari/537.36\r\n',
      ),
    ],
  },
  {
    name: 'keepalive_disable msie6',
    server: `keepalive_disable msie6; ${ok}`,
    requests: [
      post('/1', 'x', 'User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)\r\n'),
      get('/2', 'User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)\r\n'),
      get('/3'),
    ],
  },
  {
    name: 'keepalive_disable none',
    server: `keepalive_disable none; ${ok}`,
    requests: [
      post('/1', 'x', 'User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)\r\n'),
    ],
  },
  {
    name: 'keepalive_timeout ends an idle connection',
    server: `keepalive_timeout 200ms; ${ok}`,
    requests: [{ send: get('/1'), answers: 2 }],
  },
  {
    name: 'client_header_timeout ends a silent connection',
    server: `client_header_timeout 200ms; ${ok}`,
    accessLog: '$status "$request"',
    requests: [{ send: 'GET /', answers: 1 }],
  },
  {
    name: 'client_header_timeout within the fields',
    server: `client_header_timeout 200ms; ${ok}`,
    accessLog: '$status "$request"',
    requests: [{ send: 'GET /a HTTP/1.1\r\nHost: a\r\nX: ', answers: 1 }],
  },
  { name: 'pipelined requests', server: ok, requests: [get('/1') + get('/2') + get('/3')] },
  {
    name: 'pipelined, the last one closes',
    server: ok,
    requests: [get('/1') + get('/2', 'Connection: close\r\n')],
  },
  {
    name: 'pipelined behind one that closes',
    server: ok,
    requests: [{ send: get('/1', 'Connection: close\r\n') + get('/2'), answers: 1 }],
  },
  {
    name: 'pipelined with bodies',
    server: ok,
    requests: [post('/1', 'abc') + post('/2', 'defg') + get('/3')],
  },
  {
    name: 'pipelined with chunked bodies',
    server: ok,
    requests: [
      {
        send: `POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n${get('/2')}`,
        answers: 2,
      },
    ],
  },
  {
    name: 'pipelined HEAD and GET',
    server: ok,
    requests: [get('/1', '', 'HEAD') + get('/2') + get('/3', '', 'HEAD')],
  },
  {
    name: 'pipelined, cut in the middle',
    server: ok,
    requests: [{ send: [get('/1') + get('/2').slice(0, 9), get('/2').slice(9) + get('/3')] }],
  },
  {
    name: 'pipelined with a bad one behind',
    server: ok,
    requests: [
      { send: `${get('/1')}GET /2 HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n${get('/3')}`, answers: 2 },
    ],
  },
  {
    name: 'empty lines between requests',
    server: ok,
    requests: [`${get('/1')}\r\n${get('/2')}\r\n\r\n${get('/3')}`],
  },
  {
    name: 'pipelined more than a buffer',
    server: ok,
    requests: [
      Array.from({ length: 60 }, (_, i) => get(`/${i}`, `X: ${'y'.repeat(50)}\r\n`)).join(''),
    ],
  },
  {
    name: 'error statuses keep the connection',
    server: 'location / { return 404; } location /5 { return 500; } location /3 { return 301 /x; }',
    requests: [get('/1'), get('/5'), get('/3'), get('/1')],
  },
  { name: '400 closes', server: 'return 400;', requests: [get('/1')] },
  { name: '413 keeps or closes', server: 'return 413;', requests: [get('/1')] },
  { name: '408 closes', server: 'return 408;', requests: [get('/1')] },
  {
    name: '500, 501, 503',
    server: 'location / { return 500; } location /1 { return 501; } location /3 { return 503; }',
    requests: [get('/'), get('/1'), get('/3')],
  },
  {
    name: '444 closes without a word',
    server: 'return 444;',
    accessLog: '$status',
    requests: [{ send: get('/1'), answers: 1 }],
  },
  { name: '414 by return', server: 'return 414;', requests: [get('/1')] },
  {
    name: '204 and 304 have no body',
    server: 'location / { return 204; } location /t { return 204 "text"; }',
    requests: [get('/'), get('/t'), get('/')],
  },
  {
    name: 'a body nobody reads is skipped',
    server: ok,
    requests: [post('/1', 'x'.repeat(5000)), get('/2')],
  },
  {
    name: 'a body that comes behind the answer is skipped',
    server: ok,
    requests: [
      { send: ['POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc', 'def'] },
      get('/2'),
    ],
  },
  { name: 'GET with a body', server: ok, requests: [post('/1', 'abc', '', 'GET'), get('/2')] },
  {
    name: 'Keep-Alive of a client says nothing',
    server: ok,
    requests: [get('/1', 'Keep-Alive: timeout=1, max=1\r\n'), get('/2')],
  },
  {
    name: 'Proxy-Connection says nothing',
    server: ok,
    requests: [get('/1', 'Proxy-Connection: close\r\n'), get('/2')],
  },
  {
    name: 'Upgrade that nobody asked for',
    server: ok,
    requests: [get('/1', 'Connection: upgrade\r\nUpgrade: websocket\r\n'), get('/2')],
  },
  {
    name: 'HTTP2-Settings',
    server: ok,
    requests: [
      get(
        '/1',
        'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n',
      ),
    ],
  },
  {
    name: 'an HTTP/1.0 request without a length has no body',
    server: ok,
    requests: ['POST /1 HTTP/1.0\r\n\r\n'],
  },
  {
    name: 'reset_timedout_connection is taken',
    server: `reset_timedout_connection on; keepalive_timeout 200ms; ${ok}`,
    requests: [{ send: get('/1'), answers: 2 }],
  },
  { name: 'keepalive_time', server: `keepalive_time 1h; ${ok}`, requests: [get('/1'), get('/2')] },
]
