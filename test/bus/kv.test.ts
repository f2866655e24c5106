/**
 * The key/value store with a real broker: what is stored is told, also after a restart.
 */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { BusClient } from '../../src/engine/bus/client.ts'
import { Kv } from '../../src/engine/bus/kv.ts'
import { silentLog } from '../../src/engine/core/log.ts'
import { MemoryStore } from '../../src/engine/store/memory-store.fixture.ts'
import type { Store } from '../../src/engine/store/store.ts'
import { onEnd } from '../support/scope.ts'
import { until } from '../support/wait.ts'
import { brokerKinds, type BrokerUnderTest } from './brokers.ts'

const patient = { timeout: 120_000 }
let clients = 0

function join(t: TestContext, broker: BrokerUnderTest): BusClient {
  const clientId = `kv-${++clients}`
  const bus = new BusClient({ address: broker.address, clientId, log: silentLog })
  onEnd(t, () => bus.close())
  return bus
}

function openKv(t: TestContext, store: Store, broker: BrokerUnderTest): Kv {
  const kv = new Kv({ store, bus: join(t, broker), log: silentLog })
  onEnd(t, () => kv.close())
  return kv
}

/** Topic to payload, as a worker that starts now would see it. */
async function watchValues(t: TestContext, broker: BrokerUnderTest): Promise<Map<string, string>> {
  const values = new Map<string, string>()
  await join(t, broker).subscribe({
    filter: '/dyn/#',
    onMessage: ({ topic, payload }) => {
      if (payload.length === 0) values.delete(topic)
      else values.set(topic, payload.toString())
    },
  })
  return values
}

for (const [kind, make] of Object.entries(brokerKinds)) {
  describe(`key/value store with ${kind}`, patient, () => {
    it('stores first, then tells everybody', async (t) => {
      const broker = await make(t)
      await broker.start()
      const store = new MemoryStore()
      const kv = openKv(t, store, broker)
      await kv.put('a', 'old')
      await kv.put('a', 'new')
      await kv.put('nested/name', '值')
      await kv.put('gone', 'x')
      assert.equal(await kv.delete('gone'), true)
      assert.equal(await kv.delete('gone'), false)
      assert.equal(Buffer.from((await store.get('kv_http_a'))!.value).toString(), 'new')
      assert.equal(await kv.get('gone'), undefined)
      const values = await watchValues(t, broker)
      await until(() => values.size === 2)
      assert.deepEqual(Object.fromEntries(values), {
        '/dyn/kv_http_a': 'new',
        '/dyn/kv_http_nested/name': '值',
      })
    })

    it('brings what is retained up to the store when it starts', async (t) => {
      const broker = await make(t)
      await broker.start()
      const store = new MemoryStore()
      const before = openKv(t, store, broker)
      await before.put('changed', '1')
      await before.put('deleted', '1')
      await before.close()
      await store.commit([
        { kind: 'put', key: 'kv_http_changed', value: '2' },
        { kind: 'put', key: 'kv_http_added', value: '2' },
        { kind: 'delete', key: 'kv_http_deleted' },
      ])
      const values = await watchValues(t, broker)
      openKv(t, store, broker)
      const expected = { '/dyn/kv_http_added': '2', '/dyn/kv_http_changed': '2' }
      await until(() => {
        const sorted = [...values].toSorted(([a], [b]) => (a < b ? -1 : 1))
        return JSON.stringify(Object.fromEntries(sorted)) === JSON.stringify(expected)
      })
    })

    it('follows changes that another process makes in the store', async (t) => {
      const broker = await make(t)
      await broker.start()
      const store = new MemoryStore()
      openKv(t, store, broker)
      const values = await watchValues(t, broker)
      for (let i = 0; i < 20; i++) {
        await store.commit([{ kind: 'put', key: 'kv_http_n', value: String(i) }])
      }
      await until(() => values.get('/dyn/kv_http_n') === '19')
    })

    it('refuses a name that could not be told, before it is stored', async (t) => {
      const broker = await make(t)
      const store = new MemoryStore()
      const kv = openKv(t, store, broker)
      for (const name of ['', 'a/+', '#']) {
        await assert.rejects(kv.put(name, 'x'), { code: 'TRIJET_BUS_TOPIC' })
      }
      assert.equal((await store.range('')).revision, 0)
    })
  })
}
