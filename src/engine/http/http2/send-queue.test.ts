import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SendQueue } from './send-queue.ts'

test('pieces come out as they went in, however they are taken', () => {
  for (const step of [1, 3, 100]) {
    const queue = new SendQueue()
    const source = Buffer.from('one two three')
    queue.append(source, 0, 4)
    queue.append(source, 4, 13)
    source.fill(0)
    let text = ''
    let added = false
    while (queue.length > 0) {
      const { piece, from } = queue
      const to = Math.min(from + step, piece.length)
      text += piece.toString('latin1', from, to)
      queue.advance(to - from)
      if (!added && text.length > 4) queue.append(Buffer.from('!'), 0, 1)
      added ||= text.length > 4
    }
    assert.equal(text, 'one two three!')
  }
})

test('what is cleared is gone', () => {
  const queue = new SendQueue()
  queue.append(Buffer.from('abc'), 0, 3)
  queue.advance(1)
  queue.clear()
  assert.equal(queue.length, 0)
  queue.append(Buffer.from('d'), 0, 1)
  assert.equal(queue.piece.toString('latin1', queue.from), 'd')
})
