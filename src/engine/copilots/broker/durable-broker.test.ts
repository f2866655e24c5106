/**
 * What the broker promises beyond aedes.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTo, createServer, type AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { MqttClient, type IClientOptions } from 'mqtt'
import { onEnd } from '../../../../test/support/scope.ts'
import { until } from '../../../../test/support/wait.ts'
import { silentLog } from '../../core/log.ts'
import { DurableBroker } from './durable-broker.ts'
import { SqlitePersistence } from './sqlite-persistence.ts'

const patient = { timeout: 120_000 }

interface Bench {
  readonly persistence: SqlitePersistence
  readonly connect: (options?: IClientOptions) => Promise<MqttClient>
}

async function makeBench(t: TestContext): Promise<Bench> {
  const persistence = new SqlitePersistence({ path: ':memory:', streamsRetained: false })
  const broker = new DurableBroker({ persistence, log: silentLog })
  await broker.listen()
  const server = createServer((socket) => void broker.handle(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  onEnd(t, async () => {
    server.close()
    await new Promise<void>((resolve) => broker.close(resolve))
    await persistence.destroy()
  })
  const connect = async (options: IClientOptions = {}): Promise<MqttClient> => {
    const settings = { protocolVersion: 4, reconnectPeriod: 0, timerVariant: 'native' } as const
    const client = new MqttClient(() => connectTo(port, '127.0.0.1'), { ...settings, ...options })
    await new Promise<void>((resolve) => client.once('connect', () => resolve()))
    onEnd(t, () => client.endAsync(true))
    return client
  }
  return { persistence, connect }
}

function collect(client: MqttClient): string[] {
  const seen: string[] = []
  client.on('message', (topic, payload) => seen.push(`${topic} ${payload.toString()}`))
  return seen
}

/** Holds every message back, as a slow disk would, until it is released. */
function holdStorage(persistence: SqlitePersistence): () => void {
  const store = persistence.store.bind(persistence)
  const held = Promise.withResolvers<void>()
  persistence.store = async (message, deliver) => {
    await held.promise
    await store(message, deliver)
  }
  return held.resolve
}

describe('durable broker', patient, () => {
  for (const retain of [true, false]) {
    it(`acknowledges and delivers once it has stored (retain ${retain})`, async (t) => {
      const { persistence, connect } = await makeBench(t)
      const subscriber = await connect()
      await subscriber.subscribeAsync('#', { qos: 1 })
      const publisher = await connect()
      const release = holdStorage(persistence)
      const seen = collect(subscriber)
      let acknowledged = false
      const published = publisher.publishAsync('/dyn/a', 'x', { qos: 1, retain })
      void published.then(() => (acknowledged = true))
      // A whole exchange with each of the two has taken place in the meantime.
      await publisher.subscribeAsync('other')
      await subscriber.subscribeAsync('other')
      assert.deepEqual({ seen, acknowledged }, { seen: [], acknowledged: false })
      release()
      await published
      await until(() => seen.length === 1)
    })
  }

  it('keeps the order of messages that are stored and of those that are not', async (t) => {
    const { connect } = await makeBench(t)
    const subscriber = await connect()
    const seen = collect(subscriber)
    await subscriber.subscribeAsync('#', { qos: 1 })
    const publisher = await connect()
    const expected: string[] = []
    for (let i = 0; i < 500; i++) {
      const kind = i % 3
      publisher.publish(`/dyn/${kind}`, String(i), { qos: kind === 0 ? 0 : 1, retain: kind === 2 })
      expected.push(`/dyn/${kind} ${i}`)
    }
    await until(() => seen.length === expected.length, { what: 'all messages' })
    assert.deepEqual(seen, expected)
  })

  it('replays one subscription after the other, not the two at once', async (t) => {
    const { connect } = await makeBench(t)
    const publisher = await connect()
    const groups = ['b', 'a']
    for (const group of groups) {
      const all = Array.from({ length: 500 }, (_, i) => `${group}/${i}`)
      await Promise.all(
        all.map((topic) => publisher.publishAsync(topic, 'x', { qos: 1, retain: true })),
      )
    }
    const subscriber = await connect()
    const seen = collect(subscriber)
    subscriber.subscribe('a/#', { qos: 1 })
    subscriber.subscribe('b/#', { qos: 0 })
    await until(() => seen.length === 1_000, { what: 'all retained messages' })
    assert.equal(
      seen.findIndex((line) => line.startsWith('b')),
      500,
    )
    assert.equal(
      seen.slice(500).every((line) => line.startsWith('b')),
      true,
    )
  })

  it('gives the quality that was asked for, also to what is retained', async (t) => {
    const { connect } = await makeBench(t)
    const publisher = await connect()
    await publisher.publishAsync('a/b', 'x', { qos: 1, retain: true })
    const subscriber = await connect()
    const qualities: number[] = []
    subscriber.on('message', (_topic, _payload, { qos }) => qualities.push(qos))
    await subscriber.subscribeAsync('a/+', { qos: 0 })
    await until(() => qualities.length === 1)
    assert.deepEqual(qualities, [0])
  })

  it('is not held up by a subscriber that does not read', async (t) => {
    const { connect } = await makeBench(t)
    const stuck = await connect()
    await stuck.subscribeAsync('#', { qos: 0 })
    stuck.stream.pause()
    stuck.stream.removeAllListeners('data')
    const subscriber = await connect()
    const seen = collect(subscriber)
    await subscriber.subscribeAsync('#', { qos: 0 })
    const publisher = await connect()
    const payload = Buffer.alloc(10_000)
    for (let i = 0; i < 300; i++) await publisher.publishAsync('a', payload, { qos: 1 })
    await until(() => seen.length === 300)
  })

  it('refuses to share with a session that may be away', async (t) => {
    const { connect } = await makeBench(t)
    const client = await connect({ clean: false, clientId: 'worker' })
    await assert.rejects(client.subscribeAsync('$share/g/a', { qos: 1 }), {
      name: 'ErrorWithSubackPacket',
    })
  })
})
