/** Circuit breakers and budgets of retries, over two workers that must agree. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawHttp } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { type ProbedPeer, startProbedPeer } from '../support/probed-peer.ts'
import { run } from '../support/process.ts'
import type { Owner } from '../support/scope.ts'
import { startTrijet, type Trijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'

const host = '127.0.0.1'

interface Setting {
  readonly port: number
  readonly peers: readonly ProbedPeer[]
  readonly engine: Trijet
}

interface Options {
  readonly peers?: number
  /** More directives of the group. */
  readonly group: string
  readonly location?: string
}

async function start(t: Owner, { peers: count = 2, group, location }: Options): Promise<Setting> {
  const peers = []
  for (let i = 0; i < count; i += 1) peers.push(await startProbedPeer(t))
  const port = await freePort()
  const servers = peers.map((peer) => `server ${host}:${peer.port} max_fails=0;`).join(' ')
  const conf = `
worker_processes 2;
error_log logs/error.log notice;
pid logs/trijet.pid;
events {}
http {
  access_log off;
  upstream backend { zone backend 64k; ${servers} ${group} }
  server { listen ${port}; location / { proxy_pass http://backend; ${location ?? 'proxy_next_upstream off;'} } }
}
`
  const engine = await startTrijet(t, { conf })
  return { port, peers, engine }
}

async function statusOf(owner: Owner, port: number): Promise<number> {
  const bytes = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
  return (await rawHttp(owner, { host, port }, bytes)).status
}

/** Load over both workers; the whole of what wrk says. */
async function load(port: number, connections: number, seconds = 1): Promise<string> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, `http://${host}:${port}/`]
  return (await run(['wrk', ...args])).stdout
}

test('a peer that answers with errors is left alone by all workers, and comes back by a trial', async (t) => {
  const group = 'circuit_breaker error_ratio=50 min_requests=10 window=10s open=2s half_open=2;'
  const { port, peers } = await start(t, { group })
  const [well, ill] = peers as [ProbedPeer, ProbedPeer]
  ill.status = 500
  const begun = performance.now()
  await load(port, 8)
  // What was under way on either worker when the tenth answer came is all that may come on top, and trials.
  const trialsSince = (): number => 2 * Math.ceil((performance.now() - begun) / 2000)
  assert.ok(ill.requests >= 10, `${ill.requests} requests`)
  assert.ok(ill.requests <= 10 + 8 + trialsSince(), `${ill.requests} requests`)
  assert.ok(well.requests > ill.requests)

  // Still ill: nothing but trials reach it, and each opens the circuit again.
  const before = ill.requests
  await until(async () => (await load(port, 4)) && ill.requests > before, { what: 'a trial' })
  assert.ok(ill.requests - before <= trialsSince(), `${ill.requests - before} trials`)

  ill.status = 200
  const closed = ill.requests + 20
  await until(async () => (await load(port, 4)) && ill.requests > closed, { what: 'the way back' })
  assert.doesNotMatch(await load(port, 4), /Non-2xx/)
})

test('a peer that answers too late is left alone', async (t) => {
  const group = 'circuit_breaker slow=200ms slow_ratio=50 min_requests=5 open=1h;'
  const { port, peers } = await start(t, { group })
  const [, slow] = peers as [ProbedPeer, ProbedPeer]
  slow.delayMs = 400
  await load(port, 8, 2)
  assert.ok(slow.requests >= 5 && slow.requests <= 5 + 8, `${slow.requests} requests`)
  const seen = slow.requests
  await load(port, 4)
  assert.equal(slow.requests, seen)
})

test('a group whose only peer is out answers at once', async (t) => {
  const { port, peers, engine } = await start(t, {
    peers: 1,
    group: 'circuit_breaker consecutive=3 open=1h;',
  })
  const [peer] = peers as [ProbedPeer]
  peer.status = 503
  for (let i = 0; i < 3; i += 1) assert.equal(await statusOf(t, port), 503)
  for (let i = 0; i < 20; i += 1) assert.equal(await statusOf(t, port), 502)
  assert.equal(peer.requests, 3)
  assert.equal([...engine.errorLog.matchAll(/upstream server temporarily disabled/g)].length, 1)
})

test('no more peers are taken out than may be', async (t) => {
  const group = 'circuit_breaker consecutive=2 open=1h max_ejection=50;'
  const { port, peers } = await start(t, { peers: 4, group })
  for (const peer of peers) peer.status = 500
  await load(port, 8)
  const before = peers.map(({ requests }) => requests)
  await load(port, 8)
  const atWork = peers.filter(({ requests }, i) => requests > before[i]!)
  assert.equal(atWork.length, 2)
})

test('when everything fails, retries are bounded by the budget', async (t) => {
  const location = 'proxy_next_upstream error timeout http_500 http_503;'
  const bounded = await start(t, {
    peers: 3,
    group: 'retry_budget percent=20 min=3 window=1h;',
    location,
  })
  for (const peer of bounded.peers) peer.status = 500
  const total = 300
  for (let i = 0; i < total; i += 1) assert.equal(await statusOf(t, bounded.port), 500)
  const attempts = bounded.peers.reduce((sum, { requests }) => sum + requests, 0)
  assert.ok(attempts >= total * 1.15 && attempts <= total * 1.2 + 3, `${attempts} attempts`)

  const free = await start(t, { peers: 3, group: '', location })
  for (const peer of free.peers) peer.status = 500
  for (let i = 0; i < 20; i += 1) assert.equal(await statusOf(t, free.port), 500)
  const all = free.peers.reduce((sum, { requests }) => sum + requests, 0)
  assert.equal(all, 60, 'without a budget, every peer is tried')
})
