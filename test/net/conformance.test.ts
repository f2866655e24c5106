/** What every driver promises (`net/socket.ts`), over every carrier. */
import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import type { Socket, SocketHandler } from '../../src/engine/net/socket.ts'
import { seededRandom } from '../support/random.ts'
import { until, within } from '../support/wait.ts'
import { carriers, openLine, type Carrier } from './carriers.ts'
import { Pump, Recorder } from './recorder.ts'

const mebibyte = 1024 * 1024

interface Pair {
  readonly client: Socket
  readonly clientSide: Recorder
  readonly server: Socket
  readonly serverSide: Recorder
}

/** Both ends of one connection, ready for use. */
async function openPair(
  t: TestContext,
  carrier: Carrier,
  on: { client?: Partial<SocketHandler>; server?: Partial<SocketHandler> } = {},
): Promise<Pair> {
  const serverSide = new Recorder(on.server)
  const clientSide = new Recorder(on.client)
  const line = openLine(t, carrier, () => serverSide)
  line.connect(clientSide)
  const client = await within(clientSide.connected, { what: 'the connection' })
  const server = await within(serverSide.connected, { what: 'the accepted connection' })
  t.after(() => {
    client.destroy()
    server.destroy()
  })
  return { client, clientSide, server, serverSide }
}

