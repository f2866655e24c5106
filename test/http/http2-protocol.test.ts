/** The rules of RFC 9113, clause by clause, as frames: what is answered, what is refused, and how. */
import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { errorCodes } from '../../src/engine/http/http2/error-codes.ts'
import { freePort } from '../support/ports.ts'
import { Scope } from '../support/scope.ts'
import {
  ack,
  block,
  connectHttp2,
  connectSilently,
  endHeaders,
  ends,
  frame,
  hasPriority,
  headers,
  type Http2Client,
  padded,
  preface,
  request,
  settings,
  types,
  uint32,
} from './http2-client.ts'
import { startHttp } from './support.ts'

const scope = new Scope()
let port = 0

before(async () => {
  port = await freePort()
  const handler = `export default async (r) => new Response('<' + (await r.text()).length + '>')`
  await startHttp(
    scope,
    `access_log off; server { listen 127.0.0.1:${port} http2;
      location / { return 200 "$request_method $uri $args $host"; }
      location /body { handler h.ts; }
      location /large { root html; } }`,
    { 'h.ts': handler, 'html/large': Buffer.alloc(300_000, 'abcdefg') },
  )
})
after(() => scope.close())

const connect = (t: TestContext): Promise<Http2Client> => connectHttp2(t, port)

test('a server says its settings first, and acknowledges those of the client', async (t) => {
  const client = await connectSilently(t, port)
  await client.send(Buffer.from(preface), settings())
  const first = await client.frame()
  assert.equal(first.type, types.settings)
  assert.deepEqual([...first.payload.subarray(0, 6)], [0, 3, 0, 0, 0, 128])
  const acknowledged = await client.next(types.settings)
  assert.equal(acknowledged.flags, ack)
  assert.equal(acknowledged.payload.length, 0)
})

test('the same answer however the bytes are cut', async (t) => {
  const body = Buffer.alloc(20_000, 'x')
  const bytes = Buffer.concat([
    Buffer.from(preface),
    settings(),
    headers(1, request('/body', [['content-length', '20000']], 'POST'), endHeaders),
    frame(types.data, 0, 1, body.subarray(0, 16_000)),
    frame(types.data, ends, 1, body.subarray(16_000)),
    headers(3, request('/b?c=d')),
  ])
  for (const step of [bytes.length, 4096, 10, 1]) {
    const client = await connectSilently(t, port)
    const part = step === 1 ? bytes.length - 200 : 0
    if (part > 0) await client.send(bytes.subarray(0, part))
    for (let at = part; at < bytes.length; at += step)
      await client.send(bytes.subarray(at, at + step))
    assert.equal((await client.answer(1)).body.toString(), '<20000>')
    assert.equal((await client.answer(3)).body.toString(), 'GET /b c=d localhost')
    client.tcp.close()
  }
})

test('header blocks in pieces, with padding and a priority', async (t) => {
  const client = await connect(t)
  const whole = request('/pieces')
  const padding = Buffer.alloc(7)
  const priority = Buffer.from([0, 0, 0, 0, 15])
  const first = Buffer.concat([Buffer.from([7]), priority, whole.subarray(0, 5), padding])
  await client.send(
    frame(types.headers, ends | padded | hasPriority, 1, first),
    frame(types.continuation, 0, 1),
    frame(types.continuation, 0, 1, whole.subarray(5, 20)),
    frame(types.continuation, endHeaders, 1, whole.subarray(20)),
  )
  assert.equal((await client.answer(1)).body.toString(), 'GET /pieces  localhost')
})

test('frames and settings that nobody knows are passed over', async (t) => {
  const client = await connect(t)
  await client.send(frame(99, 255, 0, Buffer.alloc(10)), frame(0xbe, 0, 5), settings([77, 1]))
  await client.send(headers(1, request('/')))
  assert.equal((await client.answer(1)).status, 200)
})

test('a body with padding and trailers', async (t) => {
  const client = await connect(t)
  await client.send(
    headers(1, request('/body', [], 'POST'), endHeaders),
    frame(types.data, padded, 1, Buffer.from([3, 97, 98, 99, 0, 0, 0])),
    headers(1, block([['x-checksum', 'abc']])),
  )
  assert.equal((await client.answer(1)).body.toString(), '<3>')
})

test('PING is answered with its own bytes', async (t) => {
  const client = await connect(t)
  await client.send(frame(types.ping, 0, 0, Buffer.from('12345678')))
  const answer = await client.next(types.ping)
  assert.equal(answer.flags, ack)
  assert.equal(answer.payload.toString(), '12345678')
})

