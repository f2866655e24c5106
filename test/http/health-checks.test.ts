/** Active checks of HTTP groups, over two workers and through everything that may happen to them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawHttp } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { healthPath, type ProbedPeer, startProbedPeer } from '../support/probed-peer.ts'
import { run } from '../support/process.ts'
import type { Owner } from '../support/scope.ts'
import { startTrijet, type Trijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'

const host = '127.0.0.1'

interface Setting {
  readonly port: number
  readonly peers: readonly ProbedPeer[]
  readonly check: string
  readonly server?: string
  readonly workers?: number
}

function confOf({ port, peers, check, server = '', workers = 2 }: Setting): string {
  const servers = peers.map((peer) => `server ${host}:${peer.port} max_fails=0 ${server};`)
  return `
worker_processes ${workers};
error_log logs/error.log notice;
pid logs/trijet.pid;
events {}
http {
  access_log off;
  upstream backend { zone backend 64k; ${servers.join(' ')} ${check} }
  server { listen ${port}; location / { proxy_pass http://backend; proxy_next_upstream off; } }
}
`
}

async function start(t: Owner, check: string, count = 2): Promise<Setting & { engine: Trijet }> {
  const peers = []
  for (let i = 0; i < count; i += 1) peers.push(await startProbedPeer(t))
  const setting = { port: await freePort(), peers, check }
  return { ...setting, engine: await startTrijet(t, { conf: confOf(setting) }) }
}

async function statusOf(owner: Owner, port: number): Promise<number> {
  const bytes = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
  return (await rawHttp(owner, { host, port }, bytes)).status
}

/** Which of the peers answer, over enough clients for each worker to be asked. */
async function answering(t: Owner, { port, peers }: Setting): Promise<readonly boolean[]> {
  const before = peers.map(({ requests }) => requests)
  for (let i = 0; i < 24; i += 1) await statusOf(t, port)
  return peers.map(({ requests }, i) => requests > before[i]!)
}

const often = `health_check interval=100ms uri=${healthPath}`

function unhealthy(engine: Trijet, from: number): Promise<unknown> {
  return engine.waitForLog(/peer is unhealthy: unexpected status 503, health check "http"/, from)
}

test('a peer that fails its checks gets no request any more, and comes back with good ones', async (t) => {
  const setting = await start(t, `${often} fails=2 passes=3;`)
  const { engine, peers, port } = setting
  const ill = peers[1]!
  await Promise.all(peers.map((peer) => peer.checked(2)))
  assert.deepEqual(await answering(t, setting), [true, true])

  const load = run(['wrk', '-t1', '-c8', '-d3s', `http://${host}:${port}/`])
  await until(() => ill.requests > 100, { what: 'load' })
  const from = engine.errorLog.length
  ill.health = 503
  await unhealthy(engine, from)
  // What was chosen before may still be on its way.
  const { requests: at } = peers[0]!
  await until(() => peers[0]!.requests > at + 50, { what: 'requests after the failure' })
  const seen = ill.requests
  const { stdout } = await load
  assert.equal(ill.requests, seen, 'no request after the failure')
  assert.doesNotMatch(stdout, /Non-2xx|Socket errors/)

  ill.health = 200
  const checks = ill.checks
  await engine.waitForLog(/\[notice\].* peer is healthy/, from)
  assert.ok(ill.checks >= checks + 3, 'as many good checks as are asked for')
  assert.deepEqual(await answering(t, setting), [true, true])
})

test('each peer is checked by one process, whatever the number of workers', async (t) => {
  const { peers } = await start(t, `health_check interval=400ms uri=${healthPath};`, 1)
  const peer = peers[0]!
  await peer.checked(1)
  const { checks } = peer
  const begun = performance.now()
  await peer.checked(5)
  const intervals = (performance.now() - begun) / 400
  assert.ok(peer.checks - checks <= intervals + 2, 'not twice as many as there are intervals')
})

test('when the process that checks is killed another goes on', async (t) => {
  const setting = await start(t, `${often};`, 1)
  const peer = setting.peers[0]!
  await peer.checked(2)
  for (const { pid } of setting.engine.children('worker process')) {
    process.kill(pid, 'SIGKILL')
    await peer.checked(3)
  }
})

test('a mandatory check comes before the first request', async (t) => {
  const peer = await startProbedPeer(t)
  peer.health = 503
  const setting = {
    port: await freePort(),
    peers: [peer],
    check: `${often} mandatory persistent;`,
  }
  const engine = await startTrijet(t, { conf: confOf(setting) })
  await unhealthy(engine, 0)
  assert.equal(await statusOf(t, setting.port), 502)
  assert.equal(peer.requests, 0)
  peer.health = 200
  await engine.waitForLog(/peer is healthy/)
  assert.equal(await statusOf(t, setting.port), 200)

  const second = await startProbedPeer(t)
  second.health = 503
  const both = { ...setting, peers: [peer, second] }
  assert.ok(await engine.reload(confOf(both)))
  assert.deepEqual(await answering(t, both), [true, false])
  second.health = 200
  await until(async () => (await answering(t, both))[1], { what: 'the second peer' })
})

