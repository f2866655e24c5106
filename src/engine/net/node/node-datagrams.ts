/** UDP through `node:dgram`: no original destinations, and replies leave from the listener's own socket. */
import { createSocket, type RemoteInfo, type Socket as DgramSocket } from 'node:dgram'
import type { Log } from '../../core/log.ts'
import type { Address, InetAddress } from '../address.ts'
import type {
  Datagram,
  DatagramHandler,
  DatagramListener,
  DatagramPort,
  DatagramSocket,
  ReplyPath,
} from '../datagram.ts'
import { failureText } from '../errors.ts'
import type { ListenSpec } from '../listen-plan.ts'
import type { ConnectOptions } from '../transport.ts'

/** UDP has no unix addresses here: the configuration refuses them. */
function inet(address: Address): InetAddress {
  if (address.family === 'unix') throw new TypeError('UDP over unix sockets is not supported')
  return address
}

function open(address: InetAddress, options: object = {}): DgramSocket {
  return createSocket({ type: address.family === 4 ? 'udp4' : 'udp6', ...options })
}

export class NodeDatagramListener implements DatagramListener {
  port: DatagramPort
  readonly #descriptor: number
  readonly #spec: ListenSpec
  readonly #socket: DgramSocket
  #started = false
  #closed = false

  constructor(descriptor: number, spec: ListenSpec, port: DatagramPort, log: Log) {
    this.port = port
    this.#descriptor = descriptor
    this.#spec = spec
    const ipv6Only = spec.options.ipv6only ?? true
    this.#socket = open(inet(spec.address), { ipv6Only, reusePort: descriptor === -1 })
    this.#socket.on('error', (error) => log.write('alert', failureText(error)))
    this.#socket.on('message', (data, info) => this.#arrived(data, info))
  }

  get local(): Address {
    return boundAddress(this.#socket) ?? this.#spec.address
  }

  start(): void {
    if (this.#started) return
    this.#started = true
    const { host, port } = inet(this.#spec.address)
    if (this.#descriptor === -1) this.#socket.bind({ address: host, port })
    else this.#socket.bind({ fd: this.#descriptor })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.close()
  }

  #arrived(data: Buffer, info: RemoteInfo): void {
    const { address: host, port } = info
    const remote: InetAddress = { family: info.family === 'IPv6' ? 6 : 4, host, port }
    const { local } = this
    const datagram: Datagram = {
      data,
      remote,
      local,
      sessionKey: `${host} ${port}`,
      openReply: () => new NodeReplyPath(this.#socket, remote, local),
    }
    this.port.onDatagram(this, datagram)
  }
}

class NodeReplyPath implements ReplyPath {
  readonly remote: InetAddress
  readonly local: Address
  readonly #socket: DgramSocket

  constructor(socket: DgramSocket, remote: InetAddress, local: Address) {
    this.#socket = socket
    this.remote = remote
    this.local = local
  }

  send(data: Buffer): boolean {
    // A failed datagram is a lost datagram; nobody waits for the outcome.
    this.#socket.send(Buffer.from(data), this.remote.port, this.remote.host, () => {})
    return true
  }

  close(): void {}
}

export class NodeDatagramSocket implements DatagramSocket {
  handler: DatagramHandler
  readonly remote: Address
  bytesRead = 0
  bytesWritten = 0
  readonly #socket: DgramSocket
  /** Sent before the socket was connected; a handful at most, sessions wait for answers. */
  #waiting: Buffer[] | undefined = []
  #closed = false

  constructor(remote: Address, options: ConnectOptions, handler: DatagramHandler) {
    this.remote = remote
    this.handler = handler
    const { host, port } = inet(remote)
    this.#socket = open(inet(remote))
    this.#socket.on('message', (data) => this.#arrived(data))
    this.#socket.on('error', (error) => this.#failed(error))
    const connect = (): void => this.#socket.connect(port, host, () => this.#connected())
    const { bind } = options
    if (bind === undefined) connect()
    else this.#socket.bind({ address: bind.host, port: bind.port }, connect)
  }

  get local(): Address {
    return boundAddress(this.#socket) ?? { family: 'unix', path: '' }
  }

  send(data: Buffer): boolean {
    if (this.#closed) return false
    if (this.#waiting === undefined) this.#transmit(Buffer.from(data))
    else if (this.#waiting.length < waitingMax) this.#waiting.push(Buffer.from(data))
    else return false
    return true
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.close()
  }

  #connected(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const data of waiting) if (!this.#closed) this.#transmit(data)
  }

  #transmit(data: Buffer): void {
    this.bytesWritten += data.length
    this.#socket.send(data, (error) => {
      if (error !== null && !this.#closed) this.#failed(error)
    })
  }

  #arrived(data: Buffer): void {
    this.bytesRead += data.length
    if (!this.#closed) this.handler.onDatagram(this, data)
  }

  #failed(error: Error): void {
    if (!this.#closed) this.handler.onError(this, error)
  }
}

/** Datagrams kept while the socket is being connected, which takes one turn of the loop. */
const waitingMax = 64

function boundAddress(socket: DgramSocket): InetAddress | undefined {
  try {
    const { address: host, port, family } = socket.address()
    return { family: family === 'IPv6' ? 6 : 4, host, port }
  } catch {
    // Not bound yet, or closed.
    return undefined
  }
}
