import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordRing, ringBytes } from './record-ring.ts'
import { RecordRings } from './record-rings.ts'

function append(ring: RecordRing, text: string, bytesMax = text.length): boolean {
  const start = ring.reserve(bytesMax)
  if (start < 0) return false
  ring.commit(start + ring.bytes.write(text, start, 'latin1'))
  return true
}

function readAll(ring: RecordRing, max = Infinity): string[] {
  const found: string[] = []
  ring.read(max, (bytes, start, end) => found.push(bytes.toString('latin1', start, end)))
  return found
}

test('records are read in the order in which they were written', () => {
  const ring = new RecordRing(new ArrayBuffer(ringBytes(256)))
  for (const text of ['one', '', 'three', 'four']) assert.equal(append(ring, text), true)
  assert.deepEqual(readAll(ring, 2), ['one', ''])
  assert.deepEqual(readAll(ring), ['three', 'four'])
  assert.deepEqual(readAll(ring), [])
  assert.equal(ring.waiting, 0)
})

test('a record without room is lost and counted, and the ring goes on', () => {
  const ring = new RecordRing(new ArrayBuffer(ringBytes(64)))
  assert.equal(append(ring, 'a'.repeat(40)), true)
  assert.equal(append(ring, 'b'.repeat(40)), false)
  assert.equal(ring.lost, 1)
  assert.deepEqual(readAll(ring), ['a'.repeat(40)])
  assert.equal(append(ring, 'c'.repeat(40)), true)
  assert.deepEqual(readAll(ring), ['c'.repeat(40)])
})

test('what is reserved and not committed never was', () => {
  const ring = new RecordRing(new ArrayBuffer(ringBytes(64)))
  ring.bytes.fill('x', ring.reserve(20))
  assert.deepEqual(readAll(ring), [])
  assert.equal(append(ring, 'whole', 20), true)
  assert.deepEqual(readAll(ring), ['whole'])
})

test('any mixture of lengths goes round and round unharmed', () => {
  const ring = new RecordRing(new ArrayBuffer(ringBytes(512)))
  const expected: string[] = []
  let state = 7
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return (state >>> 8) % below
  }
  let lost = 0
  for (let i = 0; i < 20_000; i++) {
    const text = String(i).padEnd(random(90), '.')
    if (append(ring, text, text.length + random(60))) expected.push(text)
    else lost += 1
    if (random(3) > 0) continue
    for (const found of readAll(ring, random(6))) assert.equal(found, expected.shift())
  }
  for (const found of readAll(ring)) assert.equal(found, expected.shift())
  assert.deepEqual(expected, [])
  assert.equal(ring.lost, lost)
  assert.ok(lost > 0)
})

test('positions may wrap', () => {
  const memory = new ArrayBuffer(ringBytes(64))
  const head = new Int32Array(memory)
  const last = 0x7fff_ffff & ~63
  head[16] = last
  head[32] = last
  const ring = new RecordRing(memory)
  for (let i = 0; i < 10; i++) {
    assert.equal(append(ring, `record ${i}`), true)
    assert.deepEqual(readAll(ring), [`record ${i}`])
  }
  assert.ok(head[16] < 0)
})

test('a writer has one ring, and a dead one’s ring goes to the next', () => {
  const segments = new Map<string, ArrayBuffer>()
  const open = (name: string, bytes: number): ArrayBuffer => {
    return segments.getOrInsertComputed(name, () => new ArrayBuffer(bytes))
  }
  const options = { name: 'spans', ringsMax: 2, ringBytes: 256, open }
  // Pids that no process has: Linux gives none of 2^22 - 1.
  const dead = (1 << 22) | ((1 << 22) - 1)
  new Int32Array(open('spans writers', 8)).fill(dead)
  const writer = new RecordRings(options)
  const ring = writer.claim()!
  assert.equal(writer.claim(), ring)
  append(ring, 'hello')
  const reader = new RecordRings(options)
  assert.deepEqual(
    [...reader.claimed()].map((one) => readAll(one)),
    [['hello'], []],
  )
})
