/**
 * The bus client against every broker it may meet.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { Aedes } from 'aedes'
import type { BrokerAddress } from '../../src/engine/bus/address.ts'
import { BusClient, type BusClientOptions } from '../../src/engine/bus/client.ts'
import type { Message } from '../../src/engine/bus/connection.ts'
import { busLimits } from '../../src/engine/bus/limits.ts'
import { Requester, serve } from '../../src/engine/bus/request-reply.ts'
import { silentLog } from '../../src/engine/core/log.ts'
import { onEnd } from '../support/scope.ts'
import { until, within } from '../support/wait.ts'
import { brokerKinds, ownBroker, type BrokerUnderTest } from './brokers.ts'

const patient = { timeout: 300_000 }
let clients = 0

function join(
  t: TestContext,
  address: BrokerAddress,
  options: Partial<BusClientOptions> = {},
): BusClient {
  const bus = new BusClient({
    address,
    clientId: `client-${++clients}`,
    log: silentLog,
    ...options,
  })
  onEnd(t, () => bus.close())
  return bus
}

/** Collects what comes under the filters, as `topic payload`, subscribed in the given order. */
async function collect(bus: BusClient, ...filters: string[]): Promise<string[]> {
  const seen: string[] = []
  const onMessage = ({ topic, payload }: Message): void =>
    void seen.push(`${topic} ${payload.toString()}`)
  await within(bus.subscribe(...filters.map((filter) => ({ filter, onMessage }))))
  return seen
}

