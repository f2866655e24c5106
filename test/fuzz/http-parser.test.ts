/**
 * The request parser under seeded random bytes: it never throws, the way bytes are cut makes no difference,
 * and what it takes is one well-formed request.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parserCases } from '../../src/engine/http/parser-cases.fixture.ts'
import { feed, type Outcome, usualLimits } from '../../src/engine/http/parser.fixture.ts'
import { type Random, seededRandom } from '../support/random.ts'

const rounds = 4000

const tokens = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  ':',
  '\0',
  'Host: a\r\n',
  'Content-Length: 3\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: x\r\n',
  'Connection: close\r\n',
  '3\r\nabc\r\n',
  '0\r\n\r\n',
  ';a=b',
  '"',
  'HTTP/1.1',
  'GET ',
  '/',
  '%2e',
  '..',
  '?',
  '#',
  '\x7f',
  '\xff',
]

const seeds = parserCases.map(({ bytes }) => bytes).filter((bytes) => bytes.length < 400)

/** A known request with a few changes. */
function mutate(random: Random): Buffer {
  let text = random.pick(seeds)
  for (let i = random.integer(0, 4); i > 0; i--) {
    const at = random.integer(0, text.length)
    const cut = random.chance(0.4) ? random.integer(0, 5) : 0
    const insert = random.chance(0.6)
      ? random.pick(tokens)
      : String.fromCharCode(random.integer(0, 255))
    text = text.slice(0, at) + (random.chance(0.8) ? insert : '') + text.slice(at + cut)
  }
  return Buffer.from(text, 'latin1')
}

function split(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const next = at + random.integer(1, random.chance(0.5) ? 3 : 40)
    pieces.push(bytes.subarray(at, next))
    at = next
  }
  return pieces
}

/** What RFC 9112 asks of anything that is passed on, read by other code than the parser's. */
function checkWellFormed(bytes: Buffer, outcome: Outcome): void {
  const text = bytes.toString('latin1', 0, outcome.consumed).replace(/^(?:\r\n)*/, '')
  const end = text.indexOf('\r\n\r\n')
  assert(end > 0, 'a head ends with an empty line')
  const [line, ...fields] = text.slice(0, end).split('\r\n')
  assert.match(line!, /^[A-Z_-]+ [^\s#]+ HTTP\/1\.\d$/)
  for (const field of fields) {
    // oxlint-disable-next-line no-control-regex
    assert.match(field, /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/)
  }
  const named = (name: string): string[] =>
    fields.filter((field) => field.toLowerCase().startsWith(`${name}:`))
  assert(named('host').length <= 1, 'one Host')
  assert(named('content-length').length + named('transfer-encoding').length <= 1, 'one length')
  const length = named('content-length')[0]
  if (length !== undefined) {
    assert.match(length, /^content-length:[\t ]*\d+[\t ]*$/i)
    assert.equal(outcome.body!.length, Number(length.slice(15).trim()))
    assert.equal(text.length, end + 4 + outcome.body!.length)
  }
  if (length === undefined && named('transfer-encoding').length === 0) {
    assert.equal(text.length, end + 4, 'no body without a length')
  }
}

test(`http parser: ${rounds} changed requests, cut at random`, (t) => {
  const random = seededRandom(t)
  let taken = 0
  for (let round = 0; round < rounds; round++) {
    const bytes = mutate(random)
    const whole = feed([bytes])
    assert.deepEqual(feed(split(bytes, random)), whole, JSON.stringify(bytes.toString('latin1')))
    if (whole.status !== 200) continue
    taken += 1
    checkWellFormed(bytes, whole)
  }
  assert(taken > rounds / 20, `only ${taken} were taken: the fuzzer does not reach what it tests`)
  assert(taken < rounds, 'nothing was refused')
})

test(`http parser: ${rounds} texts of tokens, cut at random, small buffers`, (t) => {
  const random = seededRandom(t)
  const limits = { ...usualLimits, initialBytes: 64, largeBytes: 48, largeCount: 3 }
  const outcomes = new Set<number>()
  for (let round = 0; round < rounds; round++) {
    let text = 'GET / HTTP/1.1\r\nHost: a\r\n'
    for (let i = random.integer(0, 20); i > 0; i--) {
      text += random.chance(0.3) ? random.text(random.integer(1, 30)) : random.pick(tokens)
    }
    const bytes = Buffer.from(text, 'latin1')
    const whole = feed([bytes], limits)
    outcomes.add(whole.status)
    assert.deepEqual(feed(split(bytes, random), limits), whole, JSON.stringify(text))
  }
  for (const status of [0, 200, 400, 494]) {
    assert(outcomes.has(status), `no outcome ${status} among ${[...outcomes].join()}`)
  }
})

test('http parser: noise is refused or waits, and nothing is thrown', (t) => {
  const random = seededRandom(t)
  for (let round = 0; round < rounds; round++) {
    const bytes = random.bytes(random.integer(1, 200))
    assert.notEqual(feed([bytes]).status, 200)
  }
})
