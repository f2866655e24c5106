import assert from 'node:assert/strict'
import { connect } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { HeaderBlock } from './hpack-encoder.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { decodedBytesMax, huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts'

type Field = readonly [name: string, value: string]

function decode(decoder: HpackDecoder, block: Buffer): readonly Field[] | string {
  const fields: Field[] = []
  const fault = decoder.decode(block, 0, block.length, {
    onField: (name, value) => {
      const text = [name, value].map(({ bytes, start, end }) =>
        Buffer.from(bytes.subarray(start, end)).toString('latin1'),
      )
      fields.push([text[0]!, text[1]!])
    },
  })
  return fault ?? fields
}

function decodeHex(decoder: HpackDecoder, hex: string): readonly Field[] | string {
  return decode(decoder, Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

const firstRequest: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
]
const third: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
]
const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'

/** Appendix C of RFC 7541: blocks that one decoder takes in order, and what they say. */
const vectors: Readonly<Record<string, readonly (readonly [string, readonly Field[]])[]>> = {
  'C.2.1 literal with indexing': [
    [
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      [['custom-key', 'custom-header']],
    ],
  ],
  'C.2.2 literal without indexing': [
    ['040c 2f73 616d 706c 652f 7061 7468', [[':path', '/sample/path']]],
  ],
  'C.2.3 literal never indexed': [
    ['1008 7061 7373 776f 7264 0673 6563 7265 74', [['password', 'secret']]],
  ],
  'C.2.4 indexed': [['82', [[':method', 'GET']]]],
  'C.3 requests without Huffman': [
    ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', firstRequest],
    ['8286 84be 5808 6e6f 2d63 6163 6865', [...firstRequest, ['cache-control', 'no-cache']]],
    ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', third],
  ],
  'C.4 requests with Huffman': [
    ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', firstRequest],
    ['8286 84be 5886 a8eb 1064 9cbf', [...firstRequest, ['cache-control', 'no-cache']]],
    ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', third],
  ],
  'C.6 responses with Huffman, in a table of 256 bytes': [
    [
      '3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      [
        [':status', '302'],
        ['cache-control', 'private'],
        ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
        ['location', 'https://www.example.com'],
      ],
    ],
    [
      '4883 640e ffc1 c0bf',
      [
        [':status', '307'],
        ['cache-control', 'private'],
        ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
        ['location', 'https://www.example.com'],
      ],
    ],
    [
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
      [
        [':status', '200'],
        ['cache-control', 'private'],
        ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
        ['location', 'https://www.example.com'],
        ['content-encoding', 'gzip'],
        ['set-cookie', cookie],
      ],
    ],
  ],
}

for (const [name, blocks] of Object.entries(vectors)) {
  test(`RFC 7541 ${name}`, () => {
    const decoder = new HpackDecoder()
    for (const [hex, fields] of blocks) assert.deepEqual(decodeHex(decoder, hex), fields)
  })
}

const faults: Readonly<Record<string, readonly [hex: string, fault: string]>> = {
  'index 0': ['80', 'invalid index'],
  'index of an empty table': ['be', 'invalid index'],
  'integer without end': ['ffffffffffffffff', 'invalid integer'],
  'integer that is cut': ['ff', 'truncated'],
  'string that is cut': ['0005 6162', 'truncated'],
  'name without value': ['0001 61', 'truncated'],
  'padding of zeros': ['0081 1801 61', 'invalid Huffman code'],
  'padding of a whole byte': ['0082 1fff 0161', 'invalid Huffman code'],
  'the code that ends strings': ['0084 ffff ffff 0161', 'invalid Huffman code'],
  'a table larger than agreed': ['3fe2 1f', 'invalid table size update'],
  'a table size behind a field': ['82 20', 'table size update in the middle of a block'],
}

for (const [name, [hex, fault]] of Object.entries(faults)) {
  test(`refused: ${name}`, () => {
    assert.equal(decodeHex(new HpackDecoder(), hex), fault)
  })
}

/** A generator of pseudo-random numbers below `limit` (mulberry32). */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

