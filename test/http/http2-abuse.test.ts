/** Clients that ask for much and give little: each is bounded, told to go, and costs the others nothing. */
import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { errorCodes } from '../../src/engine/http/http2/error-codes.ts'
import { continuationsMax } from '../../src/engine/http/http2/limits.ts'
import { freePort } from '../support/ports.ts'
import { seededRandom } from '../support/random.ts'
import { Scope } from '../support/scope.ts'
import { until } from '../support/wait.ts'
import {
  ack,
  connectHttp2,
  endHeaders,
  ends,
  frame,
  headers,
  type Http2Client,
  preface,
  request,
  settings,
  types,
  uint32,
} from './http2-client.ts'
import { type HttpRunner, startHttp } from './support.ts'

const scope = new Scope()
let port = 0
let engine: HttpRunner

before(async () => {
  port = await freePort()
  engine = await startHttp(
    scope,
    `access_log off; send_timeout 500ms;
     server { listen 127.0.0.1:${port} http2; keepalive_requests 1000000;
       location / { return 200 "ok"; }
       location /wait { handler h.ts; }
       location /large { root html; } }`,
    {
      'h.ts': 'export default () => new Promise(() => {})',
      'html/large': Buffer.alloc(1_000_000, 'abcdefg'),
    },
  )
})
after(() => scope.close())

const connect = (t: TestContext): Promise<Http2Client> => connectHttp2(t, port)

/** Sends without end until it is told to go, or fails after so many pieces. */
async function flood(
  client: Http2Client,
  pieces: number,
  make: (i: number) => Buffer,
): Promise<void> {
  for (let i = 0; i < pieces && client.tcp.ending === undefined; i++) {
    await client.send(make(i)).catch(() => undefined)
  }
}

async function askedToGo(client: Http2Client): Promise<void> {
  assert.equal((await client.goAway()).code, errorCodes.enhanceYourCalm)
  client.tcp.close()
}

/** Many of a frame in one write. */
function many(one: Buffer, count = 1000): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => one))
}

const reset = (stream: number): Buffer =>
  frame(types.rstStream, 0, stream, uint32(errorCodes.cancel))

test('rapid reset: streams that are begun only to be reset', async (t) => {
  const client = await connect(t)
  await flood(client, 100, (i) =>
    Buffer.concat(
      Array.from({ length: 100 }, (_, j) => {
        const stream = (i * 100 + j) * 2 + 1
        return Buffer.concat([headers(stream, request('/wait')), reset(stream)])
      }),
    ),
  )
  await askedToGo(client)
})

test('a client that resets now and then is served on', async (t) => {
  const client = await connect(t)
  for (let stream = 1; stream < 400; stream += 4) {
    await client.send(headers(stream, request('/wait')), reset(stream))
    await client.send(headers(stream + 2, request('/')))
    assert.equal((await client.answer(stream + 2)).status, 200)
  }
})

test('more streams at once than anybody needs', async (t) => {
  const client = await connect(t)
  const one = (stream: number): Buffer =>
    Buffer.concat([headers(stream, Buffer.from([0x82, 0x86, 0x84, 0x01, 1, 97])), reset(stream)])
  await client.send(Buffer.concat(Array.from({ length: 600 }, (_, i) => one(i * 2 + 1))))
  await askedToGo(client)
})

test('streams that make themselves be reset', async (t) => {
  const client = await connect(t)
  await flood(client, 100, (i) =>
    Buffer.concat(
      Array.from({ length: 50 }, (_, j) => {
        const stream = (i * 50 + j) * 2 + 1
        const begun = headers(stream, request('/wait', [], 'POST'), endHeaders)
        return Buffer.concat([begun, frame(types.windowUpdate, 0, stream, uint32(0))])
      }),
    ),
  )
  await askedToGo(client)
})

test('CONTINUATION without end: many bytes, and none at all', async (t) => {
  const client = await connect(t)
  await client.send(headers(1, request('/'), ends))
  const fields = Buffer.concat([Buffer.from([0, 1, 120, 0x7f, 0x80, 0x01]), Buffer.alloc(255, 'a')])
  await flood(client, 1000, () => frame(types.continuation, 0, 1, fields))
  await askedToGo(client)
  const empty = await connect(t)
  await empty.send(headers(1, request('/'), ends))
  await flood(empty, 10, () => many(frame(types.continuation, 0, 1), continuationsMax))
  await askedToGo(empty)
})

test('a small block that means a large head', async (t) => {
  const client = await connect(t)
  // One field of 4000 bytes joins the table and is named again by a byte each.
  const value = Buffer.alloc(4000, 'a')
  const field = Buffer.concat([Buffer.from([0x40, 1, 120, 0x7f, 0xa1, 0x1e]), value])
  const block = Buffer.concat([request('/'), field, Buffer.alloc(10_000, 0xbe)])
  const memoryBefore = process.memoryUsage().arrayBuffers
  await client.send(headers(1, block))
  assert.equal((await client.answer(1)).status, 400)
  assert(
    process.memoryUsage().arrayBuffers - memoryBefore < 4_000_000,
    'memory for 40 MB of fields',
  )
  await client.send(headers(3, request('/')))
  assert.equal((await client.answer(3)).status, 200)
})

