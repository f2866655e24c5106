/** Says something to a peer by TCP or UDP, and listens for what it says. */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import type { Socket } from 'node:net'
import { probeReplyBytesMax, probeSilenceMs } from '../limits.ts'
import type { Dialogue, Expected } from './dialogue.ts'
import { type Probe, ProbeFailure, type ProbeSession, type ProbeTarget } from './probe.ts'
import { openProbeSocket, timedOut, type TlsMemory, toFailure } from './probe-socket.ts'
import type { ProbeTls } from './probe-tls.ts'

/** What a peer is sent by UDP where nothing is configured: a datagram must be sent to see it refused. */
const datagramDefault = Buffer.from('trijet health check')

/** Without a dialogue a connection that is accepted is enough. */
export class TcpProbe implements Probe {
  readonly #dialogue: Dialogue
  readonly #tls: ProbeTls | undefined

  constructor(dialogue: Dialogue, tls: ProbeTls | undefined) {
    this.#dialogue = dialogue
    this.#tls = tls
  }

  open(target: ProbeTarget): ProbeSession {
    const memory: TlsMemory = { session: undefined }
    const tls = this.#tls && { tls: this.#tls, memory }
    return {
      run: async (signal) => {
        const socket = await openProbeSocket(target, signal, tls)
        try {
          const { send, expect } = this.#dialogue
          if (send !== undefined) socket.write(send)
          if (expect !== undefined) await hear(socket, expect, signal)
        } finally {
          socket.destroy()
        }
      },
      close: () => undefined,
    }
  }
}

function hear(socket: Socket, expect: Expected, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let received: Buffer = Buffer.alloc(0)
  socket.on('error', (error) => reject(toFailure(error)))
  socket.on('close', () => reject(new ProbeFailure('connection closed before the expected answer')))
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const outcome = expect(received)
    if (outcome === true) resolve()
    else if (outcome === false || received.length > probeReplyBytesMax) {
      reject(new ProbeFailure('unexpected answer'))
    }
  })
  signal.addEventListener('abort', () => reject(new ProbeFailure(timedOut)), { once: true })
  return promise
}

/** Where no answer is expected a peer is well that does not refuse the datagram. */
export class UdpProbe implements Probe {
  readonly #dialogue: Dialogue

  constructor(dialogue: Dialogue) {
    this.#dialogue = dialogue
  }

  open(target: ProbeTarget): ProbeSession {
    return { run: (signal) => this.#run(target, signal), close: () => undefined }
  }

  async #run({ address }: ProbeTarget, signal: AbortSignal): Promise<void> {
    if (address.family === 'unix') throw new ProbeFailure('there are no datagrams to a unix socket')
    const { send = datagramDefault, expect } = this.#dialogue
    const socket = createSocket(address.family === 6 ? 'udp6' : 'udp4')
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const silence = expect === undefined ? setTimeout(resolve, probeSilenceMs) : undefined
    const stop = (): void => (expect === undefined ? resolve() : reject(new ProbeFailure(timedOut)))
    signal.addEventListener('abort', stop, { once: true })
    socket.on('error', (error) => reject(toFailure(error)))
    socket.on('message', (data) => {
      const isGood = expect === undefined || expect(data) === true
      if (isGood) resolve()
      else reject(new ProbeFailure('unexpected answer'))
    })
    try {
      sendTo(socket, address, send)
      await promise
    } finally {
      clearTimeout(silence)
      signal.removeEventListener('abort', stop)
      socket.close()
    }
  }
}

/** Only a socket that is connected hears that a datagram was refused. */
function sendTo(
  socket: DatagramSocket,
  { host, port }: { readonly host: string; readonly port: number },
  bytes: Buffer,
): void {
  socket.connect(port, host, () => socket.send(bytes))
}
