import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import { seededRandom } from '../../../test/support/random.ts'
import { clientHelloBytesMax, offeredProtocol, parseClientHello } from './client-hello.ts'

/** The first flight of a real client. */
async function captureHello(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ host: '127.0.0.1', port, ...options })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const chunks: Buffer[] = []
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer)
    if (parseClientHello(Buffer.concat(chunks)) !== 'incomplete') break
  }
  client.destroy()
  server.close()
  return Buffer.concat(chunks)
}

function parsed(bytes: Buffer): Exclude<ReturnType<typeof parseClientHello>, string> {
  const hello = parseClientHello(bytes)
  assert.ok(typeof hello !== 'string', 'a ClientHello')
  return hello
}

/** The same message in records of `size` bytes. */
function fragment(bytes: Buffer, size: number): Buffer {
  const message = bytes.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    const header = Buffer.from([22, 3, 1, 0, 0])
    header.writeUInt16BE(part.length, 3)
    records.push(header, part)
  }
  return Buffer.concat(records)
}

test('reads name, protocols and versions of a TLS 1.3 client', async () => {
  const bytes = await captureHello({
    servername: 'Shop.Example',
    ALPNProtocols: ['h2', 'http/1.1'],
  })
  const hello = parsed(bytes)
  assert.equal(hello.serverName, 'shop.example')
  assert.deepEqual(hello.alpn, ['h2', 'http/1.1'])
  assert.ok(hello.versions.includes(0x0304))
  assert.ok(hello.ciphers.includes(0x1301))
  assert.ok(hello.groups.length > 0)
  assert.equal(offeredProtocol(hello), 'TLSv1.3')
})

test('reads a TLS 1.2 client without a name', async () => {
  const hello = parsed(await captureHello({ maxVersion: 'TLSv1.2' }))
  assert.equal(hello.serverName, undefined)
  assert.deepEqual(hello.alpn, [])
  assert.equal(offeredProtocol(hello), 'TLSv1.2')
})

test('is incomplete at every byte but the last, whole or in fragments', async () => {
  const whole = await captureHello({ servername: 'a.example' })
  for (const bytes of [whole, fragment(whole, 60), fragment(whole, 1000)]) {
    for (let end = 0; end < bytes.length; end += 1) {
      assert.equal(parseClientHello(bytes.subarray(0, end)), 'incomplete', `after ${end} bytes`)
    }
    assert.equal(parsed(bytes).serverName, 'a.example')
  }
})

test('what is no hello is told from the first wrong byte', () => {
  for (const text of ['GET / HTTP/1.1', 'SSH-2.0-x', '\x15\x03\x03\x00\x02\x02\x28', '\x16\x02']) {
    assert.equal(parseClientHello(Buffer.from(text, 'latin1')), 'invalid', text)
  }
  assert.equal(parseClientHello(Buffer.from('16030100050200000100', 'hex')), 'invalid')
  assert.equal(parseClientHello(Buffer.from('160301000101'.repeat(65), 'hex')), 'invalid')
  const huge = Buffer.from('1603014000010000000303', 'hex')
  huge.writeUIntBE(clientHelloBytesMax, 6, 3)
  huge.writeUInt16BE(4, 3)
  assert.equal(parseClientHello(huge.subarray(0, 9)), 'invalid')
})

test('refuses names with impossible characters, two names, trailing bytes', async () => {
  const bytes = await captureHello({ servername: 'a.example' })
  const at = bytes.indexOf('a.example')
  const spoiled = Buffer.from(bytes)
  spoiled[at + 1] = 0
  assert.equal(parseClientHello(spoiled), 'invalid')
  const trailing = Buffer.concat([bytes, Buffer.alloc(1)])
  trailing.writeUInt16BE(bytes.length - 5 + 1, 3)
  assert.equal(parseClientHello(trailing), 'invalid')
})

test('survives ten thousand spoiled hellos', async (t) => {
  const random = seededRandom(t)
  const good = await captureHello({ servername: 'fuzz.example', ALPNProtocols: ['h2'] })
  for (let i = 0; i < 10_000; i += 1) {
    const bytes = Buffer.from(good)
    const flips = random.integer(1, 4)
    for (let flip = 0; flip < flips; flip += 1) {
      bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255)
    }
    const result = parseClientHello(bytes.subarray(0, random.integer(0, bytes.length)))
    if (typeof result === 'string') continue
    assert.match(result.serverName ?? '', /^[\x21-\x7e]*$/)
  }
})