for (const [kind, make] of Object.entries(brokerKinds)) {
  describe(`bus client with ${kind}`, patient, () => {
    it('delivers in order and acknowledges', async (t) => {
      const broker = await started(t, make)
      const seen = await collect(join(t, broker.address), '/dyn/+', '/ins/#')
      const sender = join(t, broker.address)
      for (let i = 0; i < 50; i++) await sender.publish(i % 2 === 0 ? '/dyn/a' : '/ins/b/c', `${i}`)
      await until(() => seen.length === 50)
      assert.deepEqual(
        seen.map((line) => Number(line.split(' ')[1])),
        [...Array(50).keys()],
      )
    })

    it('is told what is retained group by group, in its own order', async (t) => {
      const broker = await started(t, make)
      const sender = join(t, broker.address)
      const groups = ['/ins/loc', '/ins/ups', '/ins/srv']
      const count = 200
      await Promise.all(
        groups.flatMap((group) =>
          Array.from({ length: count }, (_, i) =>
            sender.publish(`${group}/${i}`, 'x', { retain: true }),
          ),
        ),
      )
      const order = ['/ins/ups/#', '/ins/srv/#', '/ins/loc/#']
      const seen = await collect(join(t, broker.address), ...order)
      await until(() => seen.length === 3 * count, { what: 'everything retained' })
      const groupsSeen = seen.map((line) => line.slice(0, 8))
      assert.deepEqual([...new Set(groupsSeen)], ['/ins/ups', '/ins/srv', '/ins/loc'])
      assert.deepEqual(
        groupsSeen,
        groupsSeen.toSorted((a, b) => byOrder(order, a, b)),
      )
    })

    it('comes back after the broker has gone, with its subscriptions and what waited', async (t) => {
      const broker = await started(t, make)
      const log: string[] = []
      const bus = join(t, broker.address, {
        onConnect: () => log.push('connected'),
        onDisconnect: () => log.push('disconnected'),
      })
      const seen = await collect(bus, '/ins/ups/#', '/ins/srv/#')
      await bus.publish('/ins/srv/a', 'before', { retain: true })
      await bus.publish('/ins/ups/a', 'before', { retain: true })
      await until(() => seen.length === 2)
      await broker.end()
      await until(() => !bus.connected)
      const waiting = Array.from({ length: 20 }, (_, i) => bus.publish('/ins/srv/b', `${i}`))
      await assert.rejects(bus.publish('/ins/srv/b', 'now', { qos: 0 }), {
        code: 'TRIJET_BUS_OFFLINE',
      })
      seen.length = 0
      await broker.start()
      await within(Promise.all(waiting))
      await until(() => seen.length === 22, { what: 'the replay and what waited' })
      assert.deepEqual(seen.slice(0, 2), ['/ins/ups/a before', '/ins/srv/a before'])
      assert.deepEqual(
        seen.slice(2),
        Array.from({ length: 20 }, (_, i) => `/ins/srv/b ${i}`),
      )
      assert.deepEqual(log, ['connected', 'disconnected', 'connected'])
    })

    it('may be started before its broker', async (t) => {
      const broker = await make(t)
      const bus = join(t, broker.address)
      const seen = collect(bus, '/dyn/#')
      const published = bus.publish('/dyn/a', 'early')
      await broker.start()
      await within(published)
      await until(async () => (await seen).length === 1)
    })

    it('leaves its will only when it goes without a word', async (t) => {
      const broker = await started(t, make)
      const seen = await collect(join(t, broker.address), '/gone/#')
      const will = (topic: string): Partial<BusClientOptions> => ({
        will: { topic, payload: 'gone', qos: 1 },
        keepaliveSeconds: 60,
      })
      const polite = join(t, broker.address, will('/gone/polite'))
      await collect(polite, 'x')
      await polite.close()
      // A second client with its id throws the first one out.
      const clientId = 'twin'
      const rude = join(t, broker.address, { ...will('/gone/rude'), clientId })
      await collect(rude, 'x')
      const other = join(t, broker.address, { clientId })
      await collect(other, 'x')
      await until(() => seen.length > 0)
      await Promise.all([other.close(), rude.close()])
      assert.deepEqual(new Set(seen), new Set(['/gone/rude gone']))
    })

    it('erases what is retained before a normal message', async (t) => {
      const broker = await started(t, make)
      const bus = join(t, broker.address)
      await bus.publish('/ins/srv/a', 'add', { retain: true })
      await bus.send('/ins/srv/a', 'del')
      await bus.publish('/ins/srv/z', 'last', { retain: true })
      const seen = await collect(join(t, broker.address), '/ins/srv/#')
      await until(() => seen.includes('/ins/srv/z last'))
      assert.deepEqual(seen, ['/ins/srv/z last'])
    })

    it('shares messages within a group', async (t) => {
      const broker = await started(t, make)
      const filter = '$share/njet//rpc/#'
      const first = await collect(join(t, broker.address), filter)
      const second = await collect(join(t, broker.address), filter)
      const sender = join(t, broker.address)
      for (let i = 0; i < 10; i++) await sender.publish('/rpc/a', String(i))
      await until(() => first.length + second.length === 10)
      assert.deepEqual([first.length, second.length], [5, 5])
    })

    it('asks and is answered', async (t) => {
      const broker = await started(t, make)
      await serve(join(t, broker.address), '/worker_a/#', async (topic, body) => {
        if (body === 'fail') throw new Error('no rpc handler registered')
        return { topic, body }
      })
      const requester = new Requester(join(t, broker.address))
      const topic = '/worker_a/rpc/http_log'
      const asked = Array.from({ length: 300 }, (_, i) => requester.request(topic, i, patience))
      const expected = asked.map((_, body) => ({ topic, body }))
      assert.deepEqual(await within(Promise.all(asked)), expected)
      await assert.rejects(requester.request(topic, 'fail', patience), {
        code: 'TRIJET_BUS_REMOTE',
        message: 'no rpc handler registered',
      })
      await assert.rejects(requester.request('/worker_9/x', null, { timeoutMs: 50 }), {
        code: 'TRIJET_BUS_TIMEOUT',
      })
    })
  })
}

const patience = { timeoutMs: 20_000 }

