/**
 * TLS load on Node's own sockets: encryption is most of the cost on both sides, so the generator may be
 * dearer here; what is compared is the CPU time of the proxies per message.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { setTimeout as delay } from 'node:timers/promises'
import type { LoadJob } from './job.ts'
import type { Meter } from './meter.ts'

const lookEveryMs = 20

/** Serves the plain backend, keeps one message in flight on each connection, until the window ends. */
export async function tlsPingPong(meter: Meter, job: LoadJob): Promise<void> {
  const backend = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  backend.listen(job.backendPort, '127.0.0.1')
  await once(backend, 'listening')
  const clients: TLSSocket[] = []
  for (let i = 0; i < job.connections; i++) clients.push(await startClient(meter, job))
  process.stdin.on('end', () => meter.stop()).resume()
  while (meter.goesOn(performance.now())) await delay(lookEveryMs)
  for (const client of clients) client.removeAllListeners('error').on('error', () => undefined)
}

async function startClient(meter: Meter, { port, messageBytes }: LoadJob): Promise<TLSSocket> {
  const message = Buffer.alloc(messageBytes, 'x')
  const socket = connect({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    servername: 'bench',
  })
  socket.on('error', () => meter.error())
  await once(socket, 'secureConnect')
  socket.setNoDelay(true)
  let beganAt = performance.now()
  let missing = messageBytes
  socket.on('data', (chunk: Buffer) => {
    missing -= chunk.length
    if (missing > 0) return
    const now = performance.now()
    meter.request(beganAt, now, messageBytes)
    beganAt = now
    missing = messageBytes
    socket.write(message)
  })
  socket.write(message)
  return socket
}
