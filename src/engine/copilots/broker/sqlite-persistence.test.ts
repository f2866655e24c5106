import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it, test } from 'node:test'
// @ts-expect-error: the suite is shipped without types.
import abstractSuite from 'aedes-persistence/abstract.js'
import { brokerLimits } from './limits.ts'
import type { Message, NumberedMessage } from './message.ts'
import { RetainedMessages } from './retained-messages.ts'
import { SqlitePersistence, type PersistenceOptions } from './sqlite-persistence.ts'

const folder = mkdtempSync(join(tmpdir(), 'trijet-broker-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

function freshFile(): string {
  return join(folder, `${++files}.db`)
}

abstractSuite({
  test,
  testAsync: true,
  persistence: () => new SqlitePersistence({ path: freshFile() }),
})

const client = { id: 'worker' }

async function open(
  path: string,
  options: Partial<PersistenceOptions> = {},
): Promise<SqlitePersistence> {
  const persistence = new SqlitePersistence({ path, ...options })
  await persistence.setup({ id: `broker-${path}`, counter: 0 })
  return persistence
}

function message(topic: string, payload: string, options: Partial<Message> = {}): Message {
  return { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain: false, ...options }
}

describe('sqlite persistence', () => {
  it('has everything again when it is opened again', async () => {
    const path = freshFile()
    const first = await open(path)
    await first.addSubscriptions(client, [
      { topic: '/ins/#', qos: 1 },
      { topic: '/dyn/#', qos: 0 },
    ])
    const delivered: NumberedMessage[] = []
    const deliver = (each: NumberedMessage): void => void delivered.push(each)
    await first.store(message('/ins/a', 'sent'), deliver)
    await first.store(message('/ins/b', 'waits', { qos: 2, retain: true }), deliver)
    await first.store(message('/ins/c', 'released', { qos: 2 }), deliver)
    const [sent, , released] = delivered
    await first.outgoingUpdate(client, queued(sent!, 7))
    await first.outgoingUpdate(client, queued(released!, 8))
    await first.outgoingUpdate(client, { cmd: 'pubrel', messageId: 8 })
    await first.incomingStorePacket(client, { ...message('/x', 'half', { qos: 2 }), messageId: 9 })
    await first.putWill(client, message('/gone', 'bye'))
    await first.destroy()

    const second = await open(path)
    assert.deepEqual(await second.subscriptionsByClient(client), [
      { topic: '/ins/#', qos: 1 },
      { topic: '/dyn/#', qos: 0 },
    ])
    const queue = await second.outgoingStream(client).toArray()
    assert.deepEqual(
      queue.map(({ cmd, messageId, payload }) => [cmd, messageId, payload && String(payload)]),
      [
        ['publish', 7, 'sent'],
        ['publish', undefined, 'waits'],
        ['pubrel', 8, undefined],
      ],
    )
    assert.equal(String((await second.incomingGetPacket(client, { messageId: 9 })).payload), 'half')
    assert.equal(String(second.retainedMessage('/ins/b')?.payload), 'waits')
    assert.equal(second.retainedMessage('/ins/a'), undefined)
    const [will] = await second.streamWill({}).toArray()
    assert.equal(String(will.payload), 'bye')
    await second.destroy()
  })

  it('keeps nothing of what was taken back', async () => {
    const path = freshFile()
    const first = await open(path)
    await first.addSubscriptions(client, [{ topic: '#', qos: 1 }])
    await first.store(message('a', 'x', { retain: true }), () => {})
    await first.store(message('a', '', { retain: true, qos: 0 }), () => {})
    await first.putWill(client, message('/gone', 'bye'))
    await first.delWill(client)
    for (const packet of await first.outgoingStream(client).toArray()) {
      await first.outgoingUpdate(client, { ...packet, messageId: 1 })
      await first.outgoingClearMessageId(client, { messageId: 1 })
    }
    await first.cleanSubscriptions(client)
    await first.destroy()
    const second = await open(path)
    assert.deepEqual(second.retainedTopics('#'), [])
    assert.deepEqual(await second.countOffline(), { subsCount: 0, clientsCount: 0 })
    assert.deepEqual(await second.outgoingStream(client).toArray(), [])
    assert.deepEqual(await second.streamWill({}).toArray(), [])
    await second.destroy()
  })

  it('numbers and delivers in the order of the calls', async () => {
    const persistence = await open(':memory:')
    const seen: string[] = []
    const deliver = (each: NumberedMessage): void =>
      void seen.push(`${each.brokerCounter} ${each.topic}`)
    await Promise.all(
      ['a', 'b', 'c'].map((topic) => persistence.store(message(topic, 'x'), deliver)),
    )
    assert.deepEqual(seen, ['1 a', '2 b', '3 c'])
    await persistence.destroy()
  })

  it('drops for a session what its queue has no room for, and says so', async () => {
    let dropped = 0
    const persistence = await open(':memory:', { onDropped: () => dropped++ })
    await persistence.addSubscriptions(client, [{ topic: '#', qos: 1 }])
    const most = brokerLimits.queuedPerSessionMax
    for (let group = 0; group < most / 1_000; group++) {
      const thousand = Array.from({ length: 1_000 }, () =>
        persistence.store(message('a', 'x'), () => {}),
      )
      await Promise.all(thousand)
    }
    let delivered = 0
    for (let i = 0; i < 3; i++) await persistence.store(message('a', 'x'), () => delivered++)
    assert.equal((await persistence.outgoingStream(client).toArray()).length, most)
    assert.deepEqual({ dropped, delivered }, { dropped: 3, delivered: 3 })
    await persistence.destroy()
  })

  it('refuses retained messages and subscriptions above their limits', async () => {
    const retained = new RetainedMessages()
    for (let i = 0; i < brokerLimits.retainedMessagesMax; i++) retained.set(message(String(i), 'x'))
    assert.throws(() => retained.check(message('new', 'x')), { name: 'RefusedError' })
    retained.check(message('0', 'y'))
    retained.check(message('new', ''))
    retained.delete('0')
    retained.check(message('new', 'x'))
    const large = message('new', 'x'.repeat(brokerLimits.retainedBytesMax))
    assert.throws(() => retained.check(large), { name: 'RefusedError' })

    const persistence = await open(':memory:')
    const many = Array.from({ length: brokerLimits.subscriptionsPerSessionMax + 1 }, (_, i) => ({
      topic: String(i),
      qos: 1 as const,
    }))
    await assert.rejects(persistence.addSubscriptions(client, many), { name: 'RefusedError' })
    assert.deepEqual(await persistence.countOffline(), { subsCount: 0, clientsCount: 0 })
    await persistence.destroy()
  })
})

function queued(
  packet: NumberedMessage,
  messageId: number,
): Parameters<SqlitePersistence['outgoingUpdate']>[1] {
  return { ...packet, cmd: 'publish', messageId }
}
