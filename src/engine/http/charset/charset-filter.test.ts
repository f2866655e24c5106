/** Characters of one set become those of another, however a body is cut into pieces. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../../../test/support/random.ts'
import type { BodyFilter } from '../body-filter.ts'
import type { Request } from '../request.ts'
import { createCharsetFilter } from './charset-filter.ts'
import type { CharsetTable } from './charset-map.ts'

const euro = Buffer.from('\u20ac')
const ascii = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte < 128 ? byte : 0x3f))

const toUtf8: CharsetTable = { kind: 'toUtf8', table: ascii.with(0xa4, euro) }
const fromUtf8: CharsetTable = { kind: 'fromUtf8', table: new Map([[0x20ac, 0xa4]]) }

/** What the filter makes of pieces. */
function run(charset: CharsetTable, pieces: readonly Buffer[]): Buffer {
  const out: Buffer[] = []
  let ended = false
  const request = {
    passBody: (_: BodyFilter, bytes: Buffer, from: number, to: number) => {
      out.push(Buffer.from(bytes.subarray(from, to)))
      return true
    },
    passEnd: () => (ended = true),
  } as unknown as Request
  const filter = createCharsetFilter(request, charset)
  for (const piece of pieces) assert(filter.write(piece, 0, piece.length))
  filter.end()
  assert(ended)
  return Buffer.concat(out)
}

test('to UTF-8', () => {
  const body = Buffer.from([0x61, 0xa4, 0xff, 0x62])
  assert.equal(run(toUtf8, [body]).toString(), 'a\u20ac?b')
})

test('from UTF-8: known, unknown and broken characters', () => {
  const cases: readonly (readonly [body: string, expected: string])[] = [
    ['a\xe2\x82\xacb', 'a\xa4b'],
    ['\xc3\xa4', '&#228;'],
    ['\xf0\x9f\x98\x80', '&#128512;'],
    ['\xe2\x82<', '?<'],
    ['\xff\xc0', '??'],
    ['\xe2\xe2\x82\xac', '?\xa4'],
    ['end \xe2\x82', 'end '],
  ]
  for (const [body, expected] of cases) {
    assert.equal(run(fromUtf8, [Buffer.from(body, 'latin1')]).toString('latin1'), expected)
  }
})

test('pieces and the whole give the same', () => {
  const random = new Random(20261122)
  const text = Array.from({ length: 40_000 }, () =>
    random.pick(['a', '<', '\u20ac', '\u00e4', '\u{1f600}']),
  ).join('')
  const body = Buffer.concat([Buffer.from(text), random.bytes(500)])
  const whole = run(fromUtf8, [body])
  for (let round = 0; round < 20; round++) {
    const pieces: Buffer[] = []
    for (let at = 0; at < body.length;) {
      const end = at + random.integer(1, round < 2 ? 3 : 70_000)
      pieces.push(body.subarray(at, end))
      at = end
    }
    assert.deepEqual(run(fromUtf8, pieces), whole)
  }
})

test('what grows beyond the room of one piece is passed on whole', () => {
  const body = Buffer.alloc(100_000, 0xa4)
  assert.equal(run(toUtf8, [body]).length, 300_000)
  assert.equal(run(fromUtf8, [run(toUtf8, [body])]).toString('latin1'), body.toString('latin1'))
})
