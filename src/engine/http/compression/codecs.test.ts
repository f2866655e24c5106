/** What the encoders make, Node's own decoders read; and the other way round. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'
import { Random } from '../../../../test/support/random.ts'
import { ffiAvailable } from '../../net/ffi/libc.ts'
import { bindBrotli, BrotliCodecs } from './brotli-codec.ts'
import { type Codec, codecInputBytesMax } from './codec.ts'
import { bindZlib, ZlibCodecs } from './zlib-codec.ts'
import { bindZstd, ZstdCodecs } from './zstd-codec.ts'

const skip = ffiAvailable() ? false : 'the libraries cannot be called here'

/** All that a step puts out, again while there is more. */
function drain(codec: Codec, step: () => number): Buffer {
  const out: Buffer[] = []
  do {
    const count = step()
    assert(count >= 0, 'the codec takes its input')
    out.push(Buffer.from(codec.output.subarray(0, count)))
  } while (codec.more)
  return Buffer.concat(out)
}

/** Sends pieces through a codec, and gives it back. */
function run(codec: Codec, pieces: readonly Buffer[], flushEach = false): Buffer {
  const out: Buffer[] = []
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += codecInputBytesMax) {
      codec.feed(piece, at, Math.min(at + codecInputBytesMax, piece.length))
      out.push(drain(codec, () => codec.step()))
    }
    if (flushEach) out.push(drain(codec, () => codec.flush()))
  }
  out.push(drain(codec, () => codec.finish()))
  codec.close()
  return Buffer.concat(out)
}

const random = new Random(7)

/** Bodies that pack well, badly, not at all, and nothing. */
const bodies: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from('x'),
  Buffer.from('a line that is there again and again\n'.repeat(10_000)),
  random.bytes(300_000),
  Buffer.alloc(2_000_000),
]

const settings = { level: 1, windowBits: 15, memoryLevel: 8 }

const encoders = skip === false ? listEncoders() : []

interface Encoder {
  readonly name: string
  readonly create: () => Codec
  readonly decode: (bytes: Buffer) => Buffer
}

function listEncoders(): readonly Encoder[] {
  const zlib = new ZlibCodecs(bindZlib())
  const brotli = new BrotliCodecs(bindBrotli())
  const zstd = new ZstdCodecs(bindZstd())
  return [
    { name: 'gzip', create: () => zlib.createDeflate(settings), decode: gunzipSync },
    {
      name: 'gzip with a small window',
      create: () => zlib.createDeflate({ level: 9, windowBits: 9, memoryLevel: 1 }),
      decode: gunzipSync,
    },
    {
      name: 'br',
      create: () => brotli.create({ level: 4, windowBits: 19 }),
      decode: brotliDecompressSync,
    },
    { name: 'zstd', create: () => zstd.create(3), decode: zstdDecompressSync },
    { name: 'zstd at its hardest', create: () => zstd.create(22), decode: zstdDecompressSync },
  ]
}

for (const { name, create, decode } of encoders) {
  test(`${name}: bodies come back as they were`, () => {
    for (const body of name.endsWith('hardest') ? bodies.slice(0, 3) : bodies) {
      assert.deepEqual(decode(run(create(), [body])), body)
    }
  })

  test(`${name}: pieces are one body, and a state serves again`, () => {
    for (let round = 0; round < 3; round++) {
      const pieces = Array.from({ length: 20 }, (_, i) => Buffer.from(`piece ${i} of ${round}\n`))
      assert.deepEqual(decode(run(create(), pieces)), Buffer.concat(pieces))
    }
  })

  test(`${name}: several at the same time do not disturb each other`, () => {
    const codecs = [create(), create(), create()]
    const outs = codecs.map(() => [] as Buffer[])
    for (let round = 0; round < 50; round++) {
      for (const [i, codec] of codecs.entries()) {
        const piece = Buffer.from(`${i} in round ${round}; `)
        codec.feed(piece, 0, piece.length)
        outs[i]!.push(drain(codec, () => codec.step()))
      }
    }
    for (const [i, codec] of codecs.entries()) {
      outs[i]!.push(drain(codec, () => codec.finish()))
      codec.close()
      const text = decode(Buffer.concat(outs[i]!)).toString()
      assert.match(text, new RegExp(`^(${i} in round \\d+; ){50}$`))
    }
  })

  test(`${name}: what was flushed can be read`, () => {
    const pieces = ['first ', 'second ', 'third'].map((text) => Buffer.from(text))
    assert.deepEqual(decode(run(create(), pieces, true)), Buffer.concat(pieces))
  })
}

test('gunzip: bodies, members one behind the other, single bytes', { skip }, () => {
  const zlib = new ZlibCodecs(bindZlib())
  for (const body of bodies) {
    assert.deepEqual(run(zlib.createInflate(), [gzipSync(body)]), body)
  }
  const two = Buffer.concat([gzipSync('one '), gzipSync('two')])
  assert.equal(run(zlib.createInflate(), [two]).toString(), 'one two')
  const bytes = Array.from(two, (_, i) => two.subarray(i, i + 1))
  assert.equal(run(zlib.createInflate(), bytes).toString(), 'one two')
})

test('gunzip: what is no gzip, and what is cut off, is told', { skip }, () => {
  const zlib = new ZlibCodecs(bindZlib())
  const wrong = zlib.createInflate()
  wrong.feed(Buffer.from('this is not packed'), 0, 18)
  assert.equal(wrong.step(), -1)
  wrong.close()
  const cut = zlib.createInflate()
  const packed = gzipSync('a body')
  cut.feed(packed, 0, packed.length - 3)
  assert(cut.step() >= 0)
  assert.equal(cut.finish(), -1)
  cut.close()
})