describe('bus client', patient, () => {
  const nowhere = { path: '/nonexistent/bus.sock' }

  it('refuses more than it can keep while the broker is away', async (t) => {
    const bus = join(t, nowhere)
    const kept = Array.from({ length: busLimits.queuedMessagesMax }, () => bus.publish('a', 'x'))
    await assert.rejects(bus.publish('a', 'x'), { code: 'TRIJET_BUS_FULL' })
    const results = Promise.allSettled(kept)
    await bus.close()
    for (const result of await results) {
      assert.equal(result.status === 'rejected' && result.reason.code, 'TRIJET_BUS_CLOSED')
    }
    await assert.rejects(bus.publish('a', 'x'), { code: 'TRIJET_BUS_CLOSED' })
  })

  it('refuses topics and filters that are none, and a filter twice', async (t) => {
    const bus = join(t, nowhere)
    const onMessage = (): void => {}
    await assert.rejects(bus.publish('a/+', 'x'), { code: 'TRIJET_BUS_TOPIC' })
    await assert.rejects(bus.subscribe({ filter: 'a#', onMessage }), { code: 'TRIJET_BUS_TOPIC' })
    bus.subscribe({ filter: 'a', onMessage }).catch(() => undefined)
    await assert.rejects(bus.subscribe({ filter: 'a', onMessage }), { code: 'TRIJET_BUS_TOPIC' })
  })

  it('is told when the broker refuses a filter, and keeps the others', async (t) => {
    const picky = await Aedes.createBroker({
      authorizeSubscribe: (_, sub, done) => done(null, sub.topic === 'secret' ? null : sub),
    })
    const server = createServer((socket) => void picky.handle(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onEnd(t, () => new Promise<void>((resolve) => picky.close(resolve)))
    onEnd(t, () => void server.close())
    const bus = join(t, { host: '127.0.0.1', port: (server.address() as AddressInfo).port })
    const seen: string[] = []
    const onMessage = ({ payload }: Message): void => void seen.push(payload.toString())
    const refused = bus.subscribe({ filter: 'secret', onMessage }, { filter: 'open', onMessage })
    await assert.rejects(within(refused), { code: 'TRIJET_BUS_REFUSED' })
    await bus.publish('open', 'heard')
    await until(() => seen.includes('heard'))
  })

  it('comes less and less often where each connection is ended', async (t) => {
    const broker = await Aedes.createBroker({
      authorizePublish: (_client, _packet, done) => done(new Error('the disk is full')),
    })
    const server = createServer((socket) => void broker.handle(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onEnd(t, () => new Promise<void>((resolve) => broker.close(resolve)))
    onEnd(t, () => void server.close())
    const begun: number[] = []
    const bus = join(
      t,
      { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      {
        random: () => 1,
        onConnect: () => begun.push(performance.now()),
      },
    )
    const lost = assert.rejects(bus.publish('a', 'b'), { code: 'TRIJET_BUS_CLOSED' })
    await until(() => begun.length === 5, { what: 'five connections' })
    // 50, 100, 200 and 400 ms; four times 50 if each of them were a new beginning.
    assert(begun[4]! - begun[0]! >= 700, begun.join(' '))
    await bus.close()
    await lost
  })

  it('goes on when a handler fails, and says so', async (t) => {
    const broker = await started(t, ownBroker)
    const lines: string[] = []
    const log = { takes: () => true, write: (_: string, line: string) => void lines.push(line) }
    const bus = join(t, broker.address, { log })
    const onMessage = ({ payload }: Message): void => {
      if (payload.toString() === 'bad') throw new Error('cannot apply')
      lines.push('applied')
    }
    await bus.subscribe({ filter: '/dyn/#', onMessage })
    await bus.publish('/dyn/a', 'bad')
    await bus.publish('/dyn/a', 'good')
    await until(() => lines.includes('applied'))
    assert.ok(lines.includes('bus: cannot apply while handling "/dyn/a"'))
  })
})

async function started(
  t: TestContext,
  make: (t: TestContext) => Promise<BrokerUnderTest>,
): Promise<BrokerUnderTest> {
  const broker = await make(t)
  await broker.start()
  return broker
}

function byOrder(order: readonly string[], a: string, b: string): number {
  return (
    order.findIndex((each) => each.startsWith(a)) - order.findIndex((each) => each.startsWith(b))
  )
}
