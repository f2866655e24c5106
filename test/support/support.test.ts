import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { certificateAuthority, certificateFor } from './certificates.ts'
import { echo, sayName, startTcpBackend, startTlsBackend, startUdpBackend } from './echo-servers.ts'
import { curl, parseAnswer, rawHttp } from './http.ts'
import { makeNetnsPair } from './netns.ts'
import { askNginx, startNginx } from './nginx.ts'
import { freePort, freePorts } from './ports.ts'
import { run, startProcess } from './process.ts'
import { isAlive, isListening, memoryBytes, processTree, readProcess } from './process-tree.ts'
import { Random } from './random.ts'
import { onEnd, Scope } from './scope.ts'
import { connectTcp, connectTls, exchangeTcp } from './tcp.ts'
import { makeTempPrefix } from './temp-prefix.ts'
import { listenPorts, startTrijet } from './trijet.ts'
import { exchangeUdp } from './udp.ts'
import { until, within } from './wait.ts'

test('a scope ends what was started last first, and every end runs', async () => {
  const scope = new Scope()
  const order: number[] = []
  onEnd(scope, () => void order.push(1))
  onEnd(scope, () => Promise.reject(new Error('fails')))
  onEnd(scope, () => void order.push(3))
  await assert.rejects(scope.close(), /fails/)
  assert.deepEqual(order, [3, 1])
})

test('waiting names what did not come', async () => {
  const never = new Promise<void>(() => undefined)
  await assert.rejects(within(never, { what: 'rain', deadlineMs: 5 }), /waited 5 ms for rain/)
  await assert.rejects(
    until(() => false, { what: 'snow', deadlineMs: 5 }),
    /for snow/,
  )
  assert.equal(await until(() => 0), 0)
})

test('ports are different and free', async () => {
  const ports = await freePorts(5)
  assert.equal(new Set(ports).size, 5)
  for (const port of ports) assert.equal(isListening(port), false)
})

test('a prefix is there during its test only', async () => {
  const scope = new Scope()
  const prefix = makeTempPrefix(scope, { 'conf/a/b.conf': 'x;' })
  assert.equal(prefix.read('conf/a/b.conf'), 'x;')
  assert.equal(prefix.read('logs/none.log'), '')
  await scope.close()
  assert.equal(existsSync(prefix.path), false)
})

test('the same seed gives the same sequence', () => {
  const sequence = (seed: number): number[] => {
    const random = new Random(seed)
    return Array.from({ length: 20 }, () => random.integer(1, 6))
  }
  assert.deepEqual(sequence(7), sequence(7))
  assert.notDeepEqual(sequence(7), sequence(8))
  assert.deepEqual(
    [...new Set(sequence(9))].sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6],
  )
  assert.deepEqual(new Random(1).shuffle(['a', 'b', 'c']).sort(), ['a', 'b', 'c'])
})

test('a process and its descendants end with their owner', async () => {
  const scope = new Scope()
  const child = await startProcess(scope, ['sh', '-c', 'sleep 300 & echo "child $!"; wait'])
  const [, grandchild] = await child.waitForOutput(/child (\d+)/)
  assert.deepEqual(
    processTree(child.pid).map(({ pid }) => pid),
    [child.pid, Number(grandchild)],
  )
  assert.ok(memoryBytes(child.pid) > 0)
  await scope.close()
  assert.equal(isAlive(child.pid), false)
  await until(() => !isAlive(Number(grandchild)))
})

test('a process that ends early fails the wait with what it said', async (t) => {
  const child = await startProcess(t, ['sh', '-c', 'echo oops >&2; exit 3'])
  await assert.rejects(child.waitForOutput(/ready/), /ended with code 3 .*\n.*oops/)
  assert.deepEqual(await child.exited, { code: 3, signal: null })
  await assert.rejects(startProcess(t, ['/no/such/file']), /ENOENT/)
})

test('a command that does not end is killed', async () => {
  await assert.rejects(
    run(['sleep', '300'], { deadlineMs: 50 }),
    /waited 50 ms for the end of sleep/,
  )
  assert.equal((await run(['cat'], { input: 'abc' })).stdout, 'abc')
  assert.ok(readProcess(process.pid)!.command.length > 0)
})

test('a client reads by length, by marker and to the end', async (t) => {
  const backend = await startTcpBackend(t)
  const client = await connectTcp(t, { port: backend.port })
  await client.send('hello\nrest')
  assert.equal((await client.read(2)).toString(), 'he')
  assert.equal(await client.readUntil('\n'), 'llo\n')
  await client.end()
  assert.equal((await client.readAll()).toString(), 'rest')
  await assert.rejects(client.read(1), /connection ended/)
  assert.equal(backend.accepted, 1)
})

