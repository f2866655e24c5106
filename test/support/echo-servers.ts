/**
 * Backends that send back what they get, and count.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createSecureServer, type TlsOptions } from 'node:tls'
import { onEnd, type Owner } from './scope.ts'

export interface Backend {
  /** 0 for a unix socket. */
  readonly port: number
  /** `127.0.0.1:port`, or `unix:/path`: what `server` and `proxy_pass` take. */
  readonly address: string
  /** Connections accepted (datagrams received) so far. */
  readonly accepted: number
  /** Connections open now. */
  readonly open: number
  close(): Promise<void>
}

/** What a backend does with a connection. */
export type Serve = (socket: Socket) => void

export const echo: Serve = (socket) => void socket.pipe(socket)

/** Says its name and ends, so that a test sees which peer was chosen. */
export function sayName(name: string): Serve {
  return (socket) => void socket.end(name)
}

class TcpBackend implements Backend {
  accepted = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(server: Server, event: 'connection' | 'secureConnection', serve: Serve) {
    this.#server = server
    server.on(event, (socket: Socket) => {
      this.accepted++
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      serve(socket)
    })
  }

  get open(): number {
    return this.#sockets.size
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port ?? 0
  }

  get address(): string {
    const address = this.#server.address()
    if (typeof address === 'string') return `unix:${address}`
    return address!.family === 'IPv6'
      ? `[${address!.address}]:${address!.port}`
      : `${address!.address}:${address!.port}`
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }
}

export interface ListenAt {
  readonly host?: string
  readonly port?: number
  /** A unix socket instead. */
  readonly path?: string
}

async function listen(
  owner: Owner,
  backend: TcpBackend,
  server: Server,
  at: ListenAt,
): Promise<Backend> {
  if (at.path === undefined) server.listen(at.port ?? 0, at.host ?? '127.0.0.1', 4_096)
  else server.listen(at.path)
  onEnd(owner, () => backend.close())
  await once(server, 'listening')
  return backend
}

/** A TCP or unix socket backend; echoes unless told otherwise. */
export function startTcpBackend(
  owner: Owner,
  serve: Serve = echo,
  at: ListenAt = {},
): Promise<Backend> {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  return listen(owner, new TcpBackend(server, 'connection', serve), server, at)
}

export function startTlsBackend(
  owner: Owner,
  options: TlsOptions,
  serve: Serve = echo,
): Promise<Backend> {
  const server = createSecureServer({ allowHalfOpen: true, noDelay: true, ...options })
  server.on('tlsClientError', () => undefined)
  return listen(owner, new TcpBackend(server, 'secureConnection', serve), server, {})
}

/** Answers each datagram with `reply(datagram)`, by default the same bytes. */
export async function startUdpBackend(
  owner: Owner,
  reply: (bytes: Buffer) => string | Uint8Array | readonly Uint8Array[] = (bytes) => bytes,
  at: ListenAt = {},
): Promise<Backend> {
  const socket = createSocket(at.host?.includes(':') === true ? 'udp6' : 'udp4')
  let accepted = 0
  let closed = false
  socket.on('message', (bytes, from) => {
    accepted++
    const replies = reply(bytes)
    const one = typeof replies === 'string' || replies instanceof Uint8Array
    for (const each of one ? [replies] : replies) socket.send(each, from.port, from.address)
  })
  socket.bind(at.port ?? 0, at.host ?? '127.0.0.1')
  await once(socket, 'listening')
  const { address, port } = socket.address()
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    socket.close()
    await once(socket, 'close')
  }
  onEnd(owner, close)
  return {
    port,
    address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    get accepted() {
      return accepted
    },
    open: 0,
    close,
  }
}
