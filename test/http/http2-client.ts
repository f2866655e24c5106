/**
 * A client that speaks HTTP/2 frame by frame, so that tests can say what no library would.
 *
 * Header blocks are written as plain literals; what comes back is decoded by the engine's own decoder, which
 * its unit tests hold against RFC 7541 and nghttp2.
 */
import assert from 'node:assert/strict'
import { HpackDecoder } from '../../src/engine/http/http2/hpack-decoder.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp, type TcpClient } from '../support/tcp.ts'

export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const ends = 0x1
export const ack = 0x1
export const endHeaders = 0x4
export const padded = 0x8
export const hasPriority = 0x20

export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export type Fields = Readonly<Record<string, string | readonly string[]>>

export interface Answer {
  readonly status: number
  readonly fields: Fields
  readonly body: Buffer
  readonly trailers: Fields
  /** Code of the RST_STREAM that ended it, where one did. */
  readonly reset: number | undefined
}

export function frame(
  type: number,
  flags = 0,
  stream = 0,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = pairs.map(([id, value]) => Buffer.concat([Buffer.from([0, id]), uint32(value)]))
  return frame(types.settings, 0, 0, Buffer.concat(payload))
}

/** A header block of literals; a list of pairs may repeat names. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]),
  )
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const length: number[] = []
  if (bytes.length < 127) length.push(bytes.length)
  else {
    length.push(127)
    let rest = bytes.length - 127
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128)
    length.push(rest)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}

/** Fields of a request, in the order that the RFC asks for. */
export function request(
  path: string,
  more: readonly (readonly [string, string])[] = [],
  method = 'GET',
): Buffer {
  const own = [
    [':method', method],
    [':scheme', 'http'],
    [':authority', 'localhost'],
    [':path', path],
  ] as const
  return block([...own, ...more])
}

export function headers(stream: number, fields: Buffer, flags: number = ends | endHeaders): Buffer {
  return frame(types.headers, flags, stream, fields)
}

export class Http2Client {
  readonly tcp: TcpClient
  readonly #decoder = new HpackDecoder()
  /** Frames that came and nobody has asked for. */
  readonly #kept: Frame[] = []

  constructor(tcp: TcpClient) {
    this.tcp = tcp
  }

  async send(...bytes: readonly Uint8Array[]): Promise<void> {
    await this.tcp.send(Buffer.concat(bytes))
  }

  /** The next frame, whatever it is. */
  async frame(): Promise<Frame> {
    const head = await this.tcp.read(9)
    const payload = await this.tcp.read(head.readUIntBE(0, 3))
    return { type: head[3]!, flags: head[4]!, stream: head.readUInt32BE(5), payload }
  }

  /** The next frame of a kind; others are kept for later. */
  async next(type: number, stream?: number): Promise<Frame> {
    const fits = (one: Frame): boolean =>
      one.type === type && (stream === undefined || one.stream === stream)
    const at = this.#kept.findIndex(fits)
    if (at >= 0) return this.#kept.splice(at, 1)[0]!
    for (;;) {
      const one = await this.frame()
      if (fits(one)) return one
      this.#kept.push(one)
    }
  }

  /** The next frame of a stream. */
  async nextOf(stream: number): Promise<Frame> {
    const at = this.#kept.findIndex((one) => one.stream === stream)
    if (at >= 0) return this.#kept.splice(at, 1)[0]!
    for (;;) {
      const one = await this.frame()
      if (one.stream === stream) return one
      this.#kept.push(one)
    }
  }

  /** Decodes the header block of a frame. */
  decode({ payload }: Frame): Record<string, string | readonly string[]> {
    const fields: Record<string, string | readonly string[]> = {}
    const fault = this.#decoder.decode(payload, 0, payload.length, {
      onField: (name, value) => {
        const [key = '', text = ''] = [name, value].map(({ bytes, start, end }) =>
          Buffer.from(bytes.subarray(start, end)).toString('latin1'),
        )
        const known = fields[key]
        fields[key] = known === undefined ? text : [known, text].flat()
      },
    })
    assert.equal(fault, undefined)
    return fields
  }

  /** A whole response. Interim responses are passed over. */
  async answer(stream: number): Promise<Answer> {
    let fields: Fields | undefined
    let trailers: Fields = {}
    const body: Buffer[] = []
    const whole = (reset?: number): Answer => ({
      status: Number(fields?.[':status'] ?? 0),
      fields: fields ?? {},
      body: Buffer.concat(body),
      trailers,
      reset,
    })
    for (;;) {
      const one = await this.nextOf(stream)
      if (one.type === types.rstStream) return whole(one.payload.readUInt32BE(0))
      if (one.type === types.data) body.push(one.payload)
      if (one.type === types.headers) {
        const decoded = this.decode(one)
        if (fields === undefined || String(fields[':status']).startsWith('1')) fields = decoded
        else trailers = decoded
      }
      if ((one.flags & ends) !== 0 && one.type <= types.headers) return whole()
    }
  }

  /** Code and last stream of the GOAWAY that ends the connection. */
  async goAway(): Promise<{ readonly code: number; readonly last: number }> {
    const { payload } = await this.next(types.goAway)
    return { code: payload.readUInt32BE(4), last: payload.readUInt32BE(0) }
  }

  /** Waits until the server has taken all that was sent: it answers in order. */
  async settle(): Promise<void> {
    await this.send(frame(types.ping, 0, 0, Buffer.from('settled!')))
    for (;;) {
      const { flags, payload } = await this.next(types.ping)
      if ((flags & ack) !== 0 && payload.toString() === 'settled!') return
    }
  }
}

/** Connects without saying anything. */
export async function connectSilently(owner: Owner, port: number): Promise<Http2Client> {
  return new Http2Client(await connectTcp(owner, { port, host: '127.0.0.1' }))
}

/** Connects and exchanges prefaces. */
export async function connectHttp2(
  owner: Owner,
  port: number,
  ...pairs: readonly (readonly [number, number])[]
): Promise<Http2Client> {
  const client = await connectSilently(owner, port)
  await client.send(Buffer.from(preface), settings(...pairs))
  await client.next(types.settings)
  return client
}