function promises(carrier: Carrier): void {
  test('carries bytes both ways, in order', async (t) => {
    const { client, clientSide, server, serverSide } = await openPair(t, carrier)
    for (const word of ['one ', 'two ', 'three']) client.write(Buffer.from(word))
    await within(serverSide.received(13))
    assert.equal(serverSide.text, 'one two three')
    server.writeBoth(Buffer.from('head '), Buffer.from('body'))
    await within(clientSide.received(9))
    assert.equal(clientSide.text, 'head body')
    assert.equal(client.bytesRead, 9)
    assert.equal(client.bytesWritten, 13)
  })

  test('lets the writer use its memory again', async (t) => {
    const { client, serverSide } = await openPair(t, carrier)
    const chunk = Buffer.alloc(6)
    for (let i = 0; i < 1000; i += 1) {
      chunk.write(String(i).padStart(6))
      client.write(chunk)
    }
    await within(serverSide.received(6000))
    const words = serverSide.text.trim().split(/ +/).map(Number)
    assert.deepEqual(words, [...Array(1000).keys()])
  })

  test('carries ten mebibytes both ways at once, intact', async (t) => {
    const total = 10 * mebibyte
    const random = seededRandom(t)
    const [up, down] = [random.bytes(100_003), random.bytes(65_537)]
    const on: { client: Partial<SocketHandler>; server: Partial<SocketHandler> } = {
      client: { onDrain: () => upPump.run() },
      server: { onDrain: () => downPump.run() },
    }
    const { client, clientSide, server, serverSide } = await openPair(t, carrier, on)
    const upPump = new Pump(client, up, total)
    const downPump = new Pump(server, down, total)
    upPump.run()
    downPump.run()
    await within(Promise.all([serverSide.received(total), clientSide.received(total)]), {
      deadlineMs: 60_000,
    })
    assert.equal(serverSide.digest(), digestOf(up, total))
    assert.equal(clientSide.digest(), digestOf(down, total))
    assert.equal(client.queued, 0)
  })

  test('queues no more than one refused chunk for a reader that stopped', async (t) => {
    const { client, server, serverSide, clientSide } = await openPair(t, carrier)
    server.pause()
    const chunk = Buffer.alloc(64 * 1024, 'x')
    let written = 0
    for (let refused = false; !refused; written += chunk.length) refused = !client.write(chunk)
    assert.ok(client.queued <= 3 * chunk.length, `${client.queued} bytes are queued`)
    const before = serverSide.bytes
    await turns(20)
    assert.ok(serverSide.bytes - before <= 64 * 1024, 'a paused reader is told nothing')
    server.resume()
    await within(serverSide.received(written))
    await until(() => clientSide.steps.includes('drain'), { what: 'onDrain' })
    assert.equal(client.queued, 0)
  })

  test('closes half: the answer comes after the FIN of the question', async (t) => {
    const { client, clientSide, server, serverSide } = await openPair(t, carrier)
    client.write(Buffer.from('question'))
    client.end()
    await within(serverSide.ended)
    assert.equal(serverSide.text, 'question')
    await turns(5)
    server.write(Buffer.from('answer'))
    server.end()
    await within(clientSide.ended)
    assert.equal(clientSide.text, 'answer')
    assert.equal(await within(clientSide.closed), undefined)
    assert.equal(await within(serverSide.closed), undefined)
    assert.deepEqual(serverSide.steps, ['connect', 'data', 'end', 'close'])
  })

  test('sends what is queued before the FIN', async (t) => {
    const { client, server, serverSide } = await openPair(t, carrier)
    server.pause()
    client.write(Buffer.alloc(8 * mebibyte, 'q'))
    client.end()
    assert.equal(client.write(Buffer.from('late')), false)
    await turns(5)
    server.resume()
    await within(serverSide.ended)
    assert.equal(serverSide.bytes, 8 * mebibyte)
  })

  test('a paused socket hears of the end only after it is resumed, and after the data', async (t) => {
    const { client, server, serverSide } = await openPair(t, carrier)
    server.pause()
    client.write(Buffer.from('last words'))
    client.end()
    await turns(20)
    assert.ok(!serverSide.steps.includes('end'))
    assert.ok(!serverSide.steps.includes('close'))
    server.resume()
    await within(serverSide.ended)
    assert.equal(serverSide.text, 'last words')
  })

  test('destroy closes once, and the other side hears of it', async (t) => {
    const { client, clientSide, serverSide } = await openPair(t, carrier)
    const fault = new Error('enough')
    client.destroy(fault)
    client.destroy(new Error('twice'))
    assert.equal(client.destroyed, true)
    assert.equal(clientSide.closes, 0, 'onClose comes later, not from within destroy')
    assert.equal(await within(clientSide.closed), fault)
    await within(Promise.race([serverSide.ended, serverSide.closed]))
    assert.equal(client.write(Buffer.from('x')), false)
    client.end()
    client.resume()
    await turns(5)
    assert.equal(clientSide.closes, 1)
  })

  test('destroy within onData ends the deliveries', async (t) => {
    const on = { server: { onData: (socket: Socket) => socket.destroy() } }
    const { client, serverSide } = await openPair(t, carrier, on)
    client.write(Buffer.alloc(500_000))
    await within(serverSide.closed)
    assert.deepEqual(serverSide.steps, ['connect', 'data', 'close'])
  })

  test('pause within onData holds what follows, resume goes on', async (t) => {
    let calls = 0
    const pausing = (socket: Socket): void => {
      calls += 1
      socket.pause()
      setImmediate(() => socket.resume())
    }
    const { client, serverSide } = await openPair(t, carrier, { server: { onData: pausing } })
    const total = mebibyte
    client.write(Buffer.alloc(total))
    await within(serverSide.received(total))
    assert.ok(calls > 1)
  })

  test('a handler can be exchanged between events', async (t) => {
    const second = new Recorder()
    const on = { server: { onData: (socket: Socket) => void (socket.handler = second) } }
    const { client, server, clientSide, serverSide } = await openPair(t, carrier, on)
    client.write(Buffer.from('a'))
    await within(serverSide.received(1))
    client.write(Buffer.from('b'))
    await within(second.received(1))
    assert.equal(second.text, 'b')
    server.end()
    await within(clientSide.ended)
    client.end()
    await within(second.closed)
    assert.equal(serverSide.closes, 0)
  })
}

for (const carrier of carriers) suite(carrier.name, () => promises(carrier))

/** Lets the event loop go round. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setTimeout(resolve, 1))
}

function digestOf(chunk: Buffer, total: number): string {
  const recorder = new Recorder()
  const none = undefined as unknown as Socket
  for (let left = total; left > 0; left -= chunk.length) {
    recorder.onData(none, chunk.subarray(0, Math.min(left, chunk.length)))
  }
  return recorder.digest()
}
