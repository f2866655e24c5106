import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { UpstreamFraming } from './proxy/framing.ts'
import { UpstreamHead } from './upstream-head.ts'
import { broken, partial, UpstreamHeadParser, whole } from './upstream-head-parser.ts'
import { upstreamNameId, upstreamNameIndex } from './upstream-names.ts'

const headBytesMax = 4096

/** Parses bytes that come cut at the given places. */
function parse(text: string, ...cuts: readonly number[]): [number, UpstreamHead, string] {
  const bytes = Buffer.from(text, 'latin1')
  const head = new UpstreamHead()
  const parser = new UpstreamHeadParser(head, upstreamNameIndex)
  let outcome = partial
  const ends = [...cuts, bytes.length]
  for (let i = 0, from = 0; i < ends.length && outcome === partial; from = ends[i]!, i++) {
    head.append(bytes.subarray(0, ends[i]), from, headBytesMax)
    outcome = parser.parse()
  }
  return [outcome, head, parser.problem]
}

const good = 'HTTP/1.1 200 OK\r\nX-A: 1\r\nx-b:2 \r\nContent-Length: 4\r\n\r\nbody'

test('a head is the same wherever it was cut', () => {
  const end = good.indexOf('\r\n\r\n') + 4
  for (let cut = 1; cut < end; cut++) {
    const [outcome, head] = parse(good, cut)
    assert.equal(outcome, whole, `cut at ${cut}`)
    assert.equal(head.end, end)
    assert.equal(head.status, 200)
    assert.deepEqual(
      Array.from({ length: head.count }, (_, i) => [head.name(i), head.value(i)]),
      [
        ['X-A', '1'],
        ['x-b', '2'],
        ['Content-Length', '4'],
      ],
    )
  }
})

describe('what is no head', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['hello\r\n\r\n', /no valid HTTP\/1\.0 header/],
    ['HTTP/2.0 200 OK\r\n\r\n', /no valid HTTP/],
    ['HTTP/1.1 20 OK\r\n\r\n', /no valid HTTP/],
    ['HTTP/1.1 2000 OK\r\n\r\n', /no valid HTTP/],
    ['HTTP/1.1 099 OK\r\n\r\n', /no valid HTTP/],
    ['HTTP/1.1  200 OK\r\n\r\n', /no valid HTTP/],
    ['HTTP/1.1 200 O\u0001K\r\n\r\n', /no valid HTTP/],
    ['HTTP/1.1 200 OK\n\n', /no valid HTTP/],
    ['HTTP/1.1 200 OK\r\nbad line\r\n\r\n', /invalid header: "bad\\x20\.\.\."/],
    ['HTTP/1.1 200 OK\r\nX-A : 1\r\n\r\n', /invalid header: "X-A\\x20/],
    ['HTTP/1.1 200 OK\r\n: 1\r\n\r\n', /invalid header/],
    ['HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n', /invalid header/],
    ['HTTP/1.1 200 OK\r\nX: a\u0000b\r\n\r\n', /invalid header/],
    ['HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n', /invalid header/],
    ['HTTP/1.1 200 OK\r\nX: a\rY: b\r\n\r\n', /invalid header/],
    ['HTTP/1.1 200 OK\r\n\rX', /invalid header/],
  ]
  for (const [text, problem] of cases) {
    test(JSON.stringify(text), () => {
      const [outcome, , told] = parse(text)
      assert.equal(outcome, broken)
      assert.match(told, problem)
    })
  }
})

describe('framing', () => {
  function read(fields: string, version = '1.1'): UpstreamFraming {
    const [outcome, head] = parse(`HTTP/${version} 200 OK\r\n${fields}\r\n`)
    assert.equal(outcome, whole)
    const framing = new UpstreamFraming()
    framing.read(head)
    return framing
  }

  const bad: readonly (readonly [string, string, RegExp])[] = [
    [
      'Content-Length: 1\r\nContent-Length: 1\r\n',
      '1.1',
      /duplicate header line: "Content-Length: 1"/,
    ],
    ['Content-Length: +1\r\n', '1.1', /invalid "Content-Length" header: "Content-Length: \+1"/],
    ['Content-Length: 1, 1\r\n', '1.1', /invalid "Content-Length"/],
    ['Content-Length:\r\n', '1.1', /invalid "Content-Length"/],
    ['Content-Length: 99999999999999999999\r\n', '1.1', /invalid "Content-Length"/],
    ['Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', '1.1', /at the same time/],
    ['Transfer-Encoding: gzip, chunked\r\n', '1.1', /unknown "Transfer-Encoding": "gzip, chunked"/],
    [
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
      '1.1',
      /duplicate header line/,
    ],
    ['Transfer-Encoding: chunked\r\n', '1.0', /with HTTP\/1\.0/],
  ]
  for (const [fields, version, problem] of bad) {
    test(`refused: ${JSON.stringify(fields)} of HTTP/${version}`, () => {
      assert.match(read(fields, version).problem, problem)
    })
  }

  test('whether the connection lives on', () => {
    assert.equal(read('').keepAlive, true)
    assert.equal(read('', '1.0').keepAlive, false)
    assert.equal(read('Connection: x, Close\r\n').keepAlive, false)
    assert.equal(read('Connection: closed\r\n').keepAlive, true)
    assert.equal(read('Transfer-Encoding: Chunked\r\n').chunked, true)
  })
})

test('lines go on as they came, but those that are hidden, changed or oddly written', () => {
  const [, head] = parse(
    'HTTP/1.1 200 OK\r\nX-A: 1\r\nServer: up\r\nx-b:2 \r\nX-C: 3\r\nLocation: /a\r\n\r\n',
  )
  head.hideAll(upstreamNameId('server'))
  head.replace(head.first[upstreamNameId('location')]!, '/b\r\nX: y')
  const into = Buffer.alloc(head.room)
  const end = head.copyFields(into, 0)
  assert.equal(
    into.toString('latin1', 0, end),
    'X-A: 1\r\nx-b: 2\r\nX-C: 3\r\nLocation: /b  X: y\r\n',
  )
})