/** Frames that bring no work, each in greater number than any client needs. */
const idle: Readonly<Record<string, Buffer>> = {
  PING: frame(types.ping, 0, 0, Buffer.alloc(8)),
  SETTINGS: settings([4, 1000]),
  'empty SETTINGS': settings(),
  PRIORITY: frame(types.priority, 0, 1, Buffer.from([0, 0, 0, 3, 1])),
  WINDOW_UPDATE: frame(types.windowUpdate, 0, 0, uint32(1)),
  'unknown frames': frame(200),
  GOAWAY: frame(types.goAway, 0, 0, Buffer.alloc(8)),
}

for (const [name, one] of Object.entries(idle)) {
  test(`a flood of ${name}`, async (t) => {
    const client = await connect(t)
    client.tcp.socket.resume()
    await flood(client, 100, () => many(one))
    await askedToGo(client)
  })
}

test('a flood of empty DATA', async (t) => {
  const client = await connect(t)
  await client.send(headers(1, request('/wait', [], 'POST'), endHeaders))
  await flood(client, 100, () => many(frame(types.data, 0, 1)))
  await askedToGo(client)
})

test('a client that downloads by small windows is served on', async (t) => {
  const client = await connectHttp2(t, port, [4, 0])
  await client.send(headers(1, request('/large')))
  await client.next(types.headers, 1)
  for (let i = 0; i < 7000; i += 100) {
    const updates = Array.from({ length: 100 }, () => [
      frame(types.windowUpdate, 0, 1, uint32(128)),
      frame(types.windowUpdate, 0, 0, uint32(128)),
    ])
    await client.send(...updates.flat())
    for (let got = 0; got < 12_800;) got += (await client.next(types.data, 1)).payload.length
  }
})

test('answers that nobody reads hold up the connection, and end it', async (t) => {
  const client = await connectHttp2(t, port, [4, 2 ** 31 - 1])
  await client.send(frame(types.windowUpdate, 0, 0, uint32(2 ** 31 - 1 - 65_535)))
  client.tcp.socket.pause()
  const memoryBefore = process.memoryUsage().arrayBuffers
  for (let stream = 1; stream < 200; stream += 2) {
    await client.send(headers(stream, request('/large')))
  }
  await until(() => engine.engine.active === 0, { what: 'the end of the connection' })
  assert(
    process.memoryUsage().arrayBuffers - memoryBefore < 60_000_000,
    'memory of unread responses',
  )
})

test('PINGs whose answers nobody reads are not all read', async (t) => {
  const client = await connect(t)
  client.tcp.socket.pause()
  const pings = many(frame(types.ping, 0, 0, Buffer.alloc(8)), 2000)
  let sent = 0
  for (; sent < 1000 && client.tcp.ending === undefined; sent++) {
    if (!client.tcp.socket.write(pings)) break
  }
  await until(() => engine.engine.active === 0, { what: 'the end of the connection' })
})

test('any frames at all leave an engine that serves the next client', async (t) => {
  const random = seededRandom(t)
  for (let round = 0; round < 150; round++) {
    const client = await connect(t)
    const frames = Array.from({ length: random.integer(1, 20) }, () => {
      const payload = random.bytes(random.integer(0, 40))
      const valid = random.chance(0.3)
      return valid
        ? headers(random.integer(1, 10), request('/'), random.integer(0, 63))
        : frame(random.integer(0, 10), random.integer(0, 63), random.integer(0, 9), payload)
    })
    await client.send(...frames).catch(() => undefined)
    client.tcp.close()
  }
  const client = await connect(t)
  await client.send(headers(1, request('/')))
  assert.equal((await client.answer(1)).status, 200)
  client.tcp.close()
  await until(() => engine.engine.active === 0)
})

test('bytes of a good session with one bit changed', async (t) => {
  const random = seededRandom(t)
  const good = Buffer.concat([
    Buffer.from(preface),
    settings([4, 100_000]),
    frame(types.settings, ack),
    headers(1, request('/', [['cookie', 'a=b']])),
    headers(3, request('/wait', [['content-length', '4']], 'POST'), endHeaders),
    frame(types.data, ends, 3, Buffer.from('body')),
    frame(types.windowUpdate, 0, 0, uint32(1000)),
    reset(3),
  ])
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(good)
    bytes[random.integer(preface.length, bytes.length - 1)]! ^= 1 << random.integer(0, 7)
    const client = await connect(t)
    await client.send(bytes).catch(() => undefined)
    client.tcp.close()
  }
  await until(() => engine.engine.active === 0)
})