test('backends: unix socket, TLS with our certificates, UDP', async (t) => {
  const prefix = makeTempPrefix(t)
  const unix = await startTcpBackend(t, sayName('me'), { path: prefix.file('data/s.sock') })
  assert.equal(unix.address, `unix:${prefix.file('data/s.sock')}`)
  assert.equal(await exchangeTcp(t, { path: prefix.file('data/s.sock') }), 'me')

  for (const type of ['rsa', 'ecdsa'] as const) {
    const { key, cert } = certificateFor(['a.test', '127.0.0.1'], type)
    const secure = await startTlsBackend(t, { key, cert }, echo)
    const trusted = { ca: certificateAuthority().cert, rejectUnauthorized: true }
    const client = await connectTls(t, { port: secure.port, servername: 'a.test', ...trusted })
    await client.send('x')
    assert.equal((await client.read(1)).toString(), 'x')
  }
  const udp = await startUdpBackend(t, (bytes) => `got ${bytes.toString()}`)
  assert.equal(await exchangeUdp(t, { host: '127.0.0.1', port: udp.port }, 'u'), 'got u')
})

test('nginx serves stream and http, reloads and stops', async (t) => {
  const [a, b] = await freePorts(2)
  const http = `server { listen ${b}; location / { return 200 "path $uri"; } }`
  const conf = (word: string) => ({ stream: `server { listen ${a}; return ${word}; }`, http })
  const nginx = await startNginx(t, conf('one'))
  assert.equal(await exchangeTcp(t, { port: a! }), 'one')
  const request = 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const answer = await rawHttp(t, { port: b! }, request)
  assert.deepEqual([answer.status, answer.body.toString()], [200, 'path /x'])
  assert.equal((await curl(`http://127.0.0.1:${b}/y`)).body.toString(), 'path /y')
  await nginx.reload(conf('two'))
  assert.equal(await exchangeTcp(t, { port: a! }), 'two')
  await nginx.stop()
  assert.equal(isListening(a!), false)
})

test('the engine serves, reloads, refuses and stops', async (t) => {
  const [tcp, udp] = await freePorts(2)
  const conf = (word: string): string => `
    events {}
    stream {
      server { listen 127.0.0.1:${tcp}; return ${word}; }
      server { listen 127.0.0.1:${udp} udp; return udp; }
    }`
  const engine = await startTrijet(t, { conf: conf('one') })
  assert.equal(engine.pid, engine.process.pid)
  assert.equal(await exchangeTcp(t, { port: tcp! }), 'one')
  assert.equal(await exchangeUdp(t, { host: '127.0.0.1', port: udp! }, 'x'), 'udp')
  assert.equal(await engine.reload(conf('two')), true)
  assert.equal(await exchangeTcp(t, { port: tcp! }), 'two')
  assert.equal(await engine.reload('nothing;'), false)
  assert.equal(await exchangeTcp(t, { port: tcp! }), 'two')
  assert.deepEqual(await engine.stop(), { code: 0, signal: null })
  assert.equal(isListening(tcp!), false)
})

test('an engine that cannot start says why', async (t) => {
  await assert.rejects(
    startTrijet(t, { conf: 'events {} nothing;' }),
    /unknown directive "nothing"/,
  )
})

test('nginx is asked for its opinion', async (t) => {
  assert.deepEqual(await askNginx(t, 'events {}\n'), { ok: true, messages: [] })
  const { ok, messages } = await askNginx(t, 'events {}\nnothing;\n')
  assert.equal(ok, false)
  assert.deepEqual(messages, ['[emerg] unknown directive "nothing" in conf/nginx.conf:2'])
})

test('an answer is parsed with its chunks', () => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n'
  const answer = parseAnswer(Buffer.from(`${head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`))
  assert.equal(answer.body.toString(), 'abcde')
  assert.equal(answer.header('x-a'), '1')
  assert.throws(() => parseAnswer(Buffer.from(`${head}3\r\nab`)), /chunk cut/)
  assert.throws(() => parseAnswer(Buffer.from('HTTP/1.1 200 OK\r\n')), /no end of the header block/)
})

test('the ports of a configuration are found', () => {
  const conf =
    'listen 80;\n listen 127.0.0.1:81 ssl;\nlisten [::]:82; listen 9 udp;\nlisten unix:/a;'
  assert.deepEqual(listenPorts(conf), [80, 81, 82])
})

test('two namespaces reach each other, and no one else', async (t) => {
  const { client, server } = await makeNetnsPair(t)
  const port = await freePort()
  const serve = `require('net').createServer((s) => s.end('hi')).listen(${port}, () => console.log('up'))`
  const child = await server.start(t, [process.execPath, '-e', serve])
  await child.waitForOutput(/up/)
  await client.iptables(
    `-t nat -A OUTPUT -d ${server.address} -p tcp --dport 1 -j DNAT --to :${port}`,
  )
  assert.equal(await client.exec('nc', '-d', server.address, '1'), 'hi')
  assert.equal(await client.exec('nc', '-d', server.address6, `${port}`), 'hi')
  await assert.rejects(exchangeTcp(t, { host: '127.0.0.1', port }), /ECONNREFUSED/)
})
