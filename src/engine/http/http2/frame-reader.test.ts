import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import { frameBytesMax } from './limits.ts'

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

class Collector implements FrameSink {
  reading = true
  readonly frames: string[] = []
  readonly faults: number[] = []

  onFrame({ type, flags, stream }: FrameReader, bytes: Buffer, from: number, to: number): void {
    const sum = bytes.subarray(from, to).reduce((total, byte) => total + byte, 0)
    this.frames.push(`${type} ${flags} ${stream} ${to - from} ${sum}`)
  }

  onFault(code: number): void {
    this.faults.push(code)
    this.reading = false
  }
}

const payloads = [0, 1, 8, 100, frameBytesMax, 0, 5000].map((length, i) =>
  Buffer.alloc(length, i + 1),
)
const bytes = Buffer.concat(payloads.map((payload, i) => frame(i, i * 3, i * 1000, payload)))
const expected = payloads.map(
  (payload, i) => `${i} ${i * 3} ${i * 1000} ${payload.length} ${payload.length * (i + 1)}`,
)

for (const step of [bytes.length, 32_768, 4096, 100, 10, 9, 8, 7, 1]) {
  test(`frames in pieces of ${step} bytes are whole frames`, () => {
    const sink = new Collector()
    const reader = new FrameReader(sink)
    for (let at = 0; at < bytes.length; at += step) {
      // The memory of a piece is used again behind its call.
      const piece = Buffer.from(bytes.subarray(at, at + step))
      reader.read(piece, 0)
      piece.fill(0xff)
    }
    assert.deepEqual(sink.frames, expected)
    assert.equal(reader.partial, false)
  })
}

test('a part of a frame is told as such', () => {
  const reader = new FrameReader(new Collector())
  reader.read(bytes.subarray(0, 12), 0)
  assert.equal(reader.partial, true)
})

test('the reserved bit of a stream means nothing', () => {
  const sink = new Collector()
  new FrameReader(sink).read(frame(0, 0, 0x8000_0005, Buffer.alloc(0)), 0)
  assert.deepEqual(sink.frames, ['0 0 5 0 0'])
})

test('a frame that is too long is told by its head', () => {
  for (const cut of [9, 4]) {
    const sink = new Collector()
    const reader = new FrameReader(sink)
    const head = frame(0, 0, 1, Buffer.alloc(0))
    head.writeUIntBE(frameBytesMax + 1, 0, 3)
    reader.read(head.subarray(0, cut), 0)
    if (cut < head.length) reader.read(head.subarray(cut), 0)
    assert.deepEqual(sink.faults, [6])
  }
})

test('nothing is delivered once the connection has ended', () => {
  const sink = new Collector()
  const reader = new FrameReader(sink)
  sink.reading = false
  reader.read(bytes, 0)
  assert.deepEqual(sink.frames, [])
})
