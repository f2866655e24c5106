import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { SharedSessions, sharedSessionsBytes } from './shared-sessions.ts'

const idOf = (n: number): Buffer => createHash('sha256').update(String(n)).digest()

test('a session is found by every view of the memory until it is deleted', () => {
  const memory = new ArrayBuffer(sharedSessionsBytes(32_768))
  const [one, two] = [new SharedSessions(() => memory), new SharedSessions(() => memory)]
  one.set(idOf(1), Buffer.from('first'))
  one.set(idOf(2), Buffer.from('second'))
  one.set(idOf(1), Buffer.from('renewed'))
  assert.equal(two.get(idOf(1))?.toString(), 'renewed')
  assert.equal(two.get(idOf(2))?.toString(), 'second')
  two.delete(idOf(1))
  assert.equal(one.get(idOf(1)), undefined)
  assert.equal(one.get(idOf(3)), undefined)
})

test('a full cache lets the oldest go and keeps what fits', () => {
  const sessions = new SharedSessions(() => new ArrayBuffer(sharedSessionsBytes(32_768)))
  for (let n = 0; n < 1000; n += 1) sessions.set(idOf(n), Buffer.from(`session ${n}`))
  const kept = Array.from({ length: 1000 }, (_, n) => n).filter((n) => sessions.get(idOf(n)))
  assert.ok(kept.length > 60 && kept.length <= 128, String(kept.length))
  for (const n of kept) assert.equal(sessions.get(idOf(n))?.toString(), `session ${n}`)
})

test('what is no id and what is too large is not kept', () => {
  const sessions = new SharedSessions(() => new ArrayBuffer(sharedSessionsBytes(32_768)))
  sessions.set(Buffer.from('abc'), Buffer.from('x'))
  assert.equal(sessions.get(Buffer.from('abc')), undefined)
  sessions.set(idOf(1), Buffer.alloc(1000))
  assert.equal(sessions.get(idOf(1)), undefined)
})

test('without memory there are no sessions', () => {
  const sessions = new SharedSessions(() => {
    throw new Error('no memory')
  })
  sessions.set(idOf(1), Buffer.from('x'))
  assert.equal(sessions.get(idOf(1)), undefined)
})
