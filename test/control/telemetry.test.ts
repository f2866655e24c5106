/** Tracing that is configured through the API alone, on an engine whose files know nothing of it. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { startOtlpReceiver } from '../support/otlp-receiver.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/wait.ts'
import { type Control, host, pageFor, startControl, success } from './support.ts'

const patient = { timeout: 120_000 }

interface Site {
  readonly control: Control
  readonly port: number
  /** The upstream's view of where its requests stand in their traces. */
  readonly seen: (string | undefined)[]
  /** Makes so many requests, each answered. */
  load(requests: number, path?: string): Promise<void>
  patch(...operations: readonly Operation[]): Promise<void>
}

interface Operation {
  readonly op: 'add' | 'replace' | 'remove'
  readonly path: string
  readonly value?: string
}

const title = 'copilot process telemetry'

function tomlOf(port: number, name: string, more = ''): string {
  return `[exporters.otlp]
host = "127.0.0.1"
port = ${port}
[processors.batch]
schedule_delay_millis = 20
[service]
name = "${name}"
${more}`
}

async function startSite(t: TestContext, files: Readonly<Record<string, string>>): Promise<Site> {
  const seen: (string | undefined)[] = []
  const backend = createServer(({ headers }, response) => {
    seen.push(headers['traceparent'] as string | undefined)
    response.end('ok')
  })
  await new Promise<void>((resolve) => backend.listen(0, host, resolve))
  t.after(() => {
    backend.closeAllConnections()
    backend.close()
  })
  const port = await freePort()
  const { port: backendPort } = backend.address() as AddressInfo
  const control = await startControl(t, {
    workers: 2,
    stream: '',
    blocks: `http { access_log off; server { listen ${host}:${port}; server_name site;
      location / { proxy_pass http://${host}:${backendPort}; } } }`,
    files: { 'data/.keep': '', ...files },
  })
  const load = async (requests: number, path = '/'): Promise<void> => {
    for (let i = 0; i < requests; i++) {
      assert.equal((await pageFor(t, port, path, 'site')).status, 200)
    }
  }
  const patch = async (...operations: readonly Operation[]): Promise<void> => {
    const { status, text } = await control.ask(t, 'PATCH', '/api/v2/config', operations)
    assert.equal(status, 200, text)
  }
  return { control, port, seen, load, patch }
}

/** Resolves when the copilot runs, or does not. */
function untilRuns({ control }: Site, count: 0 | 1): Promise<unknown> {
  return until(() => control.engine.children(title).length === count, {
    what: `${count} telemetry copilots`,
  })
}

const config = (value: string): Operation => ({
  op: 'add',
  path: '/http',
  value: `opentelemetry_config ${value};`,
})
const instead = (value: string): Operation => ({
  op: 'replace',
  path: '/http/opentelemetry_config',
  value: `opentelemetry_config ${value};`,
})
const nothing: Operation = { op: 'remove', path: '/http/opentelemetry_config' }