test('a response waits for the window of its stream, and of the connection', async (t) => {
  const client = await connectHttp2(t, port, [4, 10])
  await client.send(headers(1, request('/large')))
  await client.next(types.headers, 1)
  assert.equal((await client.next(types.data, 1)).payload.length, 10)
  await client.settle()
  await client.send(frame(types.windowUpdate, 0, 1, uint32(5)))
  assert.equal((await client.next(types.data, 1)).payload.length, 5)
  // Larger windows for all streams, by SETTINGS.
  await client.send(settings([4, 30]))
  assert.equal((await client.next(types.data, 1)).payload.length, 20)
  // Then the connection's own window is what stops it.
  await client.send(frame(types.windowUpdate, 0, 1, uint32(1_000_000)))
  let received = 35
  while (received < 65_535) received += (await client.next(types.data, 1)).payload.length
  assert.equal(received, 65_535)
  await client.settle()
  await client.send(frame(types.windowUpdate, 0, 0, uint32(1_000_000)))
  const rest = await client.answer(1).catch(() => undefined)
  assert.equal(rest?.body.length, 300_000 - 65_535)
})

test('a window that becomes negative has to be filled up first', async (t) => {
  const client = await connectHttp2(t, port, [4, 100])
  await client.send(headers(1, request('/large')))
  assert.equal((await client.next(types.data, 1)).payload.length, 100)
  await client.send(settings([4, 40]), frame(types.windowUpdate, 0, 1, uint32(60)))
  await client.settle()
  await client.send(frame(types.windowUpdate, 0, 1, uint32(1)))
  assert.equal((await client.next(types.data, 1)).payload.length, 1)
})

test('streams have turns: a small response is not kept waiting by a large one', async (t) => {
  const client = await connectHttp2(t, port, [4, 1_000_000])
  await client.send(headers(1, request('/large')), headers(3, request('/large')))
  const order: number[] = []
  for (let bytes = 0; bytes < 65_535;) {
    const one = await client.next(types.data)
    order.push(one.stream)
    bytes += one.payload.length
  }
  await client.send(frame(types.windowUpdate, 0, 0, uint32(400_000)))
  for (let frames = 0; frames < 8; frames++) order.push((await client.next(types.data)).stream)
  assert(order.slice(-8).includes(1) && order.slice(-8).includes(3), `order: ${order.join()}`)
})

test('HEAD, and answers without a body, end with their head', async (t) => {
  const client = await connect(t)
  await client.send(headers(1, request('/', [], 'HEAD')))
  const head = await client.next(types.headers, 1)
  assert.equal(head.flags, ends | endHeaders)
  assert.equal(client.decode(head)['content-length'], 'HEAD /  localhost'.length.toString())
})

test('an answer before the body is over asks for no more of it', async (t) => {
  const client = await connect(t)
  await client.send(headers(1, request('/', [], 'POST'), endHeaders))
  const answer = await client.answer(1)
  assert.equal(answer.status, 200)
  assert.equal((await client.next(types.rstStream, 1)).payload.readUInt32BE(0), errorCodes.noError)
  // What was on its way is passed over.
  await client.send(frame(types.data, ends, 1, Buffer.alloc(100)), headers(3, request('/')))
  assert.equal((await client.answer(3)).status, 200)
})

test('a client that has limited our table is told that there is none', async (t) => {
  const client = await connectHttp2(t, port, [1, 0])
  await client.send(headers(1, request('/')))
  assert.equal((await client.next(types.headers, 1)).payload[0], 0x20)
  await client.send(headers(3, request('/')))
  assert.notEqual((await client.next(types.headers, 3)).payload[0], 0x20)
})

test('more streams than agreed are refused, and may be tried again', async (t) => {
  const client = await connectHttp2(t, port, [4, 0])
  const streams = Array.from({ length: 130 }, (_, i) => i * 2 + 1)
  await client.send(...streams.map((stream) => headers(stream, request('/large'))))
  for (const stream of streams.slice(128)) {
    const { payload } = await client.next(types.rstStream, stream)
    assert.equal(payload.readUInt32BE(0), errorCodes.refusedStream)
  }
  await client.send(frame(types.rstStream, 0, 1, uint32(errorCodes.cancel)))
  await client.send(headers(301, request('/large')))
  assert.equal(client.decode(await client.next(types.headers, 301))[':status'], '200')
})

