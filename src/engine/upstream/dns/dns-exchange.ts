/**
 * Questions to one name server: by UDP, and once more by TCP when the answer did not fit (RFC 7766).
 *
 * The UDP socket is connected, so that the kernel drops what others send; a response must carry the random
 * id and the very question that was asked. The socket is closed when nothing waits: the next question
 * leaves from another port, which an attacker off the path would have to guess as well.
 */
import { randomInt } from 'node:crypto'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { InetAddress } from '../../net/address.ts'
import { resolverPendingMax } from '../limits.ts'
import { decodeResponse, type DnsQuestion, type DnsResponse, encodeQuery } from './dns-message.ts'

/** Asks a name server. */
export interface DnsExchange {
  /** Rejects when no answer comes in time or the server cannot be reached. */
  ask(question: DnsQuestion, timeoutMs: number): Promise<DnsResponse>
  /** Gives up what waits. */
  close(): void
}

interface Pending {
  readonly question: DnsQuestion
  readonly timer: NodeJS.Timeout
  readonly resolve: (response: DnsResponse) => void
  readonly reject: (error: Error) => void
}

/** Ids are 16 bit; so many tries find a free one unless nearly all are taken. */
const idTriesMax = 64

export class NameServer implements DnsExchange {
  readonly #server: InetAddress
  readonly #pending = new Map<number, Pending>()
  #socket: UdpSocket | undefined

  constructor(server: InetAddress) {
    this.#server = server
  }

  async ask(question: DnsQuestion, timeoutMs: number): Promise<DnsResponse> {
    const deadline = performance.now() + timeoutMs
    const response = await this.#askByUdp(question, timeoutMs)
    if (!response.truncated) return response
    return askByTcp(this.#server, question, Math.max(deadline - performance.now(), 0))
  }

  close(): void {
    this.#failAll(new Error('the resolver was closed'))
  }

  #askByUdp(question: DnsQuestion, timeoutMs: number): Promise<DnsResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<DnsResponse>()
    const id = this.#freeId()
    if (id === undefined) return Promise.reject(new Error('too many questions wait'))
    const query = encodeQuery(id, question)
    const timer = setTimeout(() => this.#settle(id)?.reject(new DnsTimeoutError()), timeoutMs)
    this.#pending.set(id, { question, timer, resolve, reject })
    const socket = (this.#socket ??= this.#open())
    sendWhenConnected(socket, query)
    return promise
  }

  #freeId(): number | undefined {
    if (this.#pending.size >= resolverPendingMax) return undefined
    for (let i = 0; i < idTriesMax; i += 1) {
      const id = randomInt(0x1_0000)
      if (!this.#pending.has(id)) return id
    }
    return undefined
  }

  #open(): UdpSocket {
    const { family, host, port } = this.#server
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
    socket.on('message', (message) => this.#onMessage(message))
    socket.on('error', (error) => {
      if (this.#socket === socket) this.#failAll(error)
    })
    socket.connect(port, host)
    return socket
  }

  #onMessage(message: Buffer): void {
    const response = readResponse(message)
    if (response === undefined) return
    const pending = this.#pending.get(response.id)
    if (pending === undefined || !answers(response, pending.question)) return
    this.#settle(response.id)?.resolve(response)
  }

  /** Takes a question off the list; the socket goes with the last one. */
  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    if (pending === undefined) return undefined
    clearTimeout(pending.timer)
    this.#pending.delete(id)
    if (this.#pending.size === 0) this.#closeSocket()
    return pending
  }

  #failAll(error: Error): void {
    for (const id of this.#pending.keys()) this.#settle(id)?.reject(error)
    this.#closeSocket()
  }

  #closeSocket(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.close()
  }
}

/** No answer came in time. */
export class DnsTimeoutError extends Error {
  readonly code = 'TRIJET_DNS_TIMEOUT'

  constructor() {
    super('no answer in time')
    this.name = 'DnsTimeoutError'
  }
}

function sendWhenConnected(socket: UdpSocket, query: Buffer): void {
  // An error of sending is an error of the socket, which fails all that waits.
  const send = (): void =>
    socket.send(query, (error) => void (error && socket.emit('error', error)))
  try {
    socket.remoteAddress()
    send()
  } catch {
    socket.once('connect', send)
  }
}

/** The response, or `undefined` for what is none: whatever it is, it answers nothing. */
function readResponse(message: Uint8Array): DnsResponse | undefined {
  try {
    return decodeResponse(message)
  } catch {
    return undefined
  }
}

function answers({ question, rcode }: DnsResponse, asked: DnsQuestion): boolean {
  // A server that could not read the question does not repeat it.
  if (question === undefined) return rcode !== 0
  return question.type === asked.type && sameName(question.name, asked.name)
}

export function sameName(a: string, b: string): boolean {
  return canonicalName(a) === canonicalName(b)
}

/** Names are compared without regard to case (RFC 4343) and to the dot at their end. */
export function canonicalName(name: string): string {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name
  return bare.toLowerCase()
}

/** Over TCP a message has its length before it, 16 bit (RFC 1035 §4.2.2). */
function askByTcp(
  server: InetAddress,
  question: DnsQuestion,
  timeoutMs: number,
): Promise<DnsResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<DnsResponse>()
  const id = randomInt(0x1_0000)
  const query = encodeQuery(id, question)
  const socket = connect(server.port, server.host)
  const timer = setTimeout(() => socket.destroy(new DnsTimeoutError()), timeoutMs)
  let received: Buffer = Buffer.alloc(0)
  socket.write(Buffer.concat([Buffer.of(query.length >> 8, query.length & 0xff), query]))
  socket.on('data', (chunk: Buffer) => {
    // Bounded by the length field: a message is complete at 64 KiB at the latest.
    received = Buffer.concat([received, chunk])
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
    const response = readResponse(received.subarray(2, 2 + received.readUInt16BE(0)))
    if (response?.id === id && answers(response, question)) resolve(response)
    socket.destroy()
  })
  socket.on('error', reject)
  socket.on('close', () => {
    clearTimeout(timer)
    reject(new Error('the name server closed the connection'))
  })
  return promise
}
