/**
 * A generator of load that knows exactly what it did: requests on connections that are kept, each answered
 * before the next, with every byte of both directions counted.
 */
import { createConnection, type Socket } from 'node:net'
import { onEnd, type Owner } from './scope.ts'

export interface Load {
  readonly port: number
  readonly connections: number
  /** On each connection. */
  readonly requests: number
  /** One request, by its number among all of its connection's; `last`: the connection ends with it. */
  readonly request: (number: number, last: boolean) => string
}

export interface Done {
  readonly requests: number
  readonly bytesSent: number
  readonly bytesReceived: number
  /** By status. */
  readonly statuses: ReadonlyMap<number, number>
}

/** Runs it to its end; fails where an answer is not whole. */
export async function generateLoad(owner: Owner, load: Load): Promise<Done> {
  const clients = Array.from({ length: load.connections }, () => new Client(owner, load))
  await Promise.all(clients.map((client) => client.done))
  const statuses = new Map<number, number>()
  for (const client of clients) {
    for (const [status, count] of client.statuses) {
      statuses.set(status, (statuses.get(status) ?? 0) + count)
    }
  }
  return {
    requests: load.connections * load.requests,
    bytesSent: clients.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    bytesReceived: clients.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0),
    statuses,
  }
}

class Client {
  readonly statuses = new Map<number, number>()
  readonly #load: Load
  readonly #socket: Socket
  readonly #done = Promise.withResolvers<void>()
  bytesSent = 0
  bytesReceived = 0
  #number = 0
  #pending: Buffer = Buffer.alloc(0)

  constructor(owner: Owner, load: Load) {
    this.#load = load
    this.#socket = createConnection({ host: '127.0.0.1', port: load.port, noDelay: true })
    onEnd(owner, () => void this.#socket.destroy())
    this.#socket.on('connect', () => this.#send())
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#socket.on('error', (error) => this.#done.reject(error))
    this.#socket.on('close', () => {
      if (this.#number < load.requests) this.#done.reject(new Error('closed before its end'))
      else this.#done.resolve()
    })
  }

  /** Resolves when the server has closed the connection behind the last answer. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  #send(): void {
    const text = this.#load.request(this.#number, this.#number === this.#load.requests - 1)
    this.bytesSent += text.length
    this.#socket.write(text, 'latin1')
  }

  #take(chunk: Buffer): void {
    this.bytesReceived += chunk.length
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const end = this.#pending.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#pending.toString('latin1', 0, end)
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
    if (this.#pending.length < end + 4 + length) return
    this.#pending = this.#pending.subarray(end + 4 + length)
    const status = Number(head.slice(9, 12))
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    this.#number += 1
    if (this.#number < this.#load.requests) this.#send()
  }
}
