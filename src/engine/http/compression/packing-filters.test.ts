/** Both kinds of filters, at once and on other threads, keep the order of things and wait when they must. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createGunzip, createGzip, gunzipSync, gzipSync } from 'node:zlib'
import { Random } from '../../../../test/support/random.ts'
import { until } from '../../../../test/support/wait.ts'
import { ffiAvailable } from '../../net/ffi/libc.ts'
import type { BodyFilter } from '../body-filter.ts'
import type { Request } from '../request.ts'
import { CodecFilter } from './codec-filter.ts'
import type { PackingFilter } from './packing-filter.ts'
import { TransformFilter } from './transform-filter.ts'
import { bindZlib, ZlibCodecs } from './zlib-codec.ts'

/** Stands behind the filter: takes so many pieces, then none until it is told to. */
class Behind {
  readonly out: Buffer[] = []
  ended = false
  status = 0
  flushes = 0
  room = Infinity
  woken = 0
  readonly request: Request = {
    carrier: { cork: () => undefined, uncork: () => undefined },
    passBody: (_: BodyFilter, bytes: Buffer, from: number, to: number) => {
      assert(!this.ended, 'nothing comes behind the end')
      this.out.push(Buffer.from(bytes.subarray(from, to)))
      this.room -= 1
      return this.room > 0
    },
    passEnd: () => (this.ended = true),
    passFlush: () => (this.flushes += 1),
    wakeProducer: () => (this.woken += 1),
    finalize: (status: number) => (this.status = status),
    logError: () => undefined,
  } as unknown as Request

  get bytes(): Buffer {
    return Buffer.concat(this.out)
  }
}

interface Kind {
  readonly name: string
  pack(behind: Behind): PackingFilter
  unpack(behind: Behind): PackingFilter
}

const transform: Kind = {
  name: 'by Node',
  pack: ({ request }) => new TransformFilter('gzip', request, () => createGzip()),
  unpack: ({ request }) => new TransformFilter('gunzip', request, () => createGunzip()),
}

function codec(): Kind {
  const zlib = new ZlibCodecs(bindZlib())
  const settings = { level: 1, windowBits: 15, memoryLevel: 8 }
  return {
    name: 'at once',
    pack: ({ request }) => new CodecFilter('gzip', request, () => zlib.createDeflate(settings)),
    unpack: ({ request }) => new CodecFilter('gunzip', request, () => zlib.createInflate()),
  }
}

const body = new Random(3).bytes(50_000).toString('hex').repeat(3)

for (const kind of ffiAvailable() ? [codec(), transform] : [transform]) {
  test(`${kind.name}: a body comes back, and is counted`, async () => {
    const behind = new Behind()
    const filter = kind.pack(behind)
    const bytes = Buffer.from(body)
    for (let at = 0; at < bytes.length; at += 70_000) {
      filter.write(bytes, at, Math.min(at + 70_000, bytes.length))
    }
    filter.end()
    await until(() => behind.ended)
    assert.equal(gunzipSync(behind.bytes).toString(), body)
    assert.deepEqual(
      [filter.bytesIn, filter.bytesOut, filter.complete],
      [bytes.length, behind.bytes.length, true],
    )
  })

  test(`${kind.name}: memory of the caller may be used again`, async () => {
    const behind = new Behind()
    const filter = kind.pack(behind)
    const bytes = Buffer.alloc(1000)
    for (let i = 0; i < 10; i++) {
      bytes.fill(`${i}`)
      filter.write(bytes, 0, bytes.length)
    }
    filter.end()
    await until(() => behind.ended)
    assert.match(gunzipSync(behind.bytes).toString(), /^0{1000}1{1000}2{1000}.*9{1000}$/)
  })

  test(`${kind.name}: what unpacks to much more waits for room`, async () => {
    const behind = new Behind()
    const filter = kind.unpack(behind)
    const packed = gzipSync(Buffer.alloc(20_000_000))
    behind.room = 3
    filter.write(packed, 0, packed.length)
    filter.end()
    await until(() => behind.room <= 0)
    const passed = behind.bytes.length
    assert(passed < 2_000_000, `${passed} bytes were passed on`)
    assert(!behind.ended)
    await until(() => {
      if (behind.room <= 0) {
        behind.room = 50
        filter.onWritable!()
      }
      return behind.ended
    })
    assert.equal(behind.bytes.length, 20_000_000)
  })

  test(`${kind.name}: a flush brings out all that was written`, async () => {
    const behind = new Behind()
    const filter = kind.pack(behind)
    const bytes = Buffer.from('the first piece')
    filter.write(bytes, 0, bytes.length)
    filter.flush!()
    await until(() => behind.flushes === 1)
    const reader = createGunzip()
    reader.write(behind.bytes)
    const [text] = (await once(reader, 'data')) as [Buffer]
    assert.equal(String(text), 'the first piece')
    reader.destroy()
    filter.onAbort!()
  })

  test(`${kind.name}: what makes no sense ends the request`, async () => {
    const behind = new Behind()
    const filter = kind.unpack(behind)
    const bytes = Buffer.from('this is not packed at all')
    filter.write(bytes, 0, bytes.length)
    await until(() => behind.status === 500)
    assert(!behind.ended)
  })

  test(`${kind.name}: nothing comes from a request that is over`, async () => {
    const behind = new Behind()
    const filter = kind.pack(behind)
    const bytes = Buffer.from(body)
    filter.write(bytes, 0, 60_000)
    filter.onAbort!()
    const passed = behind.out.length
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1))
    assert.equal(behind.out.length, passed)
    assert(!behind.ended)
  })
}