/** Requests that are none: answered with 400 and reset (RFC 9113 §8.1.1). */
const malformed: Readonly<Record<string, Buffer>> = {
  'without :method': block([
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'a'],
  ]),
  'without :scheme': block([
    [':method', 'GET'],
    [':path', '/'],
    [':authority', 'a'],
  ]),
  'without :path': block([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'a'],
  ]),
  'with an empty :path': request(''),
  'with :path twice': request('/', [[':path', '/']]),
  'with a pseudo-header behind others': block([
    [':method', 'GET'],
    [':scheme', 'http'],
    ['accept', '*/*'],
    [':path', '/'],
  ]),
  'with an unknown pseudo-header': block([
    [':method', 'GET'],
    [':status', '200'],
  ]),
  'with an upper-case name': request('/', [['X-Upper', 'a']]),
  'with an empty name': request('/', [['', 'a']]),
  'with a colon in a name': request('/', [['a:b', 'c']]),
  'with a space in a name': request('/', [['a b', 'c']]),
  'with a line break in a value': request('/', [['x', 'a\r\nb: c']]),
  'with a null in a value': request('/', [['x', 'a\0']]),
  'with white space around a value': request('/', [['x', ' a']]),
  'with white space in :path': request('/a b'),
  'with a line break in :path': request('/a\r\nx'),
  'with a line break in :method': request('/', [], 'GET / HTTP/1.1\r\n\r\nGET'),
  'with a lower-case method': request('/', [], 'get'),
  'with Connection': request('/', [['connection', 'close']]),
  'with Keep-Alive': request('/', [['keep-alive', '1']]),
  'with Proxy-Connection': request('/', [['proxy-connection', 'close']]),
  'with Transfer-Encoding': request('/', [['transfer-encoding', 'chunked']]),
  'with Upgrade': request('/', [['upgrade', 'h2c']]),
  'with another TE than trailers': request('/', [['te', 'gzip']]),
  'with a Host that is not the authority': request('/', [['host', 'other']]),
  'with a length and no body': request('/', [['content-length', '5']]),
  'CONNECT with a :path': request('/', [], 'CONNECT'),
}

for (const [name, fields] of Object.entries(malformed)) {
  test(`malformed: ${name}`, async (t) => {
    const client = await connect(t)
    await client.send(headers(1, fields))
    const answer = await client.answer(1)
    assert.equal(answer.status, 400)
    const { payload } = await client.next(types.rstStream, 1)
    assert.equal(payload.readUInt32BE(0), errorCodes.protocol)
    await client.send(headers(3, request('/')))
    assert.equal((await client.answer(3)).status, 200)
  })
}

/** Requests that are well formed, and which we do not take: answered like those of HTTP/1. */
const refused: Readonly<Record<string, readonly [fields: Buffer, status: number]>> = {
  'a path without a slash': [request('a'), 400],
  'a path that leaves the root': [request('/../a'), 400],
  'no host at all': [
    block([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
    ]),
    400,
  ],
  'an authority that is no host': [
    block([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'a/b'],
    ]),
    400,
  ],
  'two lengths': [
    request('/', [
      ['content-length', '0'],
      ['content-length', '0'],
    ]),
    400,
  ],
  TRACE: [request('/', [], 'TRACE'), 405],
  CONNECT: [
    block([
      [':method', 'CONNECT'],
      [':authority', 'a:80'],
    ]),
    405,
  ],
  'a field that is too large': [request('/', [['x', 'a'.repeat(9000)]]), 400],
  'fields that are too large together': [
    request(
      '/',
      Array.from({ length: 6 }, (_, i) => [`x-${i}`, 'a'.repeat(6000)] as const),
    ),
    400,
  ],
}

for (const [name, [fields, status]] of Object.entries(refused)) {
  test(`refused: ${name}`, async (t) => {
    const client = await connect(t)
    const pieces = Array.from({ length: Math.ceil(fields.length / 16_000) }, (_, i) =>
      fields.subarray(i * 16_000, (i + 1) * 16_000),
    )
    const frames = pieces.map((piece, i) => {
      const last = i === pieces.length - 1 ? endHeaders : 0
      return i === 0
        ? frame(types.headers, ends | last, 1, piece)
        : frame(types.continuation, last, 1, piece)
    })
    await client.send(...frames)
    if (fields.length > 32_768) {
      assert.equal((await client.goAway()).code, errorCodes.enhanceYourCalm)
      return
    }
    assert.equal((await client.answer(1)).status, status)
    await client.send(headers(3, request('/')))
    assert.equal((await client.answer(3)).status, 200)
  })
}

