import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestHead } from '../request-head.ts'
import { unknownName } from '../header-names.ts'
import { readParent, type Propagation, type TraceParent } from './trace-context.ts'

type Fields = readonly (readonly [name: string, value: string])[]

function headOf(fields: Fields): RequestHead {
  const head = new RequestHead()
  for (const [name, value] of fields) {
    const at = head.length
    head.append(Buffer.from(`${name}: ${value}\r\n`), 0)
    head.addField(at, at + name.length, unknownName)
    head.endField(at + name.length + 2, at + name.length + 2 + value.length)
  }
  return head
}

/** `trace-span-sampled`, or what was found to be no parent. */
function read(way: Propagation, ...fields: Fields): string {
  const parent: TraceParent = {
    trace0: 0,
    trace1: 0,
    trace2: 0,
    trace3: 0,
    span0: 0,
    span1: 0,
    sampled: false,
  }
  if (!readParent(headOf(fields), way, parent)) return 'none'
  const { trace0, trace1, trace2, trace3, span0, span1, sampled } = parent
  const hex = (...words: number[]): string =>
    words.map((word) => word.toString(16).padStart(8, '0')).join('')
  return `${hex(trace0, trace1, trace2, trace3)}-${hex(span0, span1)}-${Number(sampled)}`
}

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const span = '00f067aa0ba902b7'
const zeros = '0'.repeat(32)

const traceparents: readonly (readonly [value: string, found: string])[] = [
  [`00-${trace}-${span}-01`, `${trace}-${span}-1`],
  [`00-${trace}-${span}-00`, `${trace}-${span}-0`],
  [`00-${trace}-${span}-03`, `${trace}-${span}-1`],
  [
    `00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01`,
    `${'f'.repeat(32)}-${'f'.repeat(16)}-1`,
  ],
  [`cc-${trace}-${span}-01`, `${trace}-${span}-1`],
  [`cc-${trace}-${span}-01-what-the-future-brings`, `${trace}-${span}-1`],
  [`cc-${trace}-${span}-01.what`, 'none'],
  [`00-${trace}-${span}-01-more`, 'none'],
  [`ff-${trace}-${span}-01`, 'none'],
  [`00-${trace.toUpperCase()}-${span}-01`, 'none'],
  [`00-${zeros}-${span}-01`, 'none'],
  [`00-${trace}-${zeros.slice(16)}-01`, 'none'],
  [`00-${trace}-${span}-0`, 'none'],
  [`00-${trace}-${span}-0g`, 'none'],
  [`0x-${trace}-${span}-01`, 'none'],
  [`00_${trace}-${span}-01`, 'none'],
  [`00-${trace.replace('b', 'z')}-${span}-01`, 'none'],
  ['', 'none'],
]

for (const [value, found] of traceparents) {
  test(`traceparent: ${value}`, () => assert.equal(read('w3c', ['Traceparent', value]), found))
}

test('of two traceparents nobody knows which is right', () => {
  const field = ['traceparent', `00-${trace}-${span}-01`] as const
  assert.equal(read('w3c', field, field), 'none')
  assert.equal(read('w3c', ['traceparents', field[1]]), 'none')
})

const b3s: readonly (readonly [value: string, found: string])[] = [
  [`${trace}-${span}-1`, `${trace}-${span}-1`],
  [`${trace}-${span}-0`, `${trace}-${span}-0`],
  [`${trace}-${span}-d`, `${trace}-${span}-1`],
  [`${trace}-${span}-1-${span}`, `${trace}-${span}-1`],
  [`${trace}-${span}`, `${trace}-${span}-1`],
  [`${trace.slice(16)}-${span}-1`, `${zeros.slice(16)}${trace.slice(16)}-${span}-1`],
  ['0', 'none'],
  [`${trace}-${span.slice(1)}-1`, 'none'],
  [`${trace}-${span}x1`, 'none'],
  [`${zeros}-${span}-1`, 'none'],
]

for (const [value, found] of b3s) {
  test(`b3: ${value}`, () => assert.equal(read('b3', ['b3', value]), found))
}

test('b3 is read from several fields as well', () => {
  const ids = [
    ['X-B3-TraceId', trace],
    ['x-b3-spanid', span],
  ] as const
  assert.equal(read('b3multi', ...ids), `${trace}-${span}-1`)
  assert.equal(read('b3', ...ids, ['X-B3-Sampled', '0']), `${trace}-${span}-0`)
  assert.equal(read('b3', ...ids, ['X-B3-Sampled', 'true']), `${trace}-${span}-1`)
  assert.equal(read('b3', ...ids, ['X-B3-Sampled', '0'], ['X-B3-Flags', '1']), `${trace}-${span}-1`)
  assert.equal(read('b3', ids[0]), 'none')
  assert.equal(read('w3c', ...ids), 'none')
})
