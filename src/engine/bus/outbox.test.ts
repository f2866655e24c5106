import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Publication, QoS } from './connection.ts'
import { busLimits } from './limits.ts'
import { Outbox } from './outbox.ts'

function message(payload: string | Uint8Array, qos: QoS = 1): Publication {
  return { topic: 'a', payload, qos, retain: false }
}

function sendAll(outbox: Outbox): string[] {
  const sent: string[] = []
  for (let next = outbox.next(); next !== undefined; next = outbox.next()) {
    sent.push(String(next.publication.payload))
  }
  return sent
}

describe('messages on their way out', () => {
  it('are sent again in their old order when the connection breaks', () => {
    const outbox = new Outbox()
    for (const text of ['1', '2', '3']) void outbox.add(message(text))
    const first = outbox.next()!
    outbox.next()
    outbox.acknowledged(first)
    outbox.takeBack()
    void outbox.add(message('4'))
    assert.deepEqual(sendAll(outbox), ['2', '3', '4'])
    assert.equal(outbox.size, 3)
  })

  it('are not repeated with QoS 0', async () => {
    const outbox = new Outbox()
    const fleeting = outbox.add(message('fleeting', 0))
    void outbox.add(message('kept'))
    sendAll(outbox)
    outbox.takeBack()
    await assert.rejects(fleeting, { code: 'TRIJET_BUS_OFFLINE' })
    assert.deepEqual(sendAll(outbox), ['kept'])
  })

  it('are limited in number under way and in bytes', () => {
    const outbox = new Outbox()
    for (let i = 0; i <= busLimits.inflightMax; i++) void outbox.add(message(String(i)))
    assert.equal(sendAll(outbox).length, busLimits.inflightMax)
    const large = new Uint8Array(busLimits.queuedBytesMax)
    assert.throws(() => outbox.add(message(large)), { code: 'TRIJET_BUS_FULL' })
  })

  it('make room when they are settled', async () => {
    const outbox = new Outbox()
    const large = new Uint8Array(busLimits.queuedBytesMax - 10)
    const added = outbox.add(message(large))
    assert.throws(() => outbox.add(message(large)), { code: 'TRIJET_BUS_FULL' })
    outbox.acknowledged(outbox.next()!)
    await added
    const dropped = outbox.add(message(large))
    outbox.clear(new Error('closed'))
    await assert.rejects(dropped, { message: 'closed' })
    assert.equal(outbox.size, 0)
  })
})
