import assert from 'node:assert/strict'
import { test } from 'node:test'
import { telemetryLimits } from './limits.ts'
import { RecordBytes } from './record-bytes.ts'
import { RequestSpan } from './request-span.ts'
import { attributeKeys, decodeRecord, type Measurement, RecordWriter } from './span-record.ts'

const measurement: Measurement = {
  status: 503,
  startMs: 1_763_000_000_123,
  durationMs: 42,
  sentBytes: 5_000_000_000,
  receivedBytes: 7,
  method: 'GET',
  scheme: 'https',
  version: '2',
  route: '/prüfung/ein-recht-langer-weg-durch-die-stadt',
  server: 'example.com',
}

const buffer = Buffer.alloc(telemetryLimits.recordBytesMax + 8)

function write(recorded: boolean, fill: (writer: RecordWriter) => void): Buffer {
  const writer = new RecordWriter()
  buffer.fill(0xee)
  const room = new RecordBytes()
  room.begin(buffer, 4)
  writer.begin(room, recorded)
  writer.measurement(measurement)
  fill(writer)
  writer.finish()
  assert.ok(room.at <= 4 + telemetryLimits.recordBytesMax)
  return buffer.subarray(4, room.at)
}

const decode = (bytes: Buffer): ReturnType<typeof decodeRecord> =>
  decodeRecord(bytes, 0, bytes.length)

test('a measurement comes back as it was', () => {
  const bytes = write(false, () => {})
  assert.deepEqual(decode(bytes), { ...measurement, span: undefined })
})

test('a span comes back with its name and attributes', () => {
  const span = new RequestSpan()
  Object.assign(span, { trace0: 0xffff_ffff, trace1: 1, trace2: 2, trace3: 3, span0: 4, span1: 5 })
  const bytes = write(true, (writer) => {
    writer.identity(span)
    writer.name('GET', '/a/{b}')
    writer.text('empty', '')
    writer.text('long', 'ä'.repeat(100))
    writer.number('port', 8080)
    writer.number(attributeKeys.serverPort, 81)
    writer.text(attributeKeys.peerAddress, '::1')
    writer.listed('header', 'a')
    writer.listed('header', 'b')
    writer.range('path', Buffer.from('GET /a/b'), 4, 8)
  })
  assert.deepEqual(decode(bytes).span, {
    traceId: 'ffffffff000000010000000200000003',
    spanId: '0000000400000005',
    parentId: undefined,
    name: 'GET /a/{b}',
    attributes: {
      empty: '',
      long: 'ä'.repeat(100),
      port: 8080,
      'server.port': 81,
      'network.peer.address': '::1',
      header: ['a', 'b'],
      path: '/a/b',
    },
    droppedAttributes: 0,
  })
})

test('a parent is known by its identifier, and a name may be one word', () => {
  const span = new RequestSpan()
  Object.assign(span, { parent1: 0xab })
  const bytes = write(true, (writer) => {
    writer.identity(span)
    writer.name('checkout')
  })
  const { parentId, name } = decode(bytes).span!
  assert.deepEqual([parentId, name], ['00000000000000ab', 'checkout'])
})

test('what has no room is cut, left out and counted', () => {
  const bytes = write(true, (writer) => {
    writer.identity(new RequestSpan())
    writer.name('x'.repeat(1000), 'y'.repeat(1000))
    for (let i = 0; i < 20; i++) writer.text(`key ${i}`, 'z'.repeat(5000))
  })
  const { name, attributes, droppedAttributes } = decode(bytes).span!
  assert.equal(name, `${'x'.repeat(256)} ${'y'.repeat(256)}`)
  const values = Object.values(attributes) as string[]
  assert.deepEqual([...new Set(values.map(({ length }) => length))], [telemetryLimits.textBytesMax])
  assert.equal(values.length + droppedAttributes, 20)
  assert.ok(droppedAttributes > 0)
})
