import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '../../../../test/support/random.ts'
import { PacketGuard } from './packet-guard.ts'

/** A PUBLISH with so many bytes after its fixed header. */
function packet(length: number): Buffer {
  const header = [0x30]
  for (let rest = length; ; rest = Math.floor(rest / 128)) {
    header.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    if (rest < 128) break
  }
  return Buffer.concat([Buffer.from(header), Buffer.alloc(length, 0xff)])
}

describe('packet guard', () => {
  it('lets packets up to the limit pass, however they are cut', (t) => {
    const random = seededRandom(t)
    const lengths = [0, 1, 127, 128, 16_383, 16_384, 20_000]
    const bytes = Buffer.concat(lengths.map(packet))
    for (let round = 0; round < 50; round++) {
      const guard = new PacketGuard(20_000)
      for (let at = 0; at < bytes.length;) {
        const end = at + random.integer(1, 3_000)
        assert.ok(guard.accept(bytes.subarray(at, end)))
        at = end
      }
    }
  })

  it('stops at the header of a larger one', () => {
    const guard = new PacketGuard(1_000)
    assert.ok(guard.accept(packet(1_000)))
    const large = packet(1_001)
    assert.ok(guard.accept(large.subarray(0, 2)))
    assert.equal(guard.accept(large.subarray(2, 3)), false)
  })

  it('takes no length of five bytes', () => {
    const guard = new PacketGuard(Infinity)
    assert.ok(guard.accept(Buffer.of(0x30, 0xff, 0xff, 0xff)))
    assert.equal(guard.accept(Buffer.of(0xff)), false)
  })
})
