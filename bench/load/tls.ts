/**
 * TLS load on Node's own sockets: encryption is most of the cost on both sides, so the generator may be
 * dearer here; what is compared is the CPU time of the proxies per message.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { setTimeout as delay } from 'node:timers/promises'
import { requestsOf } from './http.ts'
import type { LoadJob } from './job.ts'
import type { Meter } from './meter.ts'
import { broken, partial, ResponseMeter } from './response-meter.ts'

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

async function startClient(meter: Meter, job: LoadJob): Promise<TLSSocket> {
  const message = Buffer.alloc(job.messageBytes, 'x')
  const socket = await connectSecurely(meter, job)
  let beganAt = performance.now()
  let missing = job.messageBytes
  socket.on('data', (chunk: Buffer) => {
    missing -= chunk.length
    if (missing > 0) return
    const now = performance.now()
    meter.request(beganAt, now, job.messageBytes)
    beganAt = now
    missing = job.messageBytes
    socket.write(message)
  })
  socket.write(message)
  return socket
}

/** Keep-alive requests over TLS; what answers stands behind or within the program under measurement. */
export async function httpsRequests(meter: Meter, job: LoadJob): Promise<void> {
  const clients: TLSSocket[] = []
  for (let i = 0; i < job.connections; i++) clients.push(await startHttpsClient(meter, job))
  process.stdin.on('end', () => meter.stop()).resume()
  while (meter.goesOn(performance.now())) await delay(lookEveryMs)
  for (const client of clients) client.removeAllListeners('error').on('error', () => undefined)
}

async function startHttpsClient(meter: Meter, job: LoadJob): Promise<TLSSocket> {
  const [request] = requestsOf(job)
  const socket = await connectSecurely(meter, job)
  const response = new ResponseMeter(job.messageBytes)
  let beganAt = performance.now()
  socket.on('data', (chunk: Buffer) => {
    const state = response.feed(chunk, chunk.length)
    if (state === partial) return
    if (state === broken) {
      meter.error()
      socket.destroy()
      return
    }
    const now = performance.now()
    meter.request(beganAt, now, job.messageBytes)
    beganAt = now
    socket.write(request!)
  })
  socket.write(request!)
  return socket
}

async function connectSecurely(meter: Meter, { port }: LoadJob): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    servername: 'bench',
  })
  socket.on('error', () => meter.error())
  await once(socket, 'secureConnect')
  socket.setNoDelay(true)
  return socket
}
