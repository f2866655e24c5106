/**
 * Asks a peer by gRPC's health checking protocol: `grpc.health.v1.Health/Check` over HTTP/2.
 *
 * ```text
 *   request    HealthCheckRequest  { 1: service }       message: 0 · length (4 bytes) · protobuf
 *   response   HealthCheckResponse { 1: status }        1 is SERVING
 * ```
 */
import { connect, constants, type ClientHttp2Session } from 'node:http2'
import { probeReplyBytesMax } from '../limits.ts'
import { type Probe, ProbeFailure, type ProbeSession, type ProbeTarget } from './probe.ts'
import { openProbeSocket, timedOut, type TlsMemory, toFailure } from './probe-socket.ts'
import type { ProbeTls } from './probe-tls.ts'

export interface GrpcProbeOptions {
  /** Empty: the server as a whole. */
  readonly service: string
  /** Value of `:authority`. */
  readonly host: string
  /** What a server answers that does not know the protocol, such as 12 (unimplemented). */
  readonly status: number | undefined
  readonly tls: ProbeTls | undefined
}

const statusOk = 0
const serving = 1
const messageHeadBytes = 5
const fieldService = 0x0a
const fieldStatus = 0x08

export class GrpcProbe implements Probe {
  readonly #options: GrpcProbeOptions
  readonly #message: Buffer

  constructor(options: GrpcProbeOptions) {
    this.#options = options
    this.#message = encodeRequest(options.service)
  }

  open(target: ProbeTarget): ProbeSession {
    const memory: TlsMemory = { session: undefined }
    return { run: (signal) => this.#run(target, signal, memory), close: () => undefined }
  }

  async #run(target: ProbeTarget, signal: AbortSignal, memory: TlsMemory): Promise<void> {
    const { tls, host } = this.#options
    const secured = tls && { tls, memory, alpn: ['h2'] }
    const socket = await openProbeSocket(target, signal, secured)
    const session = connect(`${tls === undefined ? 'http' : 'https'}://${host}`, {
      createConnection: () => socket,
    })
    try {
      this.#judge(await call(session, this.#message, { host, tls: tls !== undefined, signal }))
    } finally {
      session.destroy()
      socket.destroy()
    }
  }

  #judge({ httpStatus, grpcStatus, message }: Answer): void {
    const { status } = this.#options
    if (httpStatus !== 200) throw new ProbeFailure(`unexpected status ${httpStatus}`)
    if (status !== undefined && grpcStatus === status) return
    if (grpcStatus !== statusOk) throw new ProbeFailure(`unexpected gRPC status ${grpcStatus}`)
    if (decodeStatus(message) !== serving) throw new ProbeFailure('the gRPC service does not serve')
  }
}

interface Answer {
  readonly httpStatus: number
  readonly grpcStatus: number
  readonly message: Buffer
}

interface Call {
  readonly host: string
  readonly tls: boolean
  readonly signal: AbortSignal
}

/** A status may stand in the trailers, or in the head where there is nothing else. */
function call(
  session: ClientHttp2Session,
  message: Buffer,
  { host, tls, signal }: Call,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const fail = (error: Error): void => reject(toFailure(error))
  session.on('error', fail)
  signal.addEventListener('abort', () => reject(new ProbeFailure(timedOut)), { once: true })
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
    [constants.HTTP2_HEADER_SCHEME]: tls ? 'https' : 'http',
    [constants.HTTP2_HEADER_AUTHORITY]: host,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  let httpStatus = 0
  let grpcStatus = -1
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('response', (headers) => {
    httpStatus = headers[':status'] ?? 0
    grpcStatus = Number(headers['grpc-status'] ?? grpcStatus)
  })
  stream.on('trailers', (trailers) => (grpcStatus = Number(trailers['grpc-status'] ?? grpcStatus)))
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > probeReplyBytesMax) fail(new ProbeFailure('too long an answer'))
    else chunks.push(chunk)
  })
  stream.on('error', fail)
  stream.on('close', () => resolve({ httpStatus, grpcStatus, message: Buffer.concat(chunks) }))
  stream.end(message)
  return promise
}

function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service)
  const field =
    name.length === 0
      ? Buffer.alloc(0)
      : Buffer.concat([Buffer.of(fieldService), varint(name.length), name])
  const head = Buffer.alloc(messageHeadBytes)
  head.writeUInt32BE(field.length, 1)
  return Buffer.concat([head, field])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
    if (rest <= 0x7f) return Buffer.from(bytes)
  }
}

/** The first field of the message; 0 (unknown) where it is not there. */
function decodeStatus(message: Buffer): number {
  const field = message.subarray(messageHeadBytes)
  return field[0] === fieldStatus ? (field[1] ?? 0) : 0
}
