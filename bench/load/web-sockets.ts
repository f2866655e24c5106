/**
 * WebSockets that stay: connections that were upgraded through a proxy, each with a message now and then
 * that must come back.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { onEnd, type Owner } from '../../test/support/scope.ts'

const pingEveryMs = 1_000
const upgradeRequest = [
  'GET /socket HTTP/1.1',
  'Host: bench.test',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')
const switching = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  '\r\n',
].join('\r\n')

/** Upgrades every connection, and sends back what comes. */
export async function serveWebSockets(owner: Owner, port: number): Promise<void> {
  const server = createServer()
  server.on('upgrade', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    socket.write(switching)
    socket.pipe(socket)
  })
  onEnd(owner, () => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
}

export class WebSockets {
  readonly #sockets: Socket[] = []
  #closed = 0
  #ended = false

  /** Resolves when all are upgraded. */
  static async open(owner: Owner, port: number, count: number): Promise<WebSockets> {
    const all = new WebSockets()
    for (let i = 0; i < count; i++) await all.#open(port)
    const timer = setInterval(() => all.#ping(), pingEveryMs)
    onEnd(owner, () => {
      all.#ended = true
      clearInterval(timer)
      for (const socket of all.#sockets) socket.destroy()
    })
    return all
  }

  /** Those that have ended. */
  get closed(): number {
    return this.#closed
  }

  #open(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(upgradeRequest))
      socket.on('error', () => socket.destroy())
      socket.once('data', (answer) => {
        if (answer.toString('latin1').startsWith('HTTP/1.1 101')) resolve()
        else reject(new Error(`no WebSocket: ${answer.toString('latin1')}`))
      })
      socket.once('close', () => {
        if (!this.#ended) this.#closed += 1
        reject(new Error('the connection ended before it was upgraded'))
      })
      this.#sockets.push(socket)
    })
  }

  #ping(): void {
    for (const socket of this.#sockets) if (socket.writable) socket.write(ping)
  }
}

/** A masked text frame of five bytes (RFC 6455 §5.7). */
const ping = Buffer.from([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