test(
  'the copilot comes with the first change that needs it, follows, and goes',
  patient,
  async (t) => {
    const first = await startOtlpReceiver(t)
    const second = await startOtlpReceiver(t)
    const site = await startSite(t, {
      'conf/first.toml': tomlOf(first.port, 'first'),
      'conf/second.toml': tomlOf(second.port, 'second'),
      'conf/none.toml': tomlOf(second.port, 'none', '[sampler]\nname = "AlwaysOff"'),
    })
    const { control, seen, load, patch } = site
    const { engine } = control
    await load(1)
    await untilRuns(site, 0)

    await patch(config('first.toml'), {
      op: 'add',
      path: '/http',
      value: 'opentelemetry_propagate;',
    })
    // From the answer on, though the copilot is only coming: nothing of it is lost.
    await load(3)
    const spans = await first.whenServerSpans(3)
    assert.deepEqual(
      new Set(spans.map(({ resource }) => resource['service.name'])),
      new Set(['first']),
    )
    await until(() => first.clientSpans.length === 3, { what: 'the attempts' })
    assert.deepEqual(
      new Set(seen.slice(1)),
      new Set(first.clientSpans.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`)),
    )
    await untilRuns(site, 1)

    const [copilot] = engine.children(title)
    await patch(instead('second.toml'))
    await engine.waitForLog(new RegExp(`exporting to http://127.0.0.1:${second.port}`))
    await load(2)
    const [moved] = await second.whenServerSpans(2)
    assert.equal(moved!.resource['service.name'], 'second')
    assert.equal(first.serverSpans.length, 3)

    // Files are taken into use with what names them, in workers and here.
    control.prefix.write('conf/second.toml', tomlOf(first.port, 'rewritten'))
    await patch({ op: 'add', path: '/http', value: 'server_tokens off;' })
    await load(1)
    const [, , another] = await second.whenServerSpans(3)
    assert.equal(another!.resource['service.name'], 'second')
    control.prefix.write('conf/second.toml', tomlOf(second.port, 'second'))

    seen.length = 0
    await patch(instead('none.toml'))
    await load(2)
    for (const fields of seen) assert.match(fields!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)

    const untraced = {
      listens: [`${host}:${site.port}`],
      serverNames: ['site'],
      locations: [{ location: '/', opentelemetry: false }],
    }
    await patch(instead('second.toml'))
    assert.deepEqual(
      await control.ask(t, 'PUT', '/api/v1/config/otel', { servers: [untraced] }),
      success,
    )
    seen.length = 0
    await load(2)
    assert.deepEqual(seen, [undefined, undefined])
    assert.deepEqual(
      engine.children(title).map(({ pid }) => pid),
      [copilot!.pid],
      'it was one and the same all the time',
    )

    await patch(nothing)
    await untilRuns(site, 0)
    await load(2)
    assert.equal(
      second.serverSpans.length,
      3,
      'what was not sampled, or not traced, is not exported',
    )
    assert.doesNotMatch(engine.errorLog, /\[(emerg|alert|crit)\]/)
  },
)

test('a refused change and a dry run start nothing', patient, async (t) => {
  const site = await startSite(t, { 'conf/good.toml': tomlOf(1, 'good'), 'conf/bad.toml': 'what' })
  const { control } = site
  const ask = async (query: string, name: string): Promise<number> =>
    (await control.ask(t, 'PATCH', `/api/v2/config${query}`, [config(name)])).status
  assert.equal(await ask('?dry_run=1', 'good.toml'), 200)
  assert.notEqual(await ask('', 'bad.toml'), 200)
  assert.notEqual(await ask('', 'missing.toml'), 200)
  // Copilots come one after the other: this one would be the second.
  await site.patch(config('good.toml'))
  await control.engine.waitForLog(/telemetry: exporting to/)
  assert.equal(control.engine.errorLog.match(/start copilot process telemetry/g)?.length, 1)
})

test('changed back and forth at once, one copilot is left, or none', patient, async (t) => {
  const receiver = await startOtlpReceiver(t)
  const site = await startSite(t, { 'conf/otel.toml': tomlOf(receiver.port, 'edge') })
  for (let i = 0; i < 4; i++) {
    await site.patch(config('otel.toml'))
    await site.patch(nothing)
  }
  await site.patch(config('otel.toml'))
  await site.load(5)
  await receiver.whenServerSpans(5)
  await untilRuns(site, 1)
  const ids = receiver.spans.map(({ spanId }) => spanId)
  assert.equal(new Set(ids).size, ids.length, 'each is exported once')
})

test(
  'what was configured live is there after a reload, a kill and a restart',
  patient,
  async (t) => {
    const receiver = await startOtlpReceiver(t)
    const site = await startSite(t, { 'conf/otel.toml': tomlOf(receiver.port, 'edge') })
    const { control, load, patch } = site
    await patch(config('otel.toml'))
    await load(1)
    await receiver.whenServerSpans(1)
    assert.equal(await control.engine.reload(), true)
    await load(1)
    await receiver.whenServerSpans(2)
    await control.kill(title)
    await load(1)
    await receiver.whenServerSpans(3)
    const { prefix } = control
    assert.equal((await control.engine.stop('SIGQUIT')).code, 0)
    const again = await startControl(t, {
      workers: 1,
      stream: '',
      blocks: `http { access_log off; server { listen ${host}:${site.port}; return 200; } }`,
      prefix,
    })
    await load(1)
    await receiver.whenServerSpans(4)
    assert.equal(again.engine.children(title).length, 1)
  },
)
