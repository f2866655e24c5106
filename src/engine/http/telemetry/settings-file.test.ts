import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTelemetrySettings } from './settings-file.ts'

test('an empty file means the defaults of the specification', () => {
  assert.deepEqual(parseTelemetrySettings(''), {
    exporter: {
      url: undefined,
      protocol: 'http/protobuf',
      certificates: undefined,
      compression: 'none',
      timeoutMs: 10_000,
      headers: {},
    },
    batch: { queueMax: 2048, delayMs: 5000, batchMax: 512 },
    sampler: { name: 'AlwaysOn', ratio: 1, parentBased: false },
    resource: {},
    metricsIntervalMs: undefined,
  })
})

test('a whole file is read', () => {
  const settings = parseTelemetrySettings(`
exporter = "otlp"
processor = "batch"
[exporters.otlp]
host = "::1"
port = 4319
use_ssl = true
ssl_cert_path = "/c.pem"
protocol = "http/json"
compression = "gzip"
timeout_millis = 500
headers.x-api-key = "k"
[processors.batch]
max_queue_size = 100
schedule_delay_millis = 50
[service]
name = "edge"
version = "7"
[resource]
"host.name" = "a"
[sampler]
name = "TraceIdRatioBased"
ratio = 0.5
parent_based = true
[metrics]
`)
  assert.deepEqual(settings, {
    exporter: {
      url: 'https://[::1]:4319',
      protocol: 'http/json',
      certificates: '/c.pem',
      compression: 'gzip',
      timeoutMs: 500,
      headers: { 'x-api-key': 'k' },
    },
    batch: { queueMax: 100, delayMs: 50, batchMax: 100 },
    sampler: { name: 'TraceIdRatioBased', ratio: 0.5, parentBased: true },
    resource: { 'host.name': 'a', 'service.name': 'edge', 'service.version': '7' },
    metricsIntervalMs: 60_000,
  })
})

test('the simple processor exports every span by itself', () => {
  const { batch } = parseTelemetrySettings('processor = "simple"')
  assert.deepEqual(batch, { queueMax: 2048, delayMs: 0, batchMax: 1 })
})

const refused: readonly (readonly [text: string, message: string])[] = [
  ['exporter = "zipkin"', '"exporter" must be "otlp"'],
  ['processor = 1', '"processor" must be "batch" or "simple"'],
  ['colour = 1', 'unknown field "colour"'],
  ['[exporters.jaeger]', 'unknown field "exporters.jaeger"'],
  ['[exporters.otlp]\nhots = "x"', 'unknown field "exporters.otlp.hots"'],
  ['[exporters.otlp]\nport = 0', '"exporters.otlp.port" must be a number from 1 to 65535'],
  [
    '[exporters.otlp]\nprotocol = "grpc"',
    '"exporters.otlp.protocol" must be "http/protobuf" or "http/json"',
  ],
  ['[exporters.otlp]\nheaders.a = 1', '"exporters.otlp.headers.a" must be a string'],
  ['[sampler]\nratio = 2', '"sampler.ratio" must be a number from 0 to 1'],
  ['[sampler]\nparent_based = "yes"', '"sampler.parent_based" must be true or false'],
  ['service = "edge"', '"service" must be a table'],
  [
    '[processors.batch]\nmax_queue_size = 10\nmax_export_batch_size = 11',
    '"processors.batch.max_export_batch_size" must be a number from 1 to 10',
  ],
]

for (const [text, message] of refused) {
  test(`refused: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseTelemetrySettings(text), { message })
  })
}
