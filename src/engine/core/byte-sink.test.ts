import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteSink } from './byte-sink.ts'

function written(write: (sink: ByteSink) => void): string {
  const sink = new ByteSink(Buffer.alloc(4))
  write(sink)
  return sink.bytes.toString('utf8', 0, sink.length)
}

test('byte sink: texts of all lengths and scripts, beyond the memory it began with', () => {
  for (const text of ['', 'a', 'é€😀', 'x'.repeat(48), `${'x'.repeat(47)}é`, 'y'.repeat(500)]) {
    assert.equal(
      written((sink) => {
        sink.text('> ')
        sink.text(text)
      }),
      `> ${text}`,
    )
  }
})

test('byte sink: numbers, with and without a width', () => {
  for (const value of [0, 7, 10, 99, 100, 65_535, 4_294_967_296, Number.MAX_SAFE_INTEGER]) {
    assert.equal(
      written((sink) => sink.number(value)),
      String(value),
    )
    assert.equal(
      written((sink) => sink.number(value, 3)),
      String(value).padStart(3, '0'),
    )
  }
})

test('byte sink: ranges, short and long', () => {
  const from = Buffer.from('0123456789'.repeat(10))
  assert.equal(
    written((sink) => {
      sink.range(from, 1, 4)
      sink.byte(0x2e)
      sink.range(from, 0, 90)
      sink.all(Buffer.from('!'))
    }),
    `123.${'0123456789'.repeat(9)}!`,
  )
})
