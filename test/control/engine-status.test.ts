/** What supervisors and collectors ask: health, readiness, diagnostics, metrics. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExposition, valueOf } from '../support/exposition.ts'
import { freePort } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import { until } from '../support/wait.ts'
import { type Control, host, pageFor, startControl } from './support.ts'

interface Report {
  readonly role: string
  readonly pid: number
  readonly state: string
  readonly uptimeMs: number
  readonly silentMs: number
  readonly memory: Readonly<Record<string, number>>
  readonly eventLoop: {
    readonly delayMs: Readonly<Record<string, number>>
    readonly utilization: number
  }
  readonly connections: number | null
  readonly revision: number | null
}

interface Diagnostics {
  readonly ready: boolean
  readonly revision: number
  readonly processes: readonly Report[]
}

async function readiness(
  owner: Owner,
  control: Control,
): Promise<{ readonly status: number; readonly reasons: readonly string[] }> {
  const { status, text } = await control.ask(owner, 'GET', '/api/v2/ready')
  return { status, ...(JSON.parse(text) as { reasons: readonly string[] }) }
}

test('every process tells how it is, and the engine is ready while all workers serve', async (t) => {
  const port = await freePort()
  const control = await startControl(t, {
    stream: `server { listen ${host}:${port}; return ok; }`,
    workers: 2,
  })
  const alive = await control.get<{ status: string; pid: number }>(t, '/api/v2/health')
  assert.equal(alive.status, 'alive')
  assert.deepEqual(await readiness(t, control), { status: 200, ready: true, reasons: [] })
  const shown = await control.get<Diagnostics>(t, '/api/v2/diagnostics')
  const roles = shown.processes.map(({ role }) => role).sort()
  assert.deepEqual(roles, ['copilot broker', 'copilot ctrl', 'master', 'worker', 'worker'])
  assert.equal(shown.processes[0]!.role, 'master')
  assert.equal(shown.processes[0]!.pid, control.engine.pid)
  for (const report of shown.processes) {
    const { role, memory, eventLoop, uptimeMs } = report
    assert(memory['residentBytes']! > 10e6 && memory['heapUsedBytes']! > 1e6, role)
    assert(memory['heapTotalBytes']! >= memory['heapUsedBytes']!, role)
    const { p50, p99, max } = eventLoop.delayMs
    assert(p50! >= 0 && p99! >= p50! && max! >= p99!, JSON.stringify(report))
    assert(eventLoop.utilization >= 0 && eventLoop.utilization <= 1, role)
    assert(uptimeMs > 0, role)
    assert(process.kill(report.pid, 0))
  }
})

test('a worker that is stopped is told as a reason', async (t) => {
  const control = await startControl(t, { stream: '', workers: 2 })
  const [worker] = control.engine.children('worker process')
  process.kill(worker!.pid, 'SIGSTOP')
  const found = await until(
    async () => {
      const answer = await readiness(t, control)
      return answer.status === 503 && answer
    },
    { what: 'silence to be noticed', deadlineMs: 60_000 },
  )
  assert.match(found.reasons.join(), new RegExp(`^worker process ${worker!.pid} has not reported`))
  process.kill(worker!.pid, 'SIGCONT')
  await until(async () => (await readiness(t, control)).status === 200, { what: 'it to go on' })
})

test('revisions of workers follow changes', async (t) => {
  const port = await freePort()
  const control = await startControl(t, {
    stream: `server { listen ${host}:${port}; return ok; }`,
    workers: 2,
  })
  const server = { addr_port: `${host}:${port}`, server_name: 'x', server_body: 'return x;' }
  const added = await control.add(t, server)
  assert.equal(added.text, '{"code":0,"msg":"success."}')
  const revision = await control.revision(t)
  await until(
    async () => {
      const { processes } = await control.get<Diagnostics>(t, '/api/v2/diagnostics')
      return processes
        .filter(({ role }) => role === 'worker')
        .every((worker) => worker.revision === revision)
    },
    { what: 'the revision to be reported' },
  )
})

test('metrics of the whole engine are of the format, and right', async (t) => {
  const [front, back] = [await freePort(), await freePort()]
  const control = await startControl(t, {
    stream: '',
    blocks: `http {
      access_log off; vhost_traffic_status_zone;
      limit_conn_zone $server_name zone=conns:1m;
      upstream group { zone group 1m; server ${host}:${back}; }
      server { listen ${host}:${front}; server_name front; limit_conn conns 100;
        location / { proxy_pass http://group; } }
      server { listen ${host}:${back}; return 200 ok; } }`,
    workers: 2,
  })
  for (let i = 0; i < 6; i += 1) assert.equal((await pageFor(t, front, '/', 'front')).status, 200)
  const text = await until(
    async () => {
      const answer = await control.ask(t, 'GET', '/api/v2/metrics')
      assert.equal(answer.status, 200, answer.text)
      return answer.text.includes('nginx_vts_server_requests_total{host="front",code="total"} 6\n')
        ? answer.text
        : false
    },
    { what: 'six requests to be counted' },
  )
  const metrics = parseExposition(text)
  assert.equal(valueOf(metrics, 'trijet_ready'), 1)
  assert.equal(valueOf(metrics, 'trijet_processes', { role: 'worker', state: 'serving' }), 2)
  assert.equal(valueOf(metrics, 'trijet_http_requests_total'), 12)
  const peer = { subsystem: 'http', upstream: 'group', peer: `${host}:${back}`, id: '0' }
  assert.equal(valueOf(metrics, 'trijet_upstream_peer_requests_total', peer), 6)
  assert.equal(
    valueOf(metrics, 'trijet_upstream_peer_responses_total', { ...peer, code: '200' }),
    6,
  )
  assert.equal(valueOf(metrics, 'trijet_upstream_peer_state', { ...peer, state: 'up' }), 1)
  assert.equal(valueOf(metrics, 'trijet_upstream_peer_response_seconds_count', peer), 6)
  const limit = { subsystem: 'http', zone: 'conns' }
  assert.equal(valueOf(metrics, 'trijet_limit_conn_connections', limit), 0)
})
