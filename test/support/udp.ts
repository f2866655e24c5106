/**
 * A UDP client with a queue of what it received.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { onEnd, type Owner } from './scope.ts'
import { until } from './wait.ts'

export interface Datagram {
  readonly bytes: Buffer
  readonly from: RemoteInfo
}

export interface UdpTarget {
  readonly host: string
  readonly port: number
}

export class UdpClient {
  readonly socket: Socket
  readonly #to: UdpTarget
  readonly #received: Datagram[] = []

  constructor(socket: Socket, to: UdpTarget) {
    this.socket = socket
    this.#to = to
    socket.on('message', (bytes, from) => this.#received.push({ bytes, from }))
    // A refused port is reported by the next call; a test sees it as a reply that does not come.
    socket.on('error', () => undefined)
  }

  get port(): number {
    return this.socket.address().port
  }

  send(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.send(bytes, this.#to.port, this.#to.host, (failure) =>
        failure ? reject(failure) : resolve(),
      )
    })
  }

  /** The next datagram, in order of arrival. */
  receive(deadlineMs?: number): Promise<Datagram> {
    return until(() => this.#received.shift(), {
      what: `a datagram from ${this.#to.host}:${this.#to.port}`,
      ...(deadlineMs !== undefined && { deadlineMs }),
    })
  }

  close(): void {
    this.socket.removeAllListeners('message')
    try {
      this.socket.close()
    } catch {
      // Closed before.
    }
  }
}

export async function openUdp(
  owner: Owner,
  to: UdpTarget,
  options: { readonly localAddress?: string; readonly localPort?: number } = {},
): Promise<UdpClient> {
  const socket = createSocket(isIPv6(to.host) ? 'udp6' : 'udp4')
  const client = new UdpClient(socket, to)
  onEnd(owner, () => client.close())
  socket.bind(options.localPort ?? 0, options.localAddress)
  await once(socket, 'listening')
  return client
}

/** Sends one datagram and returns the reply as text; does not send again, so use it on loopback only. */
export async function exchangeUdp(
  owner: Owner,
  to: UdpTarget,
  bytes: string | Uint8Array,
): Promise<string> {
  const client = await openUdp(owner, to)
  try {
    await client.send(bytes)
    return (await client.receive()).bytes.toString('latin1')
  } finally {
    client.close()
  }
}
