/** UDP over both drivers: listeners, reply paths, sockets towards upstreams. */
import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { silentLog } from '../../src/engine/core/log.ts'
import type { Address, InetAddress } from '../../src/engine/net/address.ts'
import type {
  DatagramHandler,
  DatagramListener,
  DatagramPort,
  DatagramSocket,
} from '../../src/engine/net/datagram.ts'
import { listenKey } from '../../src/engine/net/listen-plan.ts'
import { openListeningSocket } from '../../src/engine/net/listening-socket.ts'
import type { Transport } from '../../src/engine/net/transport.ts'
import { until, within } from '../support/wait.ts'
import { openTransport } from './carriers.ts'

/** Answers in capitals, from where the client asked. */
const shouter: DatagramPort = {
  onDatagram: (_, datagram) => {
    const reply = datagram.openReply()
    reply.send(Buffer.from(datagram.data.toString().toUpperCase()))
    reply.close()
  },
}

class Inbox implements DatagramHandler {
  readonly texts: string[] = []
  readonly errors: NodeJS.ErrnoException[] = []

  onDatagram(_: DatagramSocket, data: Buffer): void {
    this.texts.push(data.toString())
  }

  onError(_: DatagramSocket, error: NodeJS.ErrnoException): void {
    this.errors.push(error)
  }
}

async function listen(
  t: TestContext,
  transport: Transport,
  address: Address,
  port: DatagramPort,
): Promise<DatagramListener> {
  const spec = { key: listenKey('udp', address), protocol: 'udp', address, options: {} } as const
  const descriptor = openListeningSocket(spec, silentLog)
  const listener = transport.listenDatagrams(descriptor, spec, port)
  t.after(() => listener.close())
  listener.start()
  // Node binds a descriptor in a later turn.
  await until(() => listener.local.family !== 'unix' && listener.local.port !== 0)
  return listener
}

for (const kind of ['epoll', 'node'] as const) {
  suite(kind, () => {
    for (const [name, host, to] of [
      ['IPv4', '127.0.0.1', '127.0.0.1'],
      ['IPv6', '::1', '::1'],
      ['an IPv4 wildcard', '0.0.0.0', '127.0.0.7'],
      ['an IPv6 wildcard', '::', '::1'],
    ] as const) {
      const skip = kind === 'node' && to === '127.0.0.7' && 'node:dgram cannot name the source'
      test(`answers over ${name}, from the address that was asked`, { skip }, async (t) => {
        const transport = openTransport(t, kind)
        const family = host.includes(':') ? 6 : 4
        const { local } = await listen(t, transport, { family, host, port: 0 }, shouter)
        const inbox = new Inbox()
        const target: InetAddress = { family, host: to, port: (local as InetAddress).port }
        const socket = transport.connectDatagrams(target, {}, inbox)
        t.after(() => socket.close())
        socket.send(Buffer.from('hello'))
        await until(() => inbox.texts.length === 1, { what: 'the answer' })
        assert.deepEqual(inbox.texts, ['HELLO'])
        assert.equal(socket.bytesRead, 5)
      })
    }

    test('tells clients apart, and one client always the same', async (t) => {
      const transport = openTransport(t, kind)
      const seen: (string | number)[] = []
      const port: DatagramPort = { onDatagram: (_, { sessionKey }) => void seen.push(sessionKey) }
      const { local } = await listen(t, transport, { family: 4, host: '127.0.0.1', port: 0 }, port)
      const sockets = [0, 1].map(() => transport.connectDatagrams(local, {}, new Inbox()))
      t.after(() => sockets.forEach((socket) => socket.close()))
      for (let i = 0; i < 6; i += 1) {
        sockets[i % 2]!.send(Buffer.from('x'))
        await until(() => seen.length === i + 1)
      }
      assert.equal(new Set(seen).size, 2)
      assert.equal(seen[0], seen[2])
      assert.equal(seen[1], seen[5])
    })

    test('takes bursts and the largest datagram whole', async (t) => {
      const transport = openTransport(t, kind)
      const sizes: number[] = []
      const port: DatagramPort = { onDatagram: (_, { data }) => void sizes.push(data.length) }
      const { local } = await listen(t, transport, { family: 4, host: '127.0.0.1', port: 0 }, port)
      const socket = transport.connectDatagrams(local, {}, new Inbox())
      t.after(() => socket.close())
      for (let i = 0; i < 60; i += 1) socket.send(Buffer.alloc(i))
      await until(() => sizes.length === 60, { what: 'sixty datagrams' })
      assert.deepEqual(
        sizes,
        Array.from({ length: 60 }, (_, index) => index),
      )
      socket.send(Buffer.alloc(65_507))
      await until(() => sizes.at(-1) === 65_507, { what: 'the largest' })
    })

    test('an upstream where nobody listens is told', async (t) => {
      const transport = openTransport(t, kind)
      const inbox = new Inbox()
      const socket = transport.connectDatagrams(
        { family: 4, host: '127.0.0.1', port: 9 },
        {},
        inbox,
      )
      t.after(() => socket.close())
      socket.send(Buffer.from('anybody?'))
      await until(() => inbox.errors.length > 0, { what: 'the error' })
      assert.equal(inbox.errors[0]!.code, 'ECONNREFUSED')
    })
  })
}

test('a reply path outlives neither its listener nor itself', async (t) => {
  const transport = openTransport(t, 'epoll')
  const got =
    Promise.withResolvers<ReturnType<Parameters<DatagramPort['onDatagram']>[1]['openReply']>>()
  const port: DatagramPort = { onDatagram: (_, datagram) => got.resolve(datagram.openReply()) }
  const listener = await listen(t, transport, { family: 4, host: '127.0.0.1', port: 0 }, port)
  const inbox = new Inbox()
  const socket = transport.connectDatagrams(listener.local, {}, inbox)
  t.after(() => socket.close())
  socket.send(Buffer.from('x'))
  const reply = await within(got.promise)
  assert.equal(reply.send(Buffer.from('later')), true)
  await until(() => inbox.texts.includes('later'))
  listener.close()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(reply.send(Buffer.from('too late')), false)
})