test('a host in place of the authority, and the same in both', async (t) => {
  const client = await connect(t)
  const own = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
  ] as const
  await client.send(headers(1, block([...own, ['host', 'Other.test']])))
  assert.equal((await client.answer(1)).body.toString(), 'GET /  other.test')
  await client.send(headers(3, request('/', [['host', 'LOCALHOST']])))
  assert.equal((await client.answer(3)).body.toString(), 'GET /  localhost')
})

/** Faults of one stream: it is reset, its connection lives on. */
const streamFaults: Readonly<Record<string, readonly [frames: readonly Buffer[], code: number]>> = {
  'a body longer than announced': [
    [
      headers(1, request('/body', [['content-length', '2']], 'POST'), endHeaders),
      frame(types.data, 0, 1, Buffer.alloc(3)),
    ],
    errorCodes.protocol,
  ],
  'a body shorter than announced': [
    [
      headers(1, request('/body', [['content-length', '2']], 'POST'), endHeaders),
      frame(types.data, ends, 1, Buffer.alloc(1)),
    ],
    errorCodes.protocol,
  ],
  'trailers that do not end the stream': [
    [
      headers(1, request('/body', [], 'POST'), endHeaders),
      headers(1, block([['x', 'y']]), endHeaders),
    ],
    errorCodes.protocol,
  ],
  'WINDOW_UPDATE of 0': [
    [
      headers(1, request('/body', [], 'POST'), endHeaders),
      frame(types.windowUpdate, 0, 1, uint32(0)),
    ],
    errorCodes.protocol,
  ],
  'a window beyond all bounds': [
    [
      headers(1, request('/body', [], 'POST'), endHeaders),
      frame(types.windowUpdate, 0, 1, uint32(2 ** 31 - 1)),
    ],
    errorCodes.flowControl,
  ],
}

for (const [name, [frames, code]] of Object.entries(streamFaults)) {
  test(`stream fault: ${name}`, async (t) => {
    const client = await connect(t)
    await client.send(...frames)
    const { payload } = await client.next(types.rstStream, 1)
    assert.equal(payload.readUInt32BE(0), code)
    await client.send(headers(3, request('/')))
    assert.equal((await client.answer(3)).status, 200)
  })
}

test('stream fault: more of a body than the window has room for', async (t) => {
  const other = await freePort()
  await startHttp(
    t,
    `access_log off; server { listen 127.0.0.1:${other} http2; http2_body_preread_size 1000;
      location / { handler h.ts; } }`,
    { 'h.ts': 'export default () => new Promise(() => {})' },
  )
  const client = await connectHttp2(t, other)
  await client.send(headers(1, request('/', [], 'POST'), endHeaders))
  await client.send(frame(types.data, 0, 1, Buffer.alloc(1001)))
  const { payload } = await client.next(types.rstStream, 1)
  assert.equal(payload.readUInt32BE(0), errorCodes.flowControl)
})

