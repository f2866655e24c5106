import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HeadLimits } from './head-limits.ts'
import { knownNames, nameId } from './header-names.ts'
import { parserCases } from './parser-cases.fixture.ts'
import { feed, usualLimits } from './parser.fixture.ts'

for (const { name, bytes, status } of parserCases) {
  test(`parser: ${name}`, () => {
    const whole = Buffer.from(bytes, 'latin1')
    const outcome = feed([whole])
    // Too large a header is a status of its own inside.
    assert.equal(outcome.status === 494 ? 400 : outcome.status, status, outcome.problem)
    assert.deepEqual(feed([...whole].map((byte) => Buffer.of(byte))), outcome, 'byte by byte')
  })
}

test('parser: fields are ranges with the ids of known names', () => {
  const text = 'GET /x?y HTTP/1.1\r\nHOST:  a \r\nCONTENT-length:\t0\r\nX-A: 1\r\n\r\n'
  const outcome = feed([Buffer.from(text)])
  assert.deepEqual(outcome.fields, [
    `HOST=a#${nameId('host')}`,
    `CONTENT-length=0#${nameId('content-length')}`,
    'X-A=1#-1',
  ])
  assert.equal(outcome.target, '/x?y')
})

test('parser: every known name is found in any case', () => {
  const framing = new Set(['host', 'content-length', 'transfer-encoding'])
  for (const [id, name] of knownNames.entries()) {
    if (framing.has(name)) continue
    const text = `GET / HTTP/1.1\r\nHost: a\r\n${name.toUpperCase()}: v\r\n\r\n`
    assert.equal(feed([Buffer.from(text)]).fields?.[1], `${name.toUpperCase()}=v#${id}`)
  }
})

test('parser: odd names are left out or kept as directives say', () => {
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nA_b: 1\r\nA.b: 2\r\n\r\n')
  const names = (limits: HeadLimits): number | undefined => feed([bytes], limits).fields?.length
  assert.equal(names(usualLimits), 1)
  assert.equal(names({ ...usualLimits, underscores: true }), 2)
  assert.equal(names({ ...usualLimits, ignoreInvalid: false }), 3)
})

test('parser: an odd name never stands for a known one', () => {
  const text = 'POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\nhello'
  const outcome = feed([Buffer.from(text)], { ...usualLimits, underscores: true })
  assert.equal(outcome.body, '')
  assert.equal(outcome.consumed, text.length - 'hello'.length)
})

test('parser: what follows a request is left alone', () => {
  const first = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'
  const outcome = feed([Buffer.from(`${first}GET /next HTTP/1.1\r\n`)])
  assert.equal(outcome.consumed, first.length)
  assert.equal(outcome.body, 'hi')
})

test('parser: a thousand fields are taken, one more is refused', () => {
  const limits = { ...usualLimits, largeCount: 64 }
  const request = (count: number): Buffer =>
    Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${'A:b\r\n'.repeat(count - 1)}\r\n`)
  assert.equal(feed([request(1000)], limits).fields?.length, 1000)
  assert.equal(feed([request(1001)], limits).status, 494)
})

test('parser: a body of many chunks is joined', () => {
  const chunks = Array.from(
    { length: 300 },
    (_, i) => `1\r\n${String.fromCharCode(97 + (i % 26))}\r\n`,
  )
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
  const outcome = feed([Buffer.from(`${head}${chunks.join('')}0\r\n\r\n`)])
  assert.equal(outcome.body?.length, 300)
})
