/** What Prometheus understands of the metrics, as text and as protobuf with native histograms. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startHttpBackend } from '../support/http-backend.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { type Prometheus, startPrometheus } from '../support/prometheus.ts'
import { type Control, host, pageFor, startControl } from './support.ts'

const slowMs = 60
const requests = 8

/** Where each kind of thing that has times is measured, with its labels. */
const histograms = [
  'nginx_vts_server_request_duration_seconds{host="front \\"1\\""}',
  'nginx_vts_location_request_duration_seconds{host="front \\"1\\"",location="/slow"}',
  'nginx_vts_upstream_response_duration_seconds{upstream="group"}',
  'trijet_upstream_peer_response_seconds{upstream="group"}',
] as const

interface Scene {
  readonly control: Control
  readonly target: string
  readonly slow: () => Promise<void>
}

async function startScene(t: TestContext): Promise<Scene> {
  const port = await freePort()
  const backend = await startHttpBackend(t, slowMs)
  const control = await startControl(t, {
    stream: '',
    blocks: `http {
      access_log off; vhost_traffic_status_zone;
      upstream group { zone group 1m; server ${backend}; }
      server { listen ${host}:${port}; server_name 'front "1"';
        location /slow { proxy_pass http://group; } } }`,
    workers: 2,
  })
  return {
    control,
    target: `${host}:${control.port}/api/v2/metrics`,
    slow: async () => {
      const pages = Array.from({ length: requests }, () => pageFor(t, port, '/slow', 'x'))
      for (const { status } of await Promise.all(pages)) assert.equal(status, 200)
    },
  }
}

async function seesTotals(prometheus: Prometheus, times: number): Promise<void> {
  await prometheus.sees('up', 1)
  const labels = 'host="front \\"1\\"",code="total"'
  await prometheus.sees(`nginx_vts_server_requests_total{${labels}}`, times)
  await prometheus.sees('trijet_processes{role="worker",state="serving"}', 2)
}

test('histograms are native ones to a Prometheus that wants them', async (t) => {
  const { slow, target } = await startScene(t)
  const prometheus = await startPrometheus(t, { target, nativeHistograms: true })
  const unused = 'trijet_upstream_peer_response_seconds{upstream="group"}'
  await prometheus.sees(`histogram_count(${unused})`, 0)
  await slow()
  await seesTotals(prometheus, requests)
  for (const histogram of histograms) {
    await prometheus.sees(`histogram_count(${histogram})`, requests)
    await prometheus.sees(`histogram_fraction(0, 0.05, ${histogram})`, 0)
    const mean = (await prometheus.value(`histogram_sum(${histogram}) / ${requests}`))!
    assert(mean >= slowMs / 1000, `${histogram} ${mean}`)
    const longest = (await prometheus.value(`histogram_quantile(1, ${histogram})`))!
    assert(longest >= mean && longest < 60, `${histogram} ${longest}`)
    const shortest = (await prometheus.value(`histogram_quantile(0, ${histogram})`))!
    assert(shortest >= slowMs / 1000 / 2 ** 0.25 && shortest <= mean, `${histogram} ${shortest}`)
  }
})

test('histograms have bounds to a Prometheus that does not, and the text is as its tool wants it', async (t) => {
  const { control, slow, target } = await startScene(t)
  const prometheus = await startPrometheus(t, { target, nativeHistograms: false })
  await slow()
  await seesTotals(prometheus, requests)
  for (const histogram of histograms) {
    const [name, labels] = histogram.split(/(?=\{)/)
    await prometheus.sees(`${name}_count${labels}`, requests)
    const fast = `${name}_bucket${labels!.replace('}', ',le="0.03125"}')}`
    assert.equal(await prometheus.value(fast), 0)
    const shortest = await prometheus.value(`histogram_quantile(0.01, ${name}_bucket${labels})`)
    assert(shortest! >= 0.03125, `${histogram} ${shortest}`)
  }
  const { text } = await control.ask(t, 'GET', '/api/v2/metrics')
  const tool = await run(['promtool', 'check', 'metrics'], { input: text })
  assert.equal(tool.code, 0, tool.stderr)
})
