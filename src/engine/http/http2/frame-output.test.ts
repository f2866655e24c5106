import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Socket } from '../../net/socket.ts'
import type { OutputOwner } from '../output.ts'
import { FrameOutput, writtenFrameBytesMax } from './frame-output.ts'
import { flags, frameTypes } from './frames.ts'

class Owner implements OutputOwner {
  blocked = false
  readonly writes: Buffer[] = []
  readonly socket: Socket

  constructor(takes = true) {
    const write = (chunk: Buffer): boolean => {
      this.writes.push(Buffer.from(chunk))
      return takes
    }
    this.socket = { write } as unknown as Socket
  }

  /** Frames as `type flags stream length`. */
  get frames(): readonly string[] {
    const bytes = Buffer.concat(this.writes)
    const found: string[] = []
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUIntBE(at, 3)
      found.push(`${bytes[at + 3]} ${bytes[at + 4]} ${bytes.readUInt32BE(at + 5)} ${length}`)
      at += 9 + length
    }
    return found
  }
}

const { data, headers, continuation } = frameTypes
const { endHeaders, endStream } = flags
const body = Buffer.alloc(100)

test('all of a turn leaves at once, and the last frame ends its stream', () => {
  const owner = new Owner()
  const output = new FrameOutput()
  output.headers(owner, 1, { bytes: body, length: 20 }, 0)
  output.data(owner, 1, body, 0, 50)
  assert.equal(output.endLast(owner, 1), true)
  output.flush()
  assert.equal(owner.writes.length, 1)
  assert.deepEqual(owner.frames, [`${headers} ${endHeaders} 1 20`, `${data} ${endStream} 1 50`])
})

test('a frame that is under way, another’s, or not the last, is not made the last', () => {
  const [owner, other] = [new Owner(), new Owner()]
  const output = new FrameOutput()
  output.data(owner, 1, body, 0, 50)
  assert.equal(output.endLast(owner, 3), false)
  assert.equal(output.endLast(other, 1), false)
  output.ping(owner, body.subarray(0, 8), 0)
  assert.equal(output.endLast(owner, 1), false)
  output.data(owner, 1, body, 0, 50)
  output.flush()
  assert.equal(output.endLast(owner, 1), false)
})

test('bytes of one connection leave before those of another are taken', () => {
  const [owner, other] = [new Owner(false), new Owner()]
  const output = new FrameOutput()
  output.end(owner, 1)
  output.end(other, 1)
  assert.equal(owner.writes.length, 1)
  assert.equal(owner.blocked, true)
  assert.equal(other.writes.length, 0)
  output.flush()
  assert.equal(other.blocked, false)
  assert.deepEqual(other.frames, [`${data} ${endStream} 1 0`])
})

test('a header block beyond a frame goes on in CONTINUATION', () => {
  const owner = new Owner()
  const output = new FrameOutput()
  const block = { bytes: Buffer.alloc(40_000), length: writtenFrameBytesMax * 2 + 5 }
  const written = output.headers(owner, 7, block, endStream)
  output.flush()
  assert.deepEqual(owner.frames, [
    `${headers} ${endStream} 7 ${writtenFrameBytesMax}`,
    `${continuation} 0 7 ${writtenFrameBytesMax}`,
    `${continuation} ${endHeaders} 7 5`,
  ])
  assert.equal(written, block.length + 3 * 9)
  assert.equal(output.endLast(owner, 7), false)
})

test('more than the buffer has room for leaves in order', () => {
  const owner = new Owner()
  const output = new FrameOutput()
  const piece = Buffer.alloc(writtenFrameBytesMax)
  for (let stream = 1; stream < 40; stream += 2) output.data(owner, stream, piece, 0, piece.length)
  output.flush()
  const streams = owner.frames.map((one) => Number(one.split(' ')[2]))
  assert.deepEqual(
    streams,
    Array.from({ length: 20 }, (_, i) => i * 2 + 1),
  )
})
