/** How connections fail: refused, reset, unreachable, out of descriptors. Over both drivers. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { failureText } from '../../src/engine/net/errors.ts'
import { within } from '../support/wait.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { carriers, openLine, openTransport } from './carriers.ts'
import { Recorder } from './recorder.ts'

for (const kind of ['epoll', 'node'] as const) {
  suite(kind, () => {
    test('a refused connection is told once, later, with what nginx would log', async (t) => {
      const transport = openTransport(t, kind)
      const side = new Recorder()
      transport.connect({ family: 4, host: '127.0.0.1', port: 1 }, {}, side)
      assert.equal(side.closes, 0)
      const error = await within(side.closed)
      assert.equal(error?.code, 'ECONNREFUSED')
      assert.equal(error?.syscall, 'connect')
      assert.equal(failureText(error), 'connect() failed (111: Connection refused)')
      assert.deepEqual(side.steps, ['close'])
    })

    test('a unix socket that is not there', async (t) => {
      const transport = openTransport(t, kind)
      const side = new Recorder()
      const path = join(makeTempPrefix(t).path, 'nobody.sock')
      transport.connect({ family: 'unix', path }, {}, side)
      const error = await within(side.closed)
      assert.equal(failureText(error!), 'connect() failed (2: No such file or directory)')
    })

    test('a connection that is given up while it is being made', async (t) => {
      const transport = openTransport(t, kind)
      const side = new Recorder()
      // TEST-NET-1: nobody answers, or the network says so at once.
      const socket = transport.connect({ family: 4, host: '192.0.2.1', port: 9 }, {}, side)
      const reason = new Error('too slow')
      socket.destroy(reason)
      assert.equal(await within(side.closed), reason)
      assert.equal(side.closes, 1)
    })

    test('an address of ours that does not exist is a failed bind', async (t) => {
      const transport = openTransport(t, kind)
      const side = new Recorder()
      const bind = { family: 4, host: '192.0.2.77', port: 0 } as const
      transport.connect({ family: 4, host: '127.0.0.1', port: 1 }, { bind }, side)
      const error = await within(side.closed)
      assert.equal(error?.code, 'EADDRNOTAVAIL')
    })

    test('connects from the address it is told to', async (t) => {
      const carrier = carriers.find((one) => one.kind === kind && one.family === 'inet')!
      const serverSide = new Recorder()
      const line = openLine(t, carrier, () => serverSide)
      const clientSide = new Recorder()
      line.connect(clientSide, { bind: { family: 4, host: '127.0.0.9', port: 0 } })
      const server = await within(serverSide.connected)
      assert.ok(server.remote.family === 4)
      assert.equal(server.remote.host, '127.0.0.9')
      server.destroy()
      await within(clientSide.ended)
    })

    for (const paused of [false, true]) {
      test(`a reset ${paused ? 'while paused is told on resume' : 'is told'}`, async (t) => {
        const carrier = carriers.find((one) => one.kind === kind && one.family === 'inet')!
        const serverSide = new Recorder()
        const clientSide = new Recorder()
        openLine(t, carrier, () => serverSide).connect(clientSide)
        const client = await within(clientSide.connected)
        const server = await within(serverSide.connected)
        if (paused) server.pause()
        client.destroy(undefined, true)
        await within(clientSide.closed)
        server.resume()
        const error = await within(serverSide.closed)
        assert.equal(error?.code, 'ECONNRESET')
        assert.equal(failureText(error), 'recv() failed (104: Connection reset by peer)')
        assert.equal(serverSide.closes, 1)
      })
    }

    test('writing to a peer that is gone ends in an error, not in silence', async (t) => {
      const carrier = carriers.find((one) => one.kind === kind && one.family === 'inet')!
      const serverSide = new Recorder()
      const clientSide = new Recorder()
      openLine(t, carrier, () => serverSide).connect(clientSide)
      const client = await within(clientSide.connected)
      const server = await within(serverSide.connected)
      server.destroy()
      await within(clientSide.ended)
      const push = (): void => {
        client.write(Buffer.alloc(1000))
        if (!client.destroyed) setTimeout(push, 1)
      }
      push()
      const error = await within(clientSide.closed)
      assert.ok(error?.code === 'EPIPE' || error?.code === 'ECONNRESET', String(error))
    })
  })
}
