/**
 * Seeded fuzzing of the way through: what is forwarded is exactly one well-formed request for each that a
 * strict reader finds, and whatever an upstream answers, the next request gets its own answer.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parserCases } from '../../src/engine/http/parser-cases.fixture.ts'
import { type Front, passThrough, startFront } from '../http/abuse/front.ts'
import { dialogue } from '../http/dialogue.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { Scope } from '../support/scope.ts'

const rounds = { requests: 6000, responses: 1500 } as const

const scope = new Scope()
let front: Front
before(async () => {
  // What is incomplete is ended by its time, not by the test's patience.
  front = await startFront(scope, 'client_body_timeout 20s; client_max_body_size 1m;')
})
after(() => scope.close())

const next = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n'

const requests = parserCases
  .map(({ bytes }) => bytes)
  .filter((bytes) => bytes.length < 400)
  .map((bytes) => bytes.replace(/^([A-Z]+) \/ /, '$1 /target '))

const requestTokens = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '\0',
  '\x0b',
  '\xff',
  'Host: b\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip\r\n',
  'Connection: close\r\n',
  'Connection: Content-Length\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: x\r\n',
  'TE: trailers\r\n',
  '5\r\nhello\r\n',
  '0\r\n\r\n',
  '0\r\nX: y\r\n\r\n',
  ';x="y"',
  'HTTP/1.1',
  'HTTP/1.0',
  'GET /inner HTTP/1.1\r\nHost: a\r\n\r\n',
  'http://a',
  '%0d%0a',
  '/../',
  '?',
  '#',
]

const responses = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello',
  'HTTP/1.0 200 OK\r\n\r\nhello',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
  'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n',
]

const responseTokens = [
  ...requestTokens.filter((token) => !token.startsWith('GET')),
  'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'Set-Cookie: a=b\r\n',
  'X-Accel-Redirect: /next\r\n',
  '99999999999999999999',
]

function mutate(random: Random, seeds: readonly string[], tokens: readonly string[]): string {
  let text = random.pick(seeds)
  for (let i = random.integer(0, 4); i > 0; i--) {
    const at = random.integer(0, text.length)
    const cut = random.chance(0.4) ? random.integer(0, 5) : 0
    const insert = random.chance(0.7)
      ? random.pick(tokens)
      : String.fromCharCode(random.integer(0, 255))
    text = text.slice(0, at) + (random.chance(0.85) ? insert : '') + text.slice(at + cut)
  }
  return text
}

/** Cut anywhere, mostly not at all. */
function pieces(bytes: Buffer, random: Random): Buffer[] {
  if (random.chance(0.7)) return [bytes]
  const at = random.integer(1, bytes.length - 1)
  return [bytes.subarray(0, at), bytes.subarray(at)]
}

test(`http proxy: ${rounds.requests} changed requests reach the backend as they were read`, async (t) => {
  const random = seededRandom(t)
  let forwarded = 0
  let refused = 0
  for (let round = 0; round < rounds.requests; round++) {
    const bytes = Buffer.from(mutate(random, requests, requestTokens) + next, 'latin1')
    try {
      const passage = await passThrough(scope, front, pieces(bytes, random))
      forwarded += passage.forwarded.length
      refused += passage.statuses.filter((status) => status >= 400).length
    } catch (cause) {
      throw new Error(`with ${JSON.stringify(bytes.toString('latin1'))}`, { cause })
    }
  }
  assert(forwarded > rounds.requests / 10, `only ${forwarded} requests were forwarded`)
  assert(refused > rounds.requests / 10, `only ${refused} requests were refused`)
})

test(`http proxy: ${rounds.responses} changed responses never reach another request`, async (t) => {
  const random = seededRandom(t)
  let good = 0
  let bytes = ''
  front.backend.answer = (request, socket) => {
    if (request.start.includes(' /good')) {
      const body = `good ${(good += 1)}`
      return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    }
    // An upstream that is not understood must not be waited for: its end is what a lenient reader needs.
    socket.end(bytes, 'latin1')
    return undefined
  }
  let passed = 0
  for (let round = 0; round < rounds.responses; round++) {
    bytes = mutate(random, responses, responseTokens)
    try {
      passed += await askTwice()
    } catch (cause) {
      throw new Error(`with ${JSON.stringify(bytes)}`, { cause })
    }
  }
  assert(passed > rounds.responses / 20, `only ${passed} responses were passed on`)
  assert(passed < rounds.responses, 'every response was passed on')
})

/** 1 where the answer was passed on whole, 0 where it was refused or cut. */
async function askTwice(): Promise<number> {
  const bad = 'GET /bad HTTP/1.1\r\nHost: a\r\n\r\n'
  const first = await dialogue(scope, front.port, bad, { quietMs: 0, mayBeCut: true })
  const ask = 'GET /good HTTP/1.1\r\nHost: a\r\n\r\n'
  const { answers } = await dialogue(scope, front.port, ask + ask, { answers: 2, quietMs: 0 })
  const numbers = answers.map(({ body }) => Number(/^good (\d+)$/.exec(body.toString())?.[1]))
  assert.equal(numbers.length, 2)
  assert.equal(numbers[1], numbers[0]! + 1)
  return first.statuses.length === 1 && first.statuses[0] !== 502 ? 1 : 0
}
