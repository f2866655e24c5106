/** Traces and metrics of running engines, as a collector sees them. */
import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import { curl } from '../support/http.ts'
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
} from '../support/otlp-receiver.ts'
import { freePort } from '../support/ports.ts'
import { startTrijet, type Trijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'

type Fields = Readonly<Record<string, string | undefined>>

interface Backend {
  readonly url: string
  readonly seen: IncomingHttpHeaders[]
}

async function startBackend(t: TestContext): Promise<Backend> {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer(({ headers, url }, response) => {
    seen.push(headers)
    response.writeHead(url === '/fails' ? 503 : 200).end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

interface EngineOptions {
  readonly name: string
  readonly receiver: OtlpReceiver
  readonly upstream: string
  /** Directives of http. */
  readonly http?: string
  /** More of the file, and of its table of the exporter. */
  readonly toml?: string
  readonly exporter?: string
  readonly main?: string
  readonly processor?: string
}

interface Engine {
  readonly trijet: Trijet
  readonly url: string
}

function tomlOf({ name, receiver, toml = '', exporter = '', processor }: EngineOptions): string {
  return `exporter = "otlp"
processor = "${processor ?? 'batch'}"
[exporters.otlp]
host = "127.0.0.1"
port = ${receiver.port}
${exporter}
[processors.batch]
schedule_delay_millis = 20
[service]
name = "${name}"
${toml}`
}

async function startEngine(t: TestContext, options: EngineOptions): Promise<Engine> {
  const port = await freePort()
  const { upstream, http = 'opentelemetry_propagate;', main = 'worker_processes 2;' } = options
  const trijet = await startTrijet(t, {
    conf: `${main}
events {}
http {
  access_log off;
  opentelemetry_config otel.toml;
  ${http}
  server {
    listen 127.0.0.1:${port};
    server_name ${options.name};
    location / { proxy_pass ${upstream}; }
  }
}`,
    files: { 'conf/otel.toml': tomlOf(options) },
  })
  await trijet.waitForLog(/telemetry: exporting to/)
  return { trijet, url: `http://127.0.0.1:${port}` }
}

/** Those of both engines, the first hop first. */
function pairOf(spans: readonly ReceivedSpan[]): readonly [ReceivedSpan, ReceivedSpan] {
  return [only(spans, 'outer'), only(spans, 'inner')]
}

function isWithin(inner: ReceivedSpan, outer: ReceivedSpan, tolerance: bigint = 1_000n): boolean {
  return outer.start <= inner.start + tolerance && inner.end <= outer.end + tolerance
}

function only(spans: readonly ReceivedSpan[], service: string): ReceivedSpan {
  const own = spans.filter(({ resource }) => resource['service.name'] === service)
  assert.equal(own.length, 1, `one span of ${service}`)
  return own[0]!
}

for (const protocol of ['http/protobuf', 'http/json'] as const) {
  test(`two hops are parent and child, by ${protocol}`, async (t) => {
    const receiver = await startOtlpReceiver(t)
    const backend = await startBackend(t)
    const exporter = `protocol = "${protocol}"\ncompression = "gzip"\nheaders.x-key = "k"`
    const shared = { receiver, exporter }
    const inner = await startEngine(t, { ...shared, name: 'inner', upstream: backend.url })
    const outer = await startEngine(t, { ...shared, name: 'outer', upstream: inner.url })
    const before = BigInt(Date.now()) * 1_000_000n
    assert.equal((await curl(`${outer.url}/a/b?c=d&sig=secret&e=f`)).status, 200)
    await receiver.whenServerSpans(2)
    const [first, second] = pairOf(receiver.serverSpans)
    const [outward, inward] = pairOf(receiver.clientSpans)
    const chain = [first, outward, second, inward]
    assert.deepEqual(
      chain.map(({ parentId }) => parentId),
      [undefined, ...chain.slice(0, -1).map(({ spanId }) => spanId)],
    )
    assert.equal(new Set(chain.map(({ traceId }) => traceId)).size, 1)
    assert.equal(backend.seen[0]!['traceparent'], `00-${first.traceId}-${inward.spanId}-01`)
    // The clock by which engines agree has milliseconds; within one there is no doubt.
    assert.ok(isWithin(outward, first) && isWithin(inward, second))
    assert.ok(isWithin(second, outward, 1_000_000n))
    assert.ok(first.start >= before)
    assert.deepEqual([first.kind, first.status, first.name], [2, 0, 'GET /'])
    const { attributes } = first
    assert.equal(attributes['http.request.method'], 'GET')
    assert.equal(attributes['http.response.status_code'], 200)
    assert.equal(attributes['http.route'], '/')
    assert.equal(attributes['url.path'], '/a/b')
    assert.equal(attributes['url.query'], 'c=d&sig=REDACTED&e=f')
    assert.equal(attributes['url.scheme'], 'http')
    assert.equal(attributes['network.protocol.version'], '1.1')
    assert.equal(attributes['server.address'], '127.0.0.1')
    assert.equal(attributes['http.response.body.size'], 2)
    assert.equal(first.resource['telemetry.sdk.name'], 'opentelemetry')
    assert.deepEqual([outward.kind, outward.status, outward.name], [3, 0, 'GET'])
    const { port } = new URL(inner.url)
    assert.deepEqual(outward.attributes, {
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'network.peer.address': '127.0.0.1',
      'network.peer.port': Number(port),
      'network.protocol.version': '1.0',
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'url.full': `${inner.url}/a/b?c=d&sig=REDACTED&e=f`,
    })
    assert.equal(receiver.requests[0]!.headers['x-key'], 'k')
  })
}

for (const [way, told] of [
  ['', ({ traceparent }) => traceparent?.split('-')[2]],
  ['b3', ({ b3 }) => b3?.split('-')[1]],
  ['b3multi', (fields) => fields['x-b3-spanid']],
] as const satisfies readonly (readonly [string, (fields: Fields) => string | undefined])[]) {
  test(`behind a server that is not there the next one hangs below its own try, by ${way || 'W3C'}`, async (t) => {
    const receiver = await startOtlpReceiver(t)
    const backend = await startBackend(t)
    const nobody = `127.0.0.1:${await freePort()}`
    const propagate = `opentelemetry_propagate ${way};`
    const shared = { receiver, main: 'worker_processes 1;' }
    const inner = await startEngine(t, {
      ...shared,
      name: 'inner',
      upstream: backend.url,
      http: propagate,
    })
    const group = `upstream app { server ${nobody}; server ${new URL(inner.url).host}; }`
    const outer = await startEngine(t, {
      ...shared,
      name: 'outer',
      upstream: 'http://app',
      http: `${propagate} ${group}`,
    })
    assert.equal((await curl(`${outer.url}/a`)).status, 200)
    await receiver.whenServerSpans(2)
    const [first, second] = pairOf(receiver.serverSpans)
    const [refused, answered, ...others] = receiver.clientSpans.filter(
      ({ parentId }) => parentId === first.spanId,
    )
    const inward = only(receiver.clientSpans, 'inner')
    assert.deepEqual(others, [])
    assert.deepEqual(
      [second, inward].map(({ parentId }) => parentId),
      [answered!.spanId, second.spanId],
    )
    assert.equal(told(backend.seen[0] as Fields), inward.spanId)
    assert.equal(new Set(receiver.spans.map(({ traceId }) => traceId)).size, 1)
    assert.deepEqual([refused!.status, answered!.status, first.status], [2, 0, 0])
    assert.equal(refused!.attributes['error.type'], 'ECONNREFUSED')
    assert.equal(refused!.attributes['http.response.status_code'], undefined)
    assert.equal(refused!.attributes['http.request.resend_count'], undefined)
    assert.equal(answered!.attributes['http.request.resend_count'], 1)
    assert.equal(answered!.attributes['http.response.status_code'], 200)
    assert.deepEqual(
      [refused, answered].map((each) => each!.attributes['url.full']),
      [`http://${nobody}/a`, `${inner.url}/a`],
    )
  })
}

test('b3, failures, secrets and what is not traced', async (t) => {
  const receiver = await startOtlpReceiver(t)
  const backend = await startBackend(t)
  const http = `opentelemetry_propagate b3; opentelemetry_capture_headers on;
    opentelemetry_sensitive_header_names ^authorization$; opentelemetry_ignore_paths ^/health;`
  const { url } = await startEngine(t, {
    name: 'edge',
    receiver,
    upstream: backend.url,
    http,
    processor: 'simple',
  })
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  await curl(`${url}/health`)
  await curl('-H', `b3: ${trace}-00f067aa0ba902b7-1`, '-H', 'Authorization: x', `${url}/fails`)
  const [span] = await receiver.whenServerSpans(1)
  const [client] = receiver.clientSpans
  assert.equal(span!.parentId, '00f067aa0ba902b7')
  assert.equal(backend.seen[1]!['b3'], `${trace}-${client!.spanId}-1`)
  assert.equal(client!.parentId, span!.spanId)
  assert.deepEqual([client!.status, client!.attributes['error.type']], [2, '503'])
  assert.equal(span!.status, 2)
  assert.equal(span!.attributes['error.type'], '503')
  assert.equal(span!.attributes['http.response.status_code'], 503)
  assert.deepEqual(span!.attributes['http.request.header.authorization'], ['[REDACTED]'])
})

suite('the life of the copilot', () => {
  test('a graceful stop loses nothing, of any worker', async (t) => {
    const receiver = await startOtlpReceiver(t)
    const backend = await startBackend(t)
    const { trijet, url } = await startEngine(t, {
      name: 'edge',
      receiver,
      upstream: backend.url,
      toml: '[metrics]\ninterval_millis = 3600000',
    })
    const requests = 1_200
    await load(url, requests)
    const exit = await trijet.stop('SIGQUIT')
    assert.equal(exit.code, 0)
    assert.equal(receiver.serverSpans.length, requests)
    assert.equal(receiver.clientSpans.length, requests)
    assert.equal(new Set(receiver.spans.map(({ spanId }) => spanId)).size, 2 * requests)
    const durations = receiver.points.filter(({ name }) => name === 'http.server.request.duration')
    assert.equal(sumOf(durations.map(({ count }) => count)), requests)
    assert.equal(durations[0]!.unit, 's')
    assert.equal(durations[0]!.attributes['server.address'], 'edge')
  })

  test('a share of the traces is exported, all requests are measured', async (t) => {
    const receiver = await startOtlpReceiver(t)
    const backend = await startBackend(t)
    const { trijet, url } = await startEngine(t, {
      name: 'edge',
      receiver,
      upstream: backend.url,
      toml: '[sampler]\nname = "TraceIdRatioBased"\nratio = 0.25\n[metrics]',
    })
    const requests = 1_000
    await load(url, requests)
    await trijet.stop('SIGQUIT')
    const isSampled = (fields: IncomingHttpHeaders): boolean =>
      (fields['traceparent'] as string).endsWith('-01')
    const sampled = backend.seen.filter(isSampled)
    assert.equal(receiver.serverSpans.length, sampled.length)
    assert.equal(receiver.clientSpans.length, sampled.length)
    assert.ok(sampled.length > 150 && sampled.length < 350, String(sampled.length))
    const durations = receiver.points.filter(({ name }) => name === 'http.server.request.duration')
    assert.equal(sumOf(durations.map(({ count }) => count)), requests)
  })

  test('a collector that is away is waited for with bounded memory, and found again', async (t) => {
    const receiver = await startOtlpReceiver(t)
    const { port } = receiver
    const backend = await startBackend(t)
    const { trijet, url } = await startEngine(t, {
      name: 'edge',
      receiver,
      upstream: backend.url,
      main: 'worker_processes 1;',
      exporter: 'timeout_millis = 900',
      // Large records fill a ring soon.
      http: `opentelemetry_attribute padding ${'x'.repeat(2_000)};`,
    })
    await receiver.close()
    const requests = 3_200
    await load(url, requests)
    await trijet.waitForLog(/\[error\].*telemetry: export of spans failed: ECONNREFUSED/)
    await trijet.waitForLog(
      /\[warn\].*telemetry: \d+ records of requests found no room and are lost/,
    )
    await receiver.listen(port)
    await trijet.waitForLog(/telemetry: the collector takes spans again/)
    // The rings are full until the first of it was taken.
    const isAfter = ({ attributes }: ReceivedSpan): boolean => attributes['url.path'] === '/after'
    const arrived = async (): Promise<boolean> => {
      await load(url, 1, '/after')
      return receiver.spans.some(isAfter)
    }
    await until(arrived, { what: 'a span of a request that was made since' })
    // What a collector took without saying so in time it is told again.
    const before = receiver.serverSpans.filter((span) => !isAfter(span))
    const kept = new Set(before.map(({ spanId }) => spanId)).size
    assert.ok(kept >= 1024 && kept < requests, `${kept} of ${requests}`)
  })

  test('killed, it comes back, and finds what was recorded meanwhile', async (t) => {
    const receiver = await startOtlpReceiver(t)
    const backend = await startBackend(t)
    const { trijet, url } = await startEngine(t, { name: 'edge', receiver, upstream: backend.url })
    const [copilot] = trijet.children('copilot process telemetry')
    process.kill(copilot!.pid, 'SIGKILL')
    await load(url, 50)
    await receiver.whenServerSpans(50)
    const [successor] = trijet.children('copilot process telemetry')
    assert.notEqual(successor!.pid, copilot!.pid)
  })

  test('a reload takes another file into use, and ends what is not wanted', async (t) => {
    const receiver = await startOtlpReceiver(t)
    const other = await startOtlpReceiver(t)
    const backend = await startBackend(t)
    const options = { name: 'edge', receiver, upstream: backend.url }
    const { trijet, url } = await startEngine(t, options)
    await load(url, 3)
    await receiver.whenServerSpans(3)
    trijet.prefix.write('conf/otel.toml', tomlOf({ ...options, receiver: other, name: 'moved' }))
    assert.equal(await trijet.reload(), true)
    await trijet.waitForLog(new RegExp(`exporting to http://127.0.0.1:${other.port}`))
    await load(url, 2)
    const spans = await other.whenServerSpans(2)
    assert.equal(spans[0]!.resource['service.name'], 'moved')
    trijet.prefix.write('conf/otel.toml', 'processor = "none"')
    assert.equal(await trijet.reload(), false)
    assert.match(trijet.errorLog, /"processor" must be "batch" or "simple" of ".*otel\.toml"/)
    const conf = trijet.prefix.read('conf/trijet.conf')
    assert.equal(await trijet.reload(conf.replace(/^.*opentelemetry_config.*$/m, '')), true)
    await until(() => trijet.children('copilot process telemetry').length === 0, {
      what: 'the copilot to end',
    })
    assert.equal((await curl(url)).status, 200)
    assert.equal(receiver.serverSpans.length, 3)
  })

  test('a helper line runs it as well, once', async (t) => {
    const receiver = await startOtlpReceiver(t)
    const backend = await startBackend(t)
    const { trijet, url } = await startEngine(t, {
      name: 'edge',
      receiver,
      upstream: backend.url,
      main: 'worker_processes 1; helper tracer modules/njt_helper_telemetry_module.so;',
    })
    await load(url, 1)
    await receiver.whenServerSpans(1)
    assert.equal(trijet.children('copilot process').length, 1)
  })
})

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

/** Makes so many requests, several at a time, each answered. */
async function load(url: string, requests: number, path = '/'): Promise<void> {
  const lanes = 8
  let left = requests
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const response = await fetch(`${url}${path}`)
      assert.equal(response.status, 200)
      await response.arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
