/**
 * UDP load: each client is a socket of its own, so a session of its own in the proxy, with one datagram in
 * flight.
 */
import type { LoadJob } from './job.ts'
import type { Meter } from './meter.ts'
import {
  bindUdp,
  connectUdp,
  echoDatagram,
  eventIn,
  type Poller,
  receive,
  transmit,
} from './sockets.ts'

/** On loopback an answer comes in microseconds or never. */
const lostAfterMs = 1_000

const buffer = Buffer.alloc(65_536, 'x')

export function serveUdpEcho(poller: Poller, port: number): void {
  const fd = bindUdp(port)
  poller.add(fd, eventIn, () => {
    while (echoDatagram(fd, buffer));
  })
}

interface Client {
  readonly fd: number
  sentAt: number
}

/** Returns a function that sends again where an answer was lost; call it now and then. */
export function udpPingPong(poller: Poller, meter: Meter, job: LoadJob): (now: number) => void {
  const send = (client: Client, now: number): void => {
    client.sentAt = now
    transmit(client.fd, buffer, job.messageBytes)
  }
  const clients = Array.from({ length: job.connections }, () => {
    const client: Client = { fd: connectUdp(job.port), sentAt: 0 }
    poller.add(client.fd, eventIn, () => {
      if (receive(client.fd, buffer) < 0) return
      const now = performance.now()
      meter.request(client.sentAt, now, job.messageBytes)
      send(client, now)
    })
    send(client, performance.now())
    return client
  })
  return (now) => {
    for (const client of clients) {
      if (now - client.sentAt < lostAfterMs) continue
      meter.error()
      send(client, now)
    }
  }
}
