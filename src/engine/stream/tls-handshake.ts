/** Waits for a client's handshake, judges its certificate and hands the connection back to its session. */
import type { SecureSocket } from '../net/tls/secure-socket.ts'
import type { Socket, SocketHandler } from '../net/socket.ts'
import type { Session } from './session.ts'

export class TlsHandshake implements SocketHandler {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  onConnect(socket: Socket): void {
    const session = this.#session
    const { facts } = socket as SecureSocket
    const refusal = facts && session.server.tls?.refusalOf(facts)
    if (refusal !== undefined) {
      session.log('info', refusal)
      session.finalize(500)
      return
    }
    socket.handler = session
    session.action = 'initializing session'
    session.proceed('ok')
  }

  onData(): void {
    // Nothing is delivered before the handshake is done.
  }

  onEnd(): void {
    this.#session.finalize(500)
  }

  onDrain(): void {
    // Nothing is written before the handshake is done.
  }

  onClose(_socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    if (this.#session.ended) return
    this.#session.log('info', error?.message ?? 'client closed connection')
    this.#session.finalize(500)
  }
}
