/** `/api/v1/hc` in a running engine: what a check does, and what becomes of it when things are killed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTcpBackend, sayName } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import { healthPath, type ProbedPeer, startProbedPeer } from '../support/probed-peer.ts'
import type { Owner } from '../support/scope.ts'
import { until } from '../support/wait.ts'
import { type Control, host, pageFor, type Reply, startControl, textFor } from './support.ts'

function reply(status: number, code: number, msg: string): Reply {
  const text = `{\n  "code": ${code},\n   "msg": ${JSON.stringify(msg)}\n }`
  return { status, type: 'application/json', text }
}

const done = reply(200, 0, 'success')
const path = '/api/v1/hc/http/backend'
const often = { interval: '100ms', http: { uri: healthPath } }

interface Setting {
  readonly control: Control
  readonly port: number
  readonly peers: readonly [ProbedPeer, ProbedPeer]
}

interface ShownPeer {
  readonly state: string
  readonly health_checks: {
    readonly checks: number
    readonly fails: number
    readonly unhealthy: number
    readonly last_passed: boolean
  }
}

/** Two peers behind two workers, without checks of their own. */
async function start(t: Owner, group = ''): Promise<Setting> {
  const peers = [await startProbedPeer(t), await startProbedPeer(t)] as const
  const port = await freePort()
  const servers = peers.map((peer) => `server ${host}:${peer.port} max_fails=0;`).join(' ')
  const blocks = `
http {
  access_log off;
  upstream backend { zone backend 64k; ${servers} ${group} }
  server { listen ${port}; location / { proxy_pass http://backend; proxy_next_upstream off; } }
}`
  const stream = ''
  const control = await startControl(t, { stream, blocks, workers: 2 })
  return { control, port, peers }
}

/** Which of the peers clients get, over enough of them for both workers. */
async function answering(t: Owner, { port, peers }: Setting): Promise<readonly boolean[]> {
  const before = peers.map(({ requests }) => requests)
  for (let i = 0; i < 16; i += 1) await pageFor(t, port, '/')
  return peers.map(({ requests }, i) => requests > before[i]!)
}

async function untilAnswering(
  t: Owner,
  setting: Setting,
  wanted: readonly boolean[],
): Promise<void> {
  await until(async () => String(await answering(t, setting)) === String(wanted), {
    what: `answers of ${String(wanted)}`,
  })
}

test('a check by the API takes an ill peer out, through kills, reload, restart and rollback', async (t) => {
  const setting = await start(t)
  const { control, peers } = setting
  const [well, ill] = peers
  ill.health = 503
  assert.deepEqual(await answering(t, setting), [true, true], 'nobody checks')

  assert.deepEqual(await control.ask(t, 'POST', `${path}?dry_run=1`, often), done)
  assert.deepEqual(await control.get(t, '/api/v1/hc'), [])
  assert.deepEqual(await control.ask(t, 'POST', path, often), done)
  assert.deepEqual(await control.get(t, '/api/v1/hc'), [{ upstream: 'backend', type: 'http' }])
  await untilAnswering(t, setting, [true, false])
  const { peers: shown } = await control.get<{ peers: readonly ShownPeer[] }>(
    t,
    '/api/v1/upstream_api/http/upstreams/backend/',
  )
  assert.deepEqual(
    shown.map(({ state }) => state),
    ['up', 'unhealthy'],
  )
  const { checks: made, fails, unhealthy, last_passed } = shown[1]!.health_checks
  assert.ok(made > 0 && fails === made)
  assert.deepEqual([unhealthy, last_passed], [1, false])

  for (const title of ['ctrl.conf', 'mqtt.conf', 'worker process', 'worker process']) {
    await control.kill(title)
    await well.checked(3)
    assert.deepEqual(await answering(t, setting), [true, false], `after the end of ${title}`)
  }
  await control.waitForControl(t)
  assert.ok(await control.engine.reload())
  await well.checked(2)
  assert.deepEqual(await answering(t, setting), [true, false], 'after a reload')

  const revision = await control.revision(t)
  assert.deepEqual(await control.ask(t, 'DELETE', path), done)
  assert.deepEqual(await answering(t, setting), [true, true], 'what was found is forgotten')
  const { checks } = well
  assert.equal((await control.ask(t, 'POST', '/api/v2/rollback', { to: revision })).status, 200)
  await untilAnswering(t, setting, [true, false])
  assert.ok(well.checks > checks)
  ill.health = 200
  await untilAnswering(t, setting, [true, true])
})

test('a check survives a restart, and is made before mandatory peers get clients', async (t) => {
  const setting = await start(t, 'health_check mandatory;')
  const { control, port, peers } = setting
  assert.equal((await pageFor(t, port, '/')).status, 502)
  assert.deepEqual(await control.ask(t, 'POST', path, often), done)
  await untilAnswering(t, setting, [true, true])
  peers[1].health = 503
  await untilAnswering(t, setting, [true, false])
  await control.engine.stop()
  const { requests } = peers[1]
  const again = await startControl(t, {
    stream: '',
    prefix: control.prefix,
    controlPort: control.port,
    workers: 2,
    blocks: /http \{[\s\S]*?\n\}/.exec(control.prefix.read('conf/trijet.conf'))![0],
  })
  assert.deepEqual(await again.get(t, '/api/v1/hc'), [{ upstream: 'backend', type: 'http' }])
  await until(async () => (await pageFor(t, port, '/')).status === 200, { what: 'the first check' })
  assert.deepEqual(await answering(t, setting), [true, false])
  assert.equal(peers[1].requests, requests, 'no client came before its check')
})

test('what workers refuse changes nothing', async (t) => {
  const { control } = await start(t)
  const missing = { ...often, ssl: { enable: true, verify: true, trustedCertificate: 'none.pem' } }
  const { status, text } = await control.ask(t, 'POST', path, missing)
  assert.equal(status, 500)
  assert.match(
    text,
    /"code": 7,\n {3}"msg": ".*open\(\) .*none\.pem.* failed \(2: No such file or directory\)/,
  )
  assert.deepEqual(await control.get(t, '/api/v1/hc'), [])
})

test('of requests for the same check at the same time one makes it', async (t) => {
  const { control } = await start(t)
  const all = await Promise.all(
    Array.from({ length: 8 }, () => control.ask(t, 'POST', path, often)),
  )
  assert.equal(all.filter(({ status }) => status === 200).length, 1)
  const rest = all.filter(({ status }) => status !== 200)
  const known = reply(409, 8, 'The health check already configured ')
  for (const each of rest) assert.deepEqual(each, known)
})

test('groups of streams have checks of their own', async (t) => {
  const lost = await freePort()
  const port = await freePort()
  const well = await startTcpBackend(t, sayName('well'))
  const servers = `server ${well.address} max_fails=0; server ${host}:${lost} max_fails=0;`
  const stream = [
    `upstream pair { zone pair 64k; ${servers} }`,
    `server { listen ${host}:${port}; proxy_pass pair; proxy_next_upstream off; }`,
  ].join('\n')
  const control = await startControl(t, { stream, workers: 2 })
  const body = { interval: '100ms', stream: { expect: 'well' } }
  assert.deepEqual(await control.ask(t, 'POST', '/api/v1/hc/stcp/pair', body), done)
  const shown = await control.get<{ stream: unknown }>(t, '/api/v1/hc/stcp/pair')
  assert.deepEqual(shown.stream, { expect: 'well' })
  await control.engine.waitForLog(/peer is unhealthy: .*health check "tcp"/)
  for (let i = 0; i < 16; i += 1) assert.equal(await textFor(t, port), 'well')
})
