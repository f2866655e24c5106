import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import type { Log } from '../../core/log.ts'
import { SpanQueue } from './span-queue.ts'

/** Takes what it is told to take, and says so when asked. */
class Collector implements SpanExporter {
  readonly batches: (readonly string[])[] = []
  error: Error | undefined = undefined
  closed = false
  #waiting: (() => void)[] = []

  export(spans: ReadableSpan[], done: (result: { code: number; error?: Error }) => void): void {
    this.batches.push(spans.map(({ name }) => name))
    const { error } = this
    setImmediate(() => done(error === undefined ? { code: 0 } : { code: 1, error }))
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async shutdown(): Promise<void> {
    this.closed = true
  }

  async whenBatches(count: number): Promise<void> {
    while (this.batches.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }
}

const span = (name: string): ReadableSpan => ({ name }) as ReadableSpan

interface Started {
  readonly collector: Collector
  readonly queue: SpanQueue
  readonly said: string[]
}

function start(batch: { queueMax: number; delayMs: number; batchMax: number }): Started {
  const collector = new Collector()
  const said: string[] = []
  const log: Log = { write: (level, text) => said.push(`${level}: ${text}`), takes: () => true }
  return { collector, said, queue: new SpanQueue({ exporter: collector, batch, log }) }
}

test('a full batch goes at once, the rest when its time has come', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { collector, queue } = start({ queueMax: 10, delayMs: 5000, batchMax: 2 })
  for (const name of ['a', 'b', 'c']) queue.push(span(name))
  await collector.whenBatches(1)
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  assert.deepEqual(collector.batches, [['a', 'b']])
  t.mock.timers.tick(5000)
  await collector.whenBatches(2)
  assert.deepEqual(collector.batches, [['a', 'b'], ['c']])
})

test('what the collector could not be told is told again, and waits in a bounded queue', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { collector, queue, said } = start({ queueMax: 3, delayMs: 0, batchMax: 2 })
  collector.error = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  for (const name of ['a', 'b', 'c']) queue.push(span(name))
  await collector.whenBatches(1)
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  assert.equal(queue.room, 0)
  assert.equal(collector.batches.length, 1, 'it is not asked again at once')
  collector.error = undefined
  t.mock.timers.tick(1000)
  await collector.whenBatches(2)
  assert.deepEqual(collector.batches, [
    ['a', 'b'],
    ['a', 'b'],
  ])
  await queue.close()
  assert.deepEqual(collector.batches.at(-1), ['c'])
  assert.equal(queue.room, 3)
  assert.deepEqual(said, [
    'error: telemetry: export of spans failed: ECONNREFUSED connect; there is room for 0 more',
    'notice: telemetry: the collector takes spans again',
  ])
})

test('what the collector refuses is dropped, and said', async () => {
  const { collector, queue, said } = start({ queueMax: 3, delayMs: 0, batchMax: 1 })
  collector.error = Object.assign(new Error('Bad Request'), { code: 400 })
  queue.push(span('a'))
  await queue.flush()
  assert.equal(queue.room, 3)
  assert.deepEqual(said, [
    'error: telemetry: export of spans failed: 400 Bad Request; 1 spans are refused',
  ])
})

test('at the end all that waits is exported, or as much as can be', async () => {
  const { collector, queue } = start({ queueMax: 10, delayMs: 60_000, batchMax: 4 })
  for (let i = 0; i < 10; i++) queue.push(span(String(i)))
  await queue.close()
  assert.equal(queue.waiting, 0)
  assert.deepEqual(
    collector.batches.map(({ length }) => length),
    [4, 4, 2],
  )
  assert.equal(collector.closed, true)
  const other = start({ queueMax: 10, delayMs: 60_000, batchMax: 4 })
  other.collector.error = new Error('away')
  other.queue.push(span('a'))
  await other.queue.close()
  assert.equal(other.queue.waiting, 1)
})
