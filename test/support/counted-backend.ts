/** HTTP servers that count what they are asked and say, byte for byte, what went over their connections. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onEnd, type Owner } from './scope.ts'

export class CountedBackend {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #endedRead = 0
  #endedWritten = 0
  requests = 0
  connections = 0
  /** How often each status was answered. */
  readonly statuses: Map<number, number> = new Map()

  constructor() {
    this.#server = createServer(({ url = '/' }, response) => {
      const status = Number(/^\/status\/(\d{3})/.exec(url)?.[1] ?? 200)
      this.requests += 1
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
      response.writeHead(status)
      response.end(`port ${this.port}\n`)
    })
    this.#server.keepAliveTimeout = 0
    this.#server.on('connection', (socket) => this.#onConnection(socket))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  get bytesRead(): number {
    return [...this.#sockets].reduce((sum, { bytesRead }) => sum + bytesRead, this.#endedRead)
  }

  get bytesWritten(): number {
    return [...this.#sockets].reduce((sum, each) => sum + each.bytesWritten, this.#endedWritten)
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #onConnection(socket: Socket): void {
    this.connections += 1
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#endedRead += socket.bytesRead
      this.#endedWritten += socket.bytesWritten
    })
  }
}

/** Answers `port <its port>`, to `/status/404` with that status. */
export async function startCountedBackend(owner: Owner): Promise<CountedBackend> {
  const backend = await new CountedBackend().listen()
  onEnd(owner, () => backend.close())
  return backend
}
