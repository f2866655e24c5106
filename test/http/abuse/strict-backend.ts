/**
 * A backend that reads strictly: every byte that reaches it must belong to one well-formed request. What does
 * not is kept as a finding.
 */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { MalformedMessage, type Message, readRequest } from '../../support/http-messages.ts'
import { onEnd, type Owner } from '../../support/scope.ts'

/** What a request says, however it was framed. */
export interface Reading {
  readonly method: string
  readonly target: string
  readonly body: string
}

export type Answer = (request: Message, socket: Socket) => string | undefined

export class StrictBackend {
  port = 0
  /** Requests in order of arrival. */
  readonly seen: Message[] = []
  /** Bytes that were no request, and why. */
  readonly findings: string[] = []
  /** Bytes to answer with; nothing where the answer is sent otherwise. */
  answer: Answer

  constructor(answer: Answer) {
    this.answer = answer
  }

  serve(socket: Socket): void {
    let pending: Buffer = Buffer.alloc(0)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      try {
        for (let request = readRequest(pending); request !== undefined;) {
          pending = pending.subarray(request.bytes)
          this.#take(request, socket)
          request = pending.length > 0 ? readRequest(pending) : undefined
        }
      } catch (failure) {
        if (!(failure instanceof MalformedMessage)) throw failure
        this.findings.push(failure.message)
        socket.destroy()
      }
    })
  }

  #take(request: Message, socket: Socket): void {
    this.seen.push(request)
    const answer = this.answer(request, socket)
    if (answer !== undefined) socket.write(answer, 'latin1')
  }
}

/** Starts a backend; without an answer of its own it says the target of each request. */
export async function startStrictBackend(
  owner: Owner,
  answer: Answer = sayTarget,
): Promise<StrictBackend> {
  const backend = new StrictBackend(answer)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    backend.serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  backend.port = (server.address() as { port: number }).port
  onEnd(owner, () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return backend
}

function sayTarget(request: Message): string {
  const body = request.start.startsWith('HEAD ') ? '' : 'ok'
  return `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${body}`
}

export function readingOf(request: Message): Reading {
  const [method, target] = request.start.split(' ') as [string, string]
  return { method, target, body: request.body.toString('latin1') }
}

export interface Readings {
  readonly requests: readonly Reading[]
  /** What is behind the last whole request. */
  readonly rest: 'nothing' | 'incomplete' | 'malformed'
}

/** How a strict peer reads bytes of a client: RFC 9112 leaves it no second way. */
export function readStrictly(bytes: Buffer): Readings {
  const requests: Reading[] = []
  let at = 0
  try {
    for (;;) {
      // §2.2: empty lines before a request line are passed over.
      while (bytes[at] === 0x0d && bytes[at + 1] === 0x0a) at += 2
      if (at >= bytes.length) return { requests, rest: 'nothing' }
      const request = readRequest(bytes.subarray(at))
      if (request === undefined) return { requests, rest: 'incomplete' }
      requests.push(readingOf(request))
      at += request.bytes
      if (closes(request)) return { requests, rest: 'nothing' }
    }
  } catch (failure) {
    if (failure instanceof MalformedMessage) return { requests, rest: 'malformed' }
    throw failure
  }
}

/** Nothing behind such a request is read. */
function closes({ start, fields }: Message): boolean {
  const options = fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((option) => option.trim())
  return options.includes('close') || (start.endsWith('1.0') && !options.includes('keep-alive'))
}
