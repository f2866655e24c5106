/** Limits and access over time: what one request shows to the next, and to those at the same time. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { curl } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { runOk } from '../support/process.ts'
import { connectTcp } from '../support/tcp.ts'
import { startTrijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import { startHttp } from './support.ts'

const host = '127.0.0.1'

async function statusOf(port: number, path = '/', ...options: string[]): Promise<number> {
  return (await curl(...options, `http://${host}:${port}${path}`)).status
}

test('limit_conn counts requests under way, and forgets those that end', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; limit_conn_zone $server_addr zone=one:64k;
     server { listen ${host}:${port}; limit_conn one 1; limit_conn_status 429;
       location /slow { limit_rate 1; limit_rate_after 10; } }`,
    { 'html/slow': 'x'.repeat(1000), 'html/index.html': 'quick' },
  )
  const slow = await connectTcp(t, { port, host })
  await slow.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
  await slow.readUntil('\r\n\r\n')
  assert.equal(await statusOf(port), 429)
  assert.match(engine.errorLog, /limiting connections by zone "one", client: 127\.0\.0\.1/)
  slow.close()
  await until(async () => (await statusOf(port)) === 200, {
    what: 'the place of the client that left',
  })
})

test('limit_rate cuts a body by seconds, and all of it arrives', async (t) => {
  const port = await freePort()
  const body = Array.from({ length: 1000 }, (_, i) => String(i).padStart(5)).join('')
  await startHttp(
    t,
    `access_log off; server { listen ${host}:${port}; limit_rate 2k; limit_rate_after 1k; }`,
    { 'html/file': body },
  )
  const begun = performance.now()
  const answer = await curl(`http://${host}:${port}/file`)
  assert.equal(String(answer.body), body)
  // 3 KiB go at once; the rest needs a change of the second, which is up to a second away.
  assert.ok(performance.now() - begun > 5, 'it was not sent at once')
})

test('a limited body ends with its client', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; server { listen ${host}:${port}; limit_rate 1; }`,
    { 'html/file': 'x'.repeat(100) },
  )
  const client = await connectTcp(t, { port, host })
  await client.send('GET /file HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.readUntil('\r\n\r\n')
  client.close()
  await until(() => engine.engine.active === 0, { what: 'the connection to end' })
})

test('a client that leaves while it waits its turn is forgotten', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; limit_req_zone $server_addr zone=one:64k rate=1r/m;
     server { listen ${host}:${port}; limit_req zone=one burst=5; }`,
    { 'html/x/index.html': 'x' },
  )
  assert.equal(await statusOf(port, '/x/'), 200)
  const client = await connectTcp(t, { port, host })
  await client.send('GET /x/ HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => engine.errorLog.includes('delaying request'), { what: 'the request to wait' })
  client.close()
  await until(() => engine.engine.active === 0, { what: 'the connection to end' })
  assert.doesNotMatch(engine.errorLog, /\[(?:alert|emerg|crit)\]/)
})

test('a user who is taken out of the file is out at once', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; server { listen ${host}:${port}; auth_basic x; auth_basic_user_file users; }`,
    { 'conf/users': 'ann:{PLAIN}one\n', 'html/index.html': 'in' },
  )
  assert.equal(await statusOf(port, '/', '-u', 'ann:one'), 200)
  engine.prefix.write('conf/users', 'bob:{PLAIN}two\n')
  assert.equal(await statusOf(port, '/', '-u', 'ann:one'), 401)
  assert.equal(await statusOf(port, '/', '-u', 'bob:two'), 200)
})

test('slow hashes hold up nobody, and each gets its own answer', async (t) => {
  const port = await freePort()
  const sha512 =
    '$6$abc$MtSdWSZbhct2oe.SOqOUM2M/GA/uj5.vyVtJgRHgKi9uqXuWuJqOYE7H/YlsYGVg/YYzDV0xt3fEIwYt580.5.'
  await startHttp(
    t,
    `access_log off; server { listen ${host}:${port}; auth_basic x; auth_basic_user_file users; }`,
    { 'conf/users': `ann:${sha512}\n`, 'html/index.html': 'in' },
  )
  const guesses = ['pw', 'a', 'pw', 'b', 'c', 'pw']
  const answers = await Promise.all(guesses.map((word) => statusOf(port, '/', '-u', `ann:${word}`)))
  assert.deepEqual(answers, [200, 401, 200, 401, 401, 200])
})

test('a mirror that takes its time does not hold up its client', async (t) => {
  const port = await freePort()
  const seen: string[] = []
  const answers: (() => void)[] = []
  const copy = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += String(chunk)))
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${body}`)
      answers.push(() => response.end())
    })
  }).listen(0, host)
  t.after(() => copy.close())
  await once(copy, 'listening')
  const { port: copyPort } = copy.address() as { port: number }
  await startHttp(
    t,
    `access_log off; server { listen ${host}:${port};
       location /f { mirror /m; } location = /m { internal; proxy_pass http://${host}:${copyPort}$request_uri; } }`,
    { 'html/f/index.html': 'file' },
  )
  const client = await connectTcp(t, { port, host })
  for (const name of ['one', 'two']) {
    await client.send(
      `POST /f/index.html?${name} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n${name}`,
    )
    assert.match(await client.readUntil('\r\n\r\n'), /^HTTP\/1\.1 405/)
    await client.readUntil('</html>\r\n')
  }
  client.close()
  await until(() => seen.length === 2, { what: 'both copies' })
  assert.deepEqual(seen.toSorted(), ['POST /f/index.html?one one', 'POST /f/index.html?two two'])
  for (const answer of answers) answer()
})

test('stub_status counts connections and requests', async (t) => {
  const port = await freePort()
  await startHttp(
    t,
    `access_log off; server { listen ${host}:${port}; location /s { stub_status; }
       location / { return 200 "$connections_active $connections_reading $connections_writing $connections_waiting"; } }`,
  )
  const idle = await connectTcp(t, { port, host })
  await idle.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await idle.readUntil('1 0 1 0')
  const half = await connectTcp(t, { port, host })
  await half.send('GET /x')
  const text = await until(
    async () => {
      const { body } = await curl(`http://${host}:${port}/s`)
      return /Reading: 1 Writing: 1 Waiting: 1/.test(String(body)) && String(body)
    },
    { what: 'what is read and what waits' },
  )
  const [, active, accepts, handled, requests] =
    /^Active connections: (\d+) \nserver accepts handled requests\n (\d+) (\d+) (\d+) \n/.exec(
      text,
    )!
  assert.equal(active, '3')
  assert.equal(accepts, handled)
  assert.ok(Number(requests) >= Number(accepts))
})

test('logs go to a syslog server', async (t) => {
  const port = await freePort()
  const server = createSocket('udp4').bind(0, host)
  t.after(() => server.close())
  await once(server, 'listening')
  const lines: string[] = []
  server.on('message', (message) => lines.push(String(message)))
  const { port: syslogPort } = server.address()
  const to = `syslog:server=${host}:${syslogPort}`
  const conf = `events {} error_log ${to},nohostname,tag=errors info;
    http { log_format f '$request_method $uri'; access_log ${to},facility=mail,severity=debug,tag=access,nohostname f;
      server { listen ${host}:${port}; location / { deny all; } } }`
  await startTrijet(t, { conf })
  assert.equal(await statusOf(port, '/secret'), 403)
  await until(
    () =>
      ['access: GET /secret', 'forbidden by rule'].every((text) =>
        lines.some((line) => line.includes(text)),
      ),
    { what: 'both lines' },
  )
  const access = lines.find((line) => line.includes('access:'))!
  assert.match(access, /^<23>[A-Z][a-z]{2} [ \d]\d [\d:]{8} access: GET \/secret$/)
  const error = lines.find((line) => line.includes('forbidden'))!
  assert.match(
    error,
    /^<187>.{15} errors: \d{4}\/\d\d\/\d\d [\d:]{8} \[error\] \d+#\d+: \*\d+ access forbidden by rule, client: 127\.0\.0\.1, server: , request: "GET \/secret HTTP\/1\.1", host: "[^"]+"$/,
  )
})

test('limits hold over all workers, and outlive one', async (t) => {
  const port = await freePort()
  const conf = `worker_processes 2; events {}
    http { access_log off; limit_req_zone $server_addr zone=one:64k rate=1r/m;
      server { listen ${host}:${port} reuseport; limit_req zone=one burst=9 nodelay; limit_req_status 429;
        location / { return 403; } location /x { } } }`
  const engine = await startTrijet(t, { conf, files: { 'html/x/index.html': 'x' } })
  const first = await Promise.all(Array.from({ length: 10 }, () => statusOf(port, '/x/')))
  assert.deepEqual(
    first,
    Array.from({ length: 10 }, () => 200),
  )
  assert.equal(await statusOf(port, '/x/'), 429)
  const [worker] = engine.children('worker process')
  process.kill(worker!.pid, 'SIGKILL')
  await until(
    () => engine.children('worker process').filter(({ pid }) => pid !== worker!.pid).length === 2,
    { what: 'another worker' },
  )
  assert.equal(await statusOf(port, '/x/'), 429)
})

test('all of it over HTTP/2', async (t) => {
  const port = await freePort()
  await startHttp(
    t,
    `access_log off; limit_req_zone $server_addr zone=one:64k rate=1r/m;
     server { listen ${host}:${port}; http2 on;
       location / { auth_basic x; auth_basic_user_file users; add_trailer X-Sum $status; expires 1h; }
       location /auth { auth_request /no; } location = /no { return 403; }
       location /rate { limit_rate 4k; alias html/file; } location /req { limit_req zone=one; alias html/file; } }`,
    { 'conf/users': 'ann:{PLAIN}one\n', 'html/index.html': 'in', 'html/file': 'x'.repeat(6000) },
  )
  const format = '%{http_code} %header{www-authenticate}%header{cache-control} %{size_download}'
  const ask = (path: string, ...options: string[]): Promise<string> =>
    runOk([
      'curl',
      ...['--silent', '--http2-prior-knowledge', '--output', '/dev/null'],
      ...['--write-out', format, ...options, `http://${host}:${port}${path}`],
    ])
  assert.match(await ask('/'), /^401 Basic realm="x" /)
  assert.equal(await ask('/', '-u', 'ann:one'), '200 max-age=3600 2')
  assert.match(await ask('/auth'), /^403 /)
  assert.equal(await ask('/rate'), '200  6000')
  assert.equal(await ask('/req'), '200  6000')
  assert.match(await ask('/req'), /^503 /)
})
