import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodyDecoder } from './body-decoder.ts'
import { Framing } from './framing.ts'
import { knownNames, nameId } from './header-names.ts'
import { methods } from './methods.ts'
import { again, done, type HeadLimits, RequestParser } from './parser.ts'
import { parserCases } from './parser-cases.fixture.ts'
import { RequestHead } from './request-head.ts'
import { normalizePath } from './uri.ts'

const limits: HeadLimits = {
  initialBytes: 1024,
  largeCount: 4,
  largeBytes: 8192,
  underscores: false,
  ignoreInvalid: true,
}

interface Outcome {
  readonly status: number
  readonly problem: string
  readonly method?: string
  readonly target?: string
  readonly fields?: readonly string[]
  readonly body?: string
  readonly consumed?: number
}

/** Feeds pieces as a connection would and tells all that can be seen of the outcome. */
function feed(pieces: readonly Buffer[], options: HeadLimits = limits): Outcome {
  const head = new RequestHead()
  const parser = new RequestParser(head, options)
  const framing = new Framing()
  const decoder = new BodyDecoder()
  const body: Buffer[] = []
  const sink = {
    onBody: (chunk: Buffer, from: number, to: number): void => {
      body.push(Buffer.from(chunk.subarray(from, to)))
    },
  }
  let status = again
  let consumed = 0
  for (const piece of pieces) {
    let at = 0
    while (status === again && at < piece.length) {
      const before = head.length
      const taken = head.append(piece, at)
      status = parser.parse()
      at += status === done ? head.end - before : taken
      consumed += status === done ? head.end - before : taken
    }
    if (status !== again && status !== done) return { status, problem: parser.problem }
    if (status === done && at === 0) status = done
    if (status === done && framing.hostStart === -1 && framing.problem === '') {
      const verdict = framing.read(head)
      if (verdict !== done) return { status: verdict, problem: framing.problem }
      if (head.method === methods.connect || head.method === methods.trace) {
        return { status: 405, problem: 'method' }
      }
      if (
        head.pathSpecial &&
        normalizePath(head.bytes, head.pathStart, head.pathEnd, true) === undefined
      ) {
        return { status: 400, problem: 'path' }
      }
      decoder.reset(framing.chunked ? -1 : Math.max(framing.contentLength, 0))
    }
    if (status === done) {
      const verdict = decoder.decode(piece, at, sink)
      consumed += decoder.at - at
      if (verdict !== again && verdict !== done)
        return { status: verdict, problem: decoder.problem }
    }
  }
  if (status === again || !decoder.complete) return { status: again, problem: '' }
  const list: string[] = []
  for (let i = 0; i < head.count; i++) {
    const name = head.text(head.nameStart(i), head.nameEnd(i))
    list.push(`${name}=${head.text(head.valueStart(i), head.valueEnd(i))}#${head.idOf(i)}`)
  }
  return {
    status: 200,
    problem: '',
    method: head.text(head.methodStart, head.methodEnd),
    target: head.text(head.targetStart, head.targetEnd),
    fields: list,
    body: Buffer.concat(body).toString('latin1'),
    consumed,
  }
}

for (const { name, bytes, status } of parserCases) {
  test(`parser: ${name}`, () => {
    const whole = Buffer.from(bytes, 'latin1')
    const outcome = feed([whole])
    const seen = outcome.status === 494 ? 400 : outcome.status
    assert.equal(seen, status, outcome.problem)
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
  for (const [id, name] of knownNames.entries()) {
    if (name === 'host' || name === 'content-length' || name === 'transfer-encoding') continue
    const upper = feed([
      Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${name.toUpperCase()}: v\r\n\r\n`),
    ])
    assert.equal(upper.fields?.[1], `${name.toUpperCase()}=v#${id}`)
  }
})

test('parser: odd names are left out or kept as directives say', () => {
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nA_b: 1\r\nA.b: 2\r\n\r\n')
  const names = (options: HeadLimits): number | undefined => feed([bytes], options).fields?.length
  assert.equal(names(limits), 1)
  assert.equal(names({ ...limits, underscores: true }), 2)
  assert.equal(names({ ...limits, ignoreInvalid: false }), 3)
})

test('parser: what follows a request is left alone', () => {
  const first = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi'
  const outcome = feed([Buffer.from(`${first}GET /next HTTP/1.1\r\n`)])
  assert.equal(outcome.consumed, first.length)
  assert.equal(outcome.body, 'hi')
})