/** Faults of the connection: GOAWAY says which, and it ends. */
const faults: Readonly<Record<string, readonly [frames: readonly Buffer[], code: number]>> = {
  'DATA without a stream': [[frame(types.data, 0, 0, Buffer.alloc(1))], errorCodes.protocol],
  'DATA for an idle stream': [[frame(types.data, 0, 5, Buffer.alloc(1))], errorCodes.protocol],
  'DATA with more padding than bytes': [
    [headers(1, request('/body'), endHeaders), frame(types.data, padded, 1, Buffer.from([5, 0]))],
    errorCodes.protocol,
  ],
  'HEADERS without a stream': [[headers(0, request('/'))], errorCodes.protocol],
  'HEADERS for an even stream': [[headers(2, request('/'))], errorCodes.protocol],
  'HEADERS for a lower stream than before': [
    [headers(5, request('/')), headers(3, request('/'))],
    errorCodes.streamClosed,
  ],
  'HEADERS for a stream that is over': [
    [headers(1, request('/')), headers(1, request('/'))],
    errorCodes.streamClosed,
  ],
  'HEADERS that depend on themselves': [
    [
      frame(
        types.headers,
        ends | endHeaders | hasPriority,
        1,
        Buffer.concat([uint32(1), Buffer.from([0]), request('/')]),
      ),
    ],
    errorCodes.protocol,
  ],
  'a header block that is none': [[headers(1, Buffer.from([0xff, 0xff]))], errorCodes.compression],
  'CONTINUATION without HEADERS': [[frame(types.continuation, 0, 1)], errorCodes.protocol],
  'another frame between HEADERS and CONTINUATION': [
    [headers(1, request('/'), ends), frame(types.ping, 0, 0, Buffer.alloc(8))],
    errorCodes.protocol,
  ],
  'CONTINUATION of another stream': [
    [headers(1, request('/'), ends), frame(types.continuation, endHeaders, 3)],
    errorCodes.protocol,
  ],
  'PRIORITY without a stream': [
    [frame(types.priority, 0, 0, Buffer.alloc(5))],
    errorCodes.protocol,
  ],
  'PRIORITY of a wrong length': [[frame(types.priority, 0, 1)], errorCodes.frameSize],
  'RST_STREAM for an idle stream': [[frame(types.rstStream, 0, 1, uint32(8))], errorCodes.protocol],
  'RST_STREAM of a wrong length': [
    [headers(1, request('/body'), endHeaders), frame(types.rstStream, 0, 1, Buffer.alloc(3))],
    errorCodes.frameSize,
  ],
  'SETTINGS with a stream': [[frame(types.settings, 0, 1)], errorCodes.protocol],
  'SETTINGS of a wrong length': [
    [frame(types.settings, 0, 0, Buffer.alloc(5))],
    errorCodes.frameSize,
  ],
  'an acknowledgement with settings': [
    [frame(types.settings, ack, 0, Buffer.alloc(6))],
    errorCodes.frameSize,
  ],
  'ENABLE_PUSH of 2': [[settings([2, 2])], errorCodes.protocol],
  'a window of 2^31': [[settings([4, 2 ** 31])], errorCodes.flowControl],
  'frames of 16383 bytes': [[settings([5, 16_383])], errorCodes.protocol],
  PUSH_PROMISE: [[frame(types.pushPromise, endHeaders, 1, uint32(2))], errorCodes.protocol],
  'PING with a stream': [[frame(types.ping, 0, 1, Buffer.alloc(8))], errorCodes.protocol],
  'PING of a wrong length': [[frame(types.ping, 0, 0, Buffer.alloc(7))], errorCodes.frameSize],
  'GOAWAY with a stream': [[frame(types.goAway, 0, 1, Buffer.alloc(8))], errorCodes.protocol],
  'WINDOW_UPDATE of 0': [[frame(types.windowUpdate, 0, 0, uint32(0))], errorCodes.protocol],
  'WINDOW_UPDATE of a wrong length': [
    [frame(types.windowUpdate, 0, 0, Buffer.alloc(3))],
    errorCodes.frameSize,
  ],
  'WINDOW_UPDATE of an idle stream': [
    [frame(types.windowUpdate, 0, 9, uint32(1))],
    errorCodes.protocol,
  ],
  'a window beyond all bounds': [
    [frame(types.windowUpdate, 0, 0, uint32(2 ** 31 - 1))],
    errorCodes.flowControl,
  ],
  'a frame that is too long': [
    [frame(types.data, 0, 1, Buffer.alloc(16_385))],
    errorCodes.frameSize,
  ],
}

for (const [name, [frames, code]] of Object.entries(faults)) {
  test(`connection fault: ${name}`, async (t) => {
    const client = await connect(t)
    await client.send(...frames)
    assert.equal((await client.goAway()).code, code)
    await client.tcp.end()
    await client.tcp.readAll({ orReset: true })
  })
}

test('connection fault: a preface that is none, and one without SETTINGS', async (t) => {
  const plain = await connectSilently(t, port)
  await plain.send(Buffer.from(preface), frame(types.ping, 0, 0, Buffer.alloc(8)))
  assert.equal((await plain.goAway()).code, errorCodes.protocol)
  // What does not begin like it is HTTP/1.
  const other = await connectSilently(t, port)
  await other.send(Buffer.from('PRI * HTTP/1.1\r\n\r\n'))
  assert.match(await other.tcp.readUntil('\r\n'), /^HTTP\/1.1 400 /)
})

test('GOAWAY tells the last stream that was served', async (t) => {
  const client = await connect(t)
  await client.send(headers(7, request('/')))
  await client.answer(7)
  await client.send(frame(types.ping, 0, 1, Buffer.alloc(8)))
  assert.deepEqual(await client.goAway(), { code: errorCodes.protocol, last: 7 })
})
