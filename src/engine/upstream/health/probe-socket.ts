/** A connection of one check to its peer, with TLS where it is asked for. */
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { failureText } from '../../net/errors.ts'
import { ProbeFailure, type ProbeTarget } from './probe.ts'
import type { ProbeTls } from './probe-tls.ts'

export interface TlsMemory {
  session: Buffer | undefined
}

export function optionsFor({ address }: ProbeTarget): NetConnectOpts {
  return address.family === 'unix'
    ? { path: address.path }
    : { host: address.host, port: address.port, family: address.family }
}

/** Resolves when the peer has accepted, and TLS is established; the signal ends it until then. */
export function openProbeSocket(
  target: ProbeTarget,
  signal: AbortSignal,
  tls?: { readonly tls: ProbeTls; readonly memory: TlsMemory; readonly alpn?: readonly string[] },
): Promise<Socket> {
  const plain = connect(optionsFor(target))
  // What goes wrong later is whose then has the socket.
  plain.on('error', () => undefined)
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const stop = (): void => fail(new ProbeFailure(timedOut))
  const fail = (error: Error): void => {
    plain.destroy()
    reject(toFailure(error))
  }
  const open = (socket: Socket): void => {
    signal.removeEventListener('abort', stop)
    plain.off('error', fail)
    resolve(socket)
  }
  signal.addEventListener('abort', stop, { once: true })
  plain.on('error', fail)
  plain.once('connect', () => {
    if (tls === undefined) open(plain)
    else {
      const secure = tls.tls.start(plain, tls.memory, tls.alpn)
      secure.on('error', reject)
      secure.once('secureConnect', () => open(secure))
      secure.once('close', () => reject(new ProbeFailure('connection closed in SSL handshake')))
    }
  })
  return promise.catch((error: Error) => {
    plain.destroy()
    throw toFailure(error)
  })
}

export const timedOut = 'timed out'

/** In the words of the log; what Node calls by a code of its own keeps its message. */
export function toFailure(error: Error): ProbeFailure {
  if (error instanceof ProbeFailure) return error
  const { errno } = error as NodeJS.ErrnoException
  return new ProbeFailure(errno === undefined ? error.message : failureText(error))
}