test('without a check, servers of a mandatory group wait for one', async (t) => {
  const setting = await start(t, 'health_check mandatory;', 1)
  assert.equal(await statusOf(t, setting.port), 502)
  const checked = { ...setting, check: `${often} mandatory;` }
  assert.ok(await setting.engine.reload(confOf(checked)))
  await until(async () => (await statusOf(t, setting.port)) === 200, { what: 'the first check' })
})

test('what a peer was found to be is kept over a reload', async (t) => {
  const setting = await start(t, `${often} mandatory persistent;`)
  const { engine, peers } = setting
  await until(async () => (await answering(t, setting)).every(Boolean), { what: 'both' })
  const from = engine.errorLog.length
  peers[1]!.health = 503
  await unhealthy(engine, from)
  // The block is another one, and nobody checks: what was found must do.
  const slow = {
    ...setting,
    check: `health_check interval=1h jitter=1h uri=${healthPath} mandatory persistent;`,
  }
  assert.ok(await engine.reload(confOf(slow)))
  assert.deepEqual(await answering(t, setting), [true, false])
  assert.ok(await engine.reload(confOf({ ...slow, workers: 1 })))
  assert.deepEqual(await answering(t, setting), [true, false])
  // Without checks there is nothing that keeps it out.
  assert.ok(await engine.reload(confOf({ ...setting, check: '' })))
  assert.deepEqual(await answering(t, setting), [true, true])
})

test('a block of rules says what a good answer is', async (t) => {
  const peers = [await startProbedPeer(t)]
  const port = await freePort()
  const conf = confOf({ port, peers, check: `${often} match=named;` })
  const withMatch = (rules: string): string =>
    conf.replace('upstream', `match named { ${rules} }\nupstream`)
  const engine = await startTrijet(t, { conf: withMatch('status 200; body ~ "^[0-9]+$";') })
  await peers[0]!.checked(2)
  assert.equal(await statusOf(t, port), 200)
  // Only the block of rules changes.
  assert.ok(await engine.reload(withMatch('body ~ "^x";')))
  await engine.waitForLog(/peer is unhealthy: unexpected body/)
  assert.equal(await statusOf(t, port), 502)
  assert.ok(await engine.reload(withMatch('header content-length; header ! x-none;')))
  await engine.waitForLog(/peer is healthy/)
})

test('a peer that serves clients is not asked within the visit interval', async (t) => {
  const setting = await start(t, `${often} visit_interval=1h;`, 1)
  const peer = setting.peers[0]!
  await peer.checked(2)
  assert.equal(await statusOf(t, setting.port), 200)
  const { checks } = peer
  for (let i = 0; i < 60; i += 1) await statusOf(t, setting.port)
  assert.ok(peer.checks <= checks + 1, 'at most the one that was under way')
})

for (const { text, fault } of [
  { text: 'health_check interval=0;', fault: 'invalid parameter "interval=0"' },
  { text: 'health_check foo=1;', fault: 'invalid parameter "foo=1"' },
  { text: 'health_check persistent;', fault: '"persistent" needs "mandatory" in "health_check"' },
  { text: 'health_check match=none;', fault: 'match "none" is not found' },
  {
    text: 'health_check type=tcp uri=/;',
    fault: 'a health check of type "tcp" has no parameter "uri"',
  },
  {
    text: 'health_check; health_check uri=/x;',
    fault: 'duplicate health check of type "http"',
  },
  { text: 'health_check status=700;', fault: 'invalid status "700"' },
  {
    text: 'health_check ssl=on ssl_verify=on;',
    fault: 'no "ssl_trusted_certificate" for "ssl_verify" of the health check',
  },
  { text: 'circuit_breaker open=1s;', fault: '"circuit_breaker" needs' },
  { text: 'circuit_breaker slow=1s consecutive=1;', fault: '"slow" and "slow_ratio"' },
  { text: 'circuit_breaker error_ratio=0;', fault: 'invalid parameter "error_ratio=0"' },
  { text: 'retry_budget percent=101;', fault: 'invalid parameter "percent=101"' },
]) {
  test(`refused: ${text}`, async (t) => {
    const peer = await startProbedPeer(t)
    const conf = confOf({ port: await freePort(), peers: [peer], check: text })
    const refused = startTrijet(t, { conf })
    await assert.rejects(refused, (error: Error) => {
      assert.ok(error.message.includes(`[emerg]`) && error.message.includes(fault), error.message)
      return true
    })
  })
}

test('refused: checks of a group without a zone', async (t) => {
  const peer = await startProbedPeer(t)
  const conf = confOf({ port: await freePort(), peers: [peer], check: 'health_check;' })
  const refused = startTrijet(t, { conf: conf.replace('zone backend 64k;', '') })
  await assert.rejects(refused, /"health_check" needs a "zone" in upstream "backend"/)
})
