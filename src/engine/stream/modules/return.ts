/**
 * `return value`: sends a text and closes the connection.
 *
 * What the client has sent is read away until it closes: a close with unread bytes would reset the
 * connection, and the text could be lost on its way.
 */
import type { ComplexValue } from '../../core/complex-value.ts'
import { complexValue } from '../../modules/value-types.ts'
import type { Socket, SocketHandler } from '../../net/socket.ts'
import { Timer, type TimerOwner } from '../../net/timing-wheel.ts'
import { lingerBytesMax, lingerTimeoutMs } from '../limits.ts'
import { defineStreamModule, type StreamModule } from '../module.ts'
import type { Session } from '../session.ts'

export interface StreamReturnConf {
  readonly return: ComplexValue | undefined
}

export const streamReturn: StreamModule<StreamReturnConf> = defineStreamModule<StreamReturnConf>({
  id: 'stream.return',
  directives: {
    return: {
      contexts: ['stream.server'],
      args: [1, 1],
      syntax: 'return value',
      value: complexValue,
      default: undefined,
      inherited: false,
      doc: 'Sends a text, which may have variables, to the client and closes the connection.',
    },
  },
  hooks: {
    content: {
      directive: 'return',
      handler: ({ return: text }) =>
        text && ((session) => sendAndClose(session, Buffer.from(text.evaluate(session)))),
    },
  },
})

function sendAndClose(session: Session, text: Buffer): void {
  session.action = 'returning text'
  const { client } = session
  if (session.protocol === 'UDP') {
    client.write(text)
    session.finalize(200)
    return
  }
  const linger = new Linger(session)
  client.handler = linger
  client.resume()
  if (text.length > 0) client.write(text)
  client.end()
  if (session.clientEnded && client.queued === 0) session.finalize(200)
}

/** The end of a connection on which everything was said. */
class Linger implements SocketHandler, TimerOwner {
  readonly #session: Session
  #bytesLeft = lingerBytesMax

  constructor(session: Session) {
    this.#session = session
    const timer = new Timer(this)
    session.services.timers.arm(timer, lingerTimeoutMs)
    session.atEnd(() => session.services.timers.cancel(timer))
  }

  onConnect(): void {
    // The client's connection is there already.
  }

  onData(_socket: Socket, chunk: Buffer): void {
    this.#bytesLeft -= chunk.length
    if (this.#bytesLeft < 0) this.#session.finalize(200)
  }

  onEnd(socket: Socket): void {
    this.#session.clientEnded = true
    if (socket.queued === 0) this.#session.finalize(200)
  }

  onDrain(): void {
    if (this.#session.clientEnded) this.#session.finalize(200)
  }

  onClose(): void {
    this.#session.finalize(200)
  }

  onTimeout(): void {
    this.#session.finalize(200)
  }
}