test('what is encoded is decoded to the same fields', () => {
  const random = randomFrom(7541)
  const text = (length: number, from: number, to: number): string =>
    Array.from({ length }, () => String.fromCharCode(from + random(to - from))).join('')
  const block = new HeaderBlock()
  const decoder = new HpackDecoder()
  for (let round = 0; round < 300; round++) {
    block.clear()
    if (round % 7 === 0) block.withoutTable()
    const fields: Field[] = Array.from({ length: 1 + random(12) }, () => [
      random(2) === 0 ? 'server' : text(1 + random(40), 0x61, 0x7b),
      text(random(random(20) === 0 ? 6000 : 200), 0x20, 0x7f),
    ])
    for (const [name, value] of fields) block.field(name, value)
    assert.deepEqual(decode(decoder, block.bytes.subarray(0, block.length)), fields)
  }
})

test('any bytes at all are decoded or refused, and leave a decoder that works or a fault', () => {
  const random = randomFrom(9113)
  let decoder = new HpackDecoder()
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(Array.from({ length: random(60) }, () => random(256)))
    const outcome = decode(decoder, bytes)
    if (typeof outcome === 'string') decoder = new HpackDecoder()
  }
})

test('a table with many entries evicts the oldest, whatever the sizes', () => {
  const random = randomFrom(4096)
  const decoder = new HpackDecoder()
  const table: Field[] = []
  const sizeOf = ([name, value]: Field): number => name.length + value.length + 32
  for (let round = 0; round < 3000; round++) {
    const field: Field = ['x'.repeat(1 + random(30)), 'y'.repeat(random(300))]
    const bytes = Buffer.concat([Buffer.from([0x40]), literal(field[0]), literal(field[1])])
    assert.deepEqual(decode(decoder, bytes), [field])
    table.unshift(field)
    while (table.reduce((sum, one) => sum + sizeOf(one), 0) > 4096) table.pop()
    const index = random(table.length)
    const read = decode(decoder, integer(0x80, 7, 62 + index))
    assert.deepEqual(read, [table[index]])
  }
  assert.equal(decode(decoder, integer(0x80, 7, 62 + table.length)), 'invalid index')
})

function integer(first: number, bits: number, value: number): Buffer {
  const mask = (1 << bits) - 1
  if (value < mask) return Buffer.from([first | value])
  const bytes = [first | mask]
  let rest = value - mask
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}

function literal(text: string): Buffer {
  return Buffer.concat([integer(0, 7, text.length), Buffer.from(text, 'latin1')])
}

/** The first header block that a client sends, out of its frames. */
function headerBlock(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = []
  for (let at = 24; at + 9 <= bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3)
    const [type, flags] = [bytes[at + 3]!, bytes[at + 4]!]
    if (end > bytes.length) return undefined
    // nghttp2 puts the fields of a priority before the block.
    const from = at + 9 + (type === 1 && (flags & 0x20) !== 0 ? 5 : 0)
    if (type === 1 || type === 9) parts.push(bytes.subarray(from, end))
    if ((type === 1 || type === 9) && (flags & 4) !== 0) return Buffer.concat(parts)
    at = end
  }
  return undefined
}

test('the code of every byte is that of nghttp2', async () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter((b) => b > 0x20 && b !== 0x7f)
  // Short codes around it make nghttp2 choose Huffman for a value that holds one long code.
  const fields = bytes.map((byte): Field => {
    const around = 'a'.repeat(40)
    return [`x-${byte}`, `${around}${String.fromCharCode(byte)}${around}`]
  })
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  let received: Buffer = Buffer.alloc(0)
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk as Buffer])
      const block = headerBlock(received)
      if (block !== undefined) resolve(block)
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  client.on('error', () => {})
  client.request(Object.fromEntries(fields)).on('error', () => {})
  const decoded = decode(new HpackDecoder(), await promise)
  client.destroy()
  server.close()
  assert(typeof decoded !== 'string', `fault: ${decoded.toString()}`)
  assert.deepEqual(
    decoded.filter(([name]) => name.startsWith('x-')),
    fields,
  )
})

test('every byte survives being decoded from its own code', () => {
  for (let byte = 0; byte < 128; byte++) {
    const text = String.fromCharCode(byte).repeat(3)
    const bytes = Buffer.alloc(huffmanLength(text))
    const end = huffmanEncode(text, bytes, 0)
    const into = Buffer.alloc(decodedBytesMax(end))
    assert.equal(into.toString('latin1', 0, huffmanDecode(bytes, 0, end, into)), text)
  }
})
