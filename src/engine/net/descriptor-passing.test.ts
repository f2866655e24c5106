import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { makeTempPrefix } from '../../../test/support/temp-prefix.ts'
import { within } from '../../../test/support/wait.ts'
import { Recorder } from '../../../test/net/recorder.ts'
import { silentLog } from '../core/log.ts'
import type { Address } from './address.ts'
import { createTransport } from './create-transport.ts'
import { DescriptorChannel } from './descriptor-passing.ts'
import { localAddress } from './ffi/socket-calls.ts'
import { closeDescriptor, openListeningSocket } from './listening-socket.ts'

const here = (file: string): string => JSON.stringify(fileURLToPath(new URL(file, import.meta.url)))

/** Serves whatever descriptors come through the channel at descriptor 4, saying their labels. */
const childProgram = `
import { createTransport } from ${here('create-transport.ts')}
import { DescriptorChannel } from ${here('descriptor-passing.ts')}
const log = { write() {}, takes: () => false }
const transport = createTransport({ log })
const channel = new DescriptorChannel(4)
process.on('message', () => {
  for (const { label, descriptor } of channel.receive()) {
    const address = { family: 4, host: '0.0.0.0', port: 0 }
    const spec = { key: label, protocol: 'tcp', address, options: {} }
    transport
      .listen(descriptor, spec, {
        onAccept: (socket) => {
          socket.write(Buffer.from(label))
          socket.end()
        },
      })
      .start()
  }
  process.send('serving')
})
process.on('disconnect', () => process.exit())
process.send('ready')
`

async function said(child: ChildProcess, word: string): Promise<void> {
  const [message] = (await within(once(child, 'message'), { what: word })) as [unknown]
  assert.equal(message, word)
}

test('a child serves ports that were opened after it started, also past one message', async (t) => {
  const program = makeTempPrefix(t).write('child.ts', childProgram)
  const { ours, theirs } = DescriptorChannel.pair()
  const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc', theirs] })
  t.after(() => child.disconnect())
  closeDescriptor(theirs)
  await said(child, 'ready')
  const ports = Array.from({ length: 150 }, (_, index) => {
    const address: Address = { family: 4, host: '127.0.0.1', port: 0 }
    const key = `port ${index}`
    const descriptor = openListeningSocket(
      { key, protocol: 'tcp', address, options: {} },
      silentLog,
    )
    return { label: key, descriptor, address: localAddress(descriptor)! }
  })
  ours.send(ports)
  for (const { descriptor } of ports) closeDescriptor(descriptor)
  child.send('take them')
  await said(child, 'serving')
  const transport = createTransport({ log: silentLog })
  t.after(() => transport.close())
  for (const { label, address } of ports) {
    const side = new Recorder({ onEnd: (socket) => socket.end() })
    transport.connect(address, {}, side)
    await within(side.closed)
    assert.equal(side.text, label)
  }
  ours.close()
})

test('nothing to receive is not an error, a closed other side is when sending', () => {
  const { ours, theirs } = DescriptorChannel.pair()
  const other = new DescriptorChannel(theirs)
  assert.deepEqual(other.receive(), [])
  other.close()
  assert.deepEqual(ours.receive(), [])
  assert.throws(() => ours.send([{ label: 'x', descriptor: 0 }]), { code: 'EPIPE' })
  ours.close()
})

test('duplicates that arrive are closed on exec', () => {
  const { ours, theirs } = DescriptorChannel.pair()
  const other = new DescriptorChannel(theirs)
  ours.send([{ label: 'x', descriptor: 0 }])
  const { descriptor } = other.receive()[0]!
  const info = readFileSync(join('/proc/self/fdinfo', String(descriptor)), 'utf8')
  const flags = Number.parseInt(/flags:\s*(\d+)/.exec(info)![1]!, 8)
  assert.ok((flags & 0o2000000) !== 0, 'O_CLOEXEC')
  closeDescriptor(descriptor)
  ours.close()
  other.close()
})
