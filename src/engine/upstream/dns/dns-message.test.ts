import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { a, aaaa, cname, encodeName, srv, type TestRecord } from './dns-server.fixture.ts'
import { decodeResponse, DnsFormatError, type DnsResponse, encodeQuery } from './dns-message.ts'

function header(counts: readonly [number, number], flags = 0x8180): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xabcd, 0)
  head.writeUInt16BE(flags, 2)
  head.writeUInt16BE(counts[0], 4)
  head.writeUInt16BE(counts[1], 6)
  return head
}

function question(name: Buffer, type = 1): Buffer {
  return Buffer.concat([name, Buffer.of(0, type, 0, 1)])
}

function record(name: Buffer, { type, ttl = 60, data }: TestRecord): Buffer {
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(ttl, 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([name, fixed, data])
}

const pointerToQuestion = Buffer.of(0xc0, 12)
const asked = question(encodeName('app.example'))

function decode(...records: readonly TestRecord[]): DnsResponse {
  const answers = records.map((each) => record(encodeName(each.name), each))
  return decodeResponse(Buffer.concat([header([1, records.length]), asked, ...answers]))
}

suite('queries', () => {
  test('a question asks for recursion', () => {
    const query = encodeQuery(0x1234, { name: 'app.example', type: 'AAAA' })
    assert.equal(
      query.toString('hex'),
      '12340100000100000000000003617070076578616d706c6500001c0001',
    )
    assert.deepEqual(
      encodeQuery(1, { name: 'a.', type: 'A' }),
      encodeQuery(1, { name: 'a', type: 'A' }),
    )
  })

  test('a name that no message can hold is refused', () => {
    for (const name of ['', '.', 'a..b', '.a', 'x'.repeat(64), 'abcdefg.'.repeat(32) + 'x']) {
      assert.throws(() => encodeQuery(1, { name, type: 'A' }), DnsFormatError, name)
    }
    encodeQuery(1, { name: `${'x'.repeat(63)}.`.repeat(3) + 'x'.repeat(61), type: 'A' })
  })
})

suite('responses', () => {
  test('answers of all kinds', () => {
    const {
      id,
      question: echoed,
      rcode,
      truncated,
      answers,
    } = decode(
      cname('app.example', 'web.example'),
      a('web.example', '10.1.2.3', 5),
      aaaa('web.example', [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]),
      srv('_http._tcp.app.example', 'web.example', [1, 2, 8080]),
    )
    assert.deepEqual([id, rcode, truncated], [0xabcd, 0, false])
    assert.deepEqual(echoed, { name: 'app.example', type: 'A' })
    assert.deepEqual(answers, [
      { name: 'app.example', ttlSeconds: 60, type: 'CNAME', target: 'web.example' },
      { name: 'web.example', ttlSeconds: 5, type: 'A', address: '10.1.2.3' },
      { name: 'web.example', ttlSeconds: 60, type: 'AAAA', address: '2001:db8::1' },
      {
        name: '_http._tcp.app.example',
        ttlSeconds: 60,
        type: 'SRV',
        priority: 1,
        weight: 2,
        port: 8080,
        target: 'web.example',
      },
    ])
  })

  test('compressed names', () => {
    // "web" and a pointer to "example" within the question: offset 12 + 4.
    const target = Buffer.from([3, ...Buffer.from('web'), 0xc0, 16])
    const answer = record(pointerToQuestion, { name: '', type: 5, data: target })
    const { answers } = decodeResponse(Buffer.concat([header([1, 1]), asked, answer]))
    assert.deepEqual(answers, [
      { name: 'app.example', ttlSeconds: 60, type: 'CNAME', target: 'web.example' },
    ])
  })

  test('records of other kinds are passed over', () => {
    const txt = { name: 'app.example', type: 16, data: Buffer.from('\x03abc') }
    assert.deepEqual(
      decode(txt, a('app.example', '10.0.0.1')).answers.map(({ type }) => type),
      ['A'],
    )
  })

  test('a truncated response is taken without its answers', () => {
    const cut = decodeResponse(Buffer.concat([header([1, 3], 0x8380), asked, Buffer.of(1)]))
    assert.deepEqual([cut.truncated, cut.answers], [true, []])
  })

  test('a TTL with its highest bit set is 0', () => {
    assert.equal(decode(a('x', '10.0.0.1', 0xffff_ffff)).answers[0]?.ttlSeconds, 0)
  })
})

const broken: Readonly<Record<string, Buffer>> = {
  empty: Buffer.alloc(0),
  'a header cut short': header([0, 0]).subarray(0, 11),
  'a query': Buffer.concat([header([1, 0], 0x0100), asked]),
  'another opcode': Buffer.concat([header([1, 0], 0x9000), asked]),
  'two questions': Buffer.concat([header([2, 0]), asked, asked]),
  'a question cut short': Buffer.concat([header([1, 0]), asked.subarray(0, -1)]),
  'a missing answer': Buffer.concat([header([1, 1]), asked]),
  'a pointer to itself': Buffer.concat([header([1, 0]), question(Buffer.of(0xc0, 12))]),
  'a pointer ahead': Buffer.concat([
    header([1, 0]),
    question(Buffer.of(0xc0, 14)),
    Buffer.of(1, 97, 0),
  ]),
  'pointers in a circle': Buffer.concat([header([1, 0]), question(Buffer.of(1, 97, 0xc0, 12))]),
  'a pointer past the end': Buffer.concat([header([1, 0]), question(Buffer.of(0xff, 0xff))]),
  'a reserved label': Buffer.concat([header([1, 0]), question(Buffer.of(0x40, 97, 0))]),
  'a label with a dot': Buffer.concat([header([1, 0]), question(Buffer.of(3, 97, 46, 98, 0))]),
  'a label with a zero': Buffer.concat([header([1, 0]), question(Buffer.of(1, 0, 0))]),
  'a name too long': Buffer.concat([
    header([1, 0]),
    question(encodeName(Array.from({ length: 64 }, () => 'abc').join('.'))),
  ]),
  'an address cut short': Buffer.concat([
    header([1, 1]),
    asked,
    record(pointerToQuestion, { name: '', type: 1, data: Buffer.of(1, 2, 3) }),
  ]),
  'an address too long': Buffer.concat([
    header([1, 1]),
    asked,
    record(pointerToQuestion, { name: '', type: 1, data: Buffer.of(1, 2, 3, 4, 5) }),
  ]),
  'data past the end': Buffer.concat([
    header([1, 1]),
    asked,
    record(pointerToQuestion, { name: '', type: 16, data: Buffer.alloc(9) }).subarray(0, -1),
  ]),
}

suite('what breaks the format', () => {
  for (const [name, message] of Object.entries(broken)) {
    test(name, () => assert.throws(() => decodeResponse(message), DnsFormatError))
  }
})

test('damaged messages are read or refused, nothing else', () => {
  const whole = Buffer.concat([
    header([1, 4]),
    asked,
    record(pointerToQuestion, cname('', 'web.example')),
    record(Buffer.of(3, 119, 101, 98, 0xc0, 16), a('', '10.1.2.3')),
    record(pointerToQuestion, aaaa('', [1, 2, 3, 4, 5, 6, 7, 8])),
    record(pointerToQuestion, srv('', 'web.example', [1, 2, 3])),
  ])
  assert.equal(decodeResponse(whole).answers.length, 4)
  let state = 4711
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 8) % below
  }
  let readable = 0
  for (let round = 0; round < 20_000; round += 1) {
    const damaged = Buffer.from(
      whole.subarray(0, random(8) === 0 ? random(whole.length) : whole.length),
    )
    for (let i = random(4); i >= 0 && damaged.length > 0; i -= 1) {
      damaged[random(damaged.length)] = random(3) === 0 ? 0xc0 | random(4) : random(256)
    }
    try {
      decodeResponse(damaged)
      readable += 1
    } catch (error) {
      assert.ok(error instanceof DnsFormatError, damaged.toString('hex'))
    }
  }
  assert.ok(readable > 1000 && readable < 19_000, `${readable} of 20000 could be read`)
})
