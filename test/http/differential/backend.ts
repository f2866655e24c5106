/**
 * The upstream of a case: takes requests as bytes, notes them, and answers as the case says.
 *
 * It reads leniently, since what it notes is compared as it came; being strict is the conformance tests' part.
 */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import { certificateAuthority, certificateFor } from '../../support/certificates.ts'
import { onEnd, type Owner } from '../../support/scope.ts'

/** Bytes as they are; without a length in them the connection ends behind them. */
export type Reply = string | ((exchange: Exchange) => void | Promise<void>)

/** One reply for all, or by path; `*` stands for any other. A list is gone through, its last stays. */
export type Replies = Reply | Readonly<Record<string, Reply | readonly Reply[]>>

export type Backends = Replies | { readonly tls: true; readonly replies: Replies }

export interface Exchange {
  readonly socket: Socket
  /** As it came, head and body. */
  readonly request: string
  readonly target: string
  send(bytes: string): void
  /** Ends the connection. */
  end(): void
  reset(): void
}

const notFound = 'HTTP/1.1 404 Not Found\r\nContent-Length: 11\r\n\r\nno reply x\n'

export class Backend {
  readonly port: number
  /** `connection 1: …` with the bytes of each request, in order of arrival. */
  readonly seen: string[] = []
  #connections = 0
  readonly #replies: Replies
  readonly #uses = new Map<string, number>()
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  constructor(server: Server, event: 'connection' | 'secureConnection', replies: Replies) {
    this.#server = server
    this.#replies = replies
    this.port = (server.address() as { port: number }).port
    server.on(event, (socket: Socket) => this.#serve(socket))
  }

  /** Frees the port: whoever connects is refused. */
  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(socket: Socket): void {
    this.#connections += 1
    const number = this.#connections
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.setNoDelay(true)
    let pending = ''
    let raw = false
    socket.on('data', (chunk: Buffer) => {
      if (raw) return
      pending += chunk.toString('latin1')
      for (let end = requestEnd(pending); end > 0; end = requestEnd(pending)) {
        const request = pending.slice(0, end)
        pending = pending.slice(end)
        this.seen.push(`connection ${number}:\n${request}`)
        raw = /^upgrade:/im.test(request)
        this.#answer(socket, request)
        if (raw) return
      }
    })
    socket.on('end', () => {
      if (pending !== '') this.seen.push(`connection ${number}, ended within:\n${pending}`)
      socket.end()
    })
  }

  #answer(socket: Socket, request: string): void {
    const target = request.split(' ', 2)[1] ?? ''
    const reply = this.#replyTo(target.replace(/^https?:\/\/[^/]*/, '').split('?', 1)[0]!)
    if (typeof reply === 'string') {
      sendReply(socket, reply)
      return
    }
    void reply({
      socket,
      request,
      target,
      send: (bytes) => void socket.write(bytes, 'latin1'),
      end: () => void socket.end(),
      reset: () => void socket.resetAndDestroy(),
    })
  }

  #replyTo(path: string): Reply {
    if (typeof this.#replies !== 'object') return this.#replies
    const found = this.#replies[path] ?? this.#replies['*'] ?? notFound
    if (typeof found !== 'object') return found
    const used = this.#uses.get(path) ?? 0
    this.#uses.set(path, used + 1)
    return found[Math.min(used, found.length - 1)]!
  }
}

function sendReply(socket: Socket, reply: string): void {
  socket.write(reply, 'latin1')
  const head = reply.slice(0, reply.indexOf('\r\n\r\n') + 2)
  const status = Number(reply.slice(9, 12))
  const framed = /^(?:content-length|transfer-encoding):/im.test(head)
  const bodiless = status === 204 || status === 304
  if ((!framed && !bodiless) || /^connection: *close/im.test(head)) socket.end()
}

/** Where the request at the start ends; 0 while it is not whole. */
function requestEnd(text: string): number {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return 0
  const fields = text.slice(0, head + 2)
  const length = /^content-length: *(\d+)/im.exec(fields)
  if (/^transfer-encoding:.*chunked/im.test(fields)) {
    const last = /\r\n0\r\n(?:[^\r\n]+\r\n)*\r\n/g
    last.lastIndex = head + 2
    return last.exec(text) === null ? 0 : last.lastIndex
  }
  const end = head + 4 + Number(length?.[1] ?? 0)
  return text.length < end ? 0 : end
}

export async function startBackend(owner: Owner, backends: Backends): Promise<Backend> {
  const secure = typeof backends === 'object' && 'tls' in backends && backends.tls === true
  const replies = (secure ? backends.replies : backends) as Replies
  const server = secure ? createSecureServer(secureOptions()) : createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const backend = new Backend(server, secure ? 'secureConnection' : 'connection', replies)
  onEnd(owner, () => backend.close())
  return backend
}

function secureOptions(): {
  cert: string
  key: string
  ca: string
  requestCert: boolean
  rejectUnauthorized: boolean
} {
  const { cert, key } = certificateFor('backend.test')
  return {
    cert,
    key,
    ca: certificateAuthority().cert,
    requestCert: true,
    rejectUnauthorized: false,
  }
}
