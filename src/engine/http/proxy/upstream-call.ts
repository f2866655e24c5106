/**
 * One request said to one server: a connection is taken or opened, the request is sent, and the response is
 * read, by time limits of its own. What goes wrong is told to whoever has called.
 *
 * ```text
 *   preparing ─▶ connecting ─▶ (securing) ─▶ sending ─▶ head ─▶ body ─▶ rest
 *                   ▲              a waiting connection ┘                  the client has yet to take it
 *                   └─ ask: the next server
 * ```
 *
 * Belongs to an exchange and is used again with it.
 */
import { failureText } from '../../net/errors.ts'
import type { KeepalivePool } from '../../upstream/keepalive-pool.ts'
import type { Peer } from '../../upstream/peer.ts'
import type { Request } from '../request.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import { cancelled } from './attempts.ts'
import { failures } from './next-upstream.ts'
import { ReadHold } from './read-hold.ts'
import type { SenderOwner } from './request-sender.ts'
import type { ResponseSink } from './response-reader.ts'
import type { ProxySettings } from './settings.ts'
import { type ConnectionUser, UpstreamConnection } from './upstream-connection.ts'
import type { UpstreamReader, UpstreamSender, Wire } from './wire.ts'

/** Who calls, and hears the response. */
export interface Caller extends ResponseSink {
  /** A connection stands; the request is about to be sent on it. */
  onConnection(): void
  /** The server has failed: one of `failures`, and the word of it for whoever traces. */
  onFailed(failure: number, fault: string): void
  /** No server can be asked: the status that the client is told. */
  onHopeless(status: number, fault: string): void
}

export const stages = {
  idle: 0,
  preparing: 1,
  connecting: 2,
  securing: 3,
  sending: 4,
  head: 5,
  body: 6,
  rest: 7,
} as const

const actions = [
  '',
  '',
  'connecting to upstream',
  'SSL handshaking to upstream',
  'sending request to upstream',
  'reading response header from upstream',
  'reading upstream',
  'sending to client',
]

export class UpstreamCall implements ConnectionUser, SenderOwner {
  readonly reader: UpstreamReader
  readonly sender: UpstreamSender
  readonly hold: ReadHold = new ReadHold()
  /** One of `stages`; the log's words go by it. */
  stage: number = stages.idle
  /** The one in use. */
  connection: UpstreamConnection | undefined = undefined
  readonly #caller: Caller
  #request: Request | undefined = undefined
  #settings: ProxySettings | undefined = undefined
  #head: UpstreamHead | undefined = undefined
  #pool: KeepalivePool<UpstreamConnection> | undefined = undefined
  #chunk: Buffer | undefined = undefined
  #tls = false

  constructor(wire: Wire, caller: Caller) {
    const { reader, sender } = wire.create(this, caller)
    this.reader = reader
    this.sender = sender
    this.#caller = caller
  }

  /** Takes a request up; where it goes is not known yet. The response's head goes into `head`. */
  begin(request: Request, settings: ProxySettings, head: UpstreamHead): void {
    this.#request = request
    this.#settings = settings
    this.#head = head
    this.stage = stages.preparing
  }

  /** Says where it goes, and which connections may be used for it; a target of `undefined` is the client's. */
  aim(
    tls: boolean,
    pool: KeepalivePool<UpstreamConnection> | undefined,
    target: string | undefined,
  ): void {
    this.#tls = tls
    this.#pool = pool
    this.sender.begin(this.#request!, this.#settings!, target)
  }

  /** Asks a server, `fresh`: over a new connection; false where there is none to be asked. */
  ask(peer: Peer | undefined, fresh: boolean): boolean {
    this.stage = stages.connecting
    if (peer === undefined) return false
    const key = this.#keyFor(peer)
    const waiting = fresh ? undefined : this.#pool?.take(key)
    if (waiting === undefined) this.#open(peer, key)
    else {
      waiting.take(this)
      this.connection = waiting
      this.#send(waiting)
    }
    return true
  }

  /** Connections are the same when they lead to one address in one way. */
  #keyFor(peer: Peer): string {
    const { secure, poolKey, bindsAddress } = this.#settings!
    if (!this.#tls) return bindsAddress ? `${peer.name} ${poolKey}` : peer.name
    return `${peer.name} ${secure.nameFor(this.#request!)} ${poolKey}`
  }

  #open(peer: Peer, key: string): void {
    const request = this.#request!
    const { connectOptions, connectTimeoutMs, secure } = this.#settings!
    const { transport, timers } = request.connection.engine.services
    const name = this.#tls ? secure.nameFor(request) : ''
    const connection = new UpstreamConnection(this, {
      transport,
      timers,
      peer,
      key,
      options: connectOptions(request),
      startTls: this.#tls
        ? (socket, handler) => secure.start(name, peer, socket, handler)
        : undefined,
    })
    this.connection = connection
    connection.wait(connectTimeoutMs)
  }

  #send(connection: UpstreamConnection): void {
    const { names, headBytesMax, readTimeoutMs } = this.#settings!
    this.#caller.onConnection()
    connection.requests += 1
    this.hold.begin(connection, readTimeoutMs)
    this.stage = stages.sending
    this.reader.begin(this.#head!, names, headBytesMax)
    this.sender.start(connection)
  }

  onSecuring(): void {
    this.stage = stages.securing
    this.connection!.wait(this.#settings!.connectTimeoutMs)
  }

  onConnected(): void {
    this.#send(this.connection!)
  }

  onSending(full: boolean): void {
    const { sendTimeoutMs } = this.#settings!
    if (full) this.connection?.wait(sendTimeoutMs)
    else if (this.stage === stages.sending) this.connection?.stopWaiting()
  }

  onSent(): void {
    if (this.stage !== stages.sending) return
    this.stage = stages.head
    this.connection?.wait(this.#settings!.readTimeoutMs)
  }

  onUpstreamDrain(): void {
    this.sender.onDrain()
  }

  onClientBodyError(status: number): void {
    this.#caller.onHopeless(status, cancelled)
  }

  onUpstreamData(chunk: Buffer): void {
    const { carrier } = this.#request!
    carrier.cork()
    const connection = this.connection!
    this.#chunk = chunk
    this.reader.read(chunk)
    // Most responses are over by now, and the connection is somebody else's.
    if (connection.user === this && !this.hold.held) {
      connection.wait(this.#settings!.readTimeoutMs)
    }
    carrier.uncork()
  }

  onUpstreamEnd(): void {
    const { carrier } = this.#request!
    carrier.cork()
    if (!this.reader.endOfInput()) {
      this.log('upstream prematurely closed connection')
      this.#caller.onFailed(failures.error, 'error')
    }
    carrier.uncork()
  }

  onUpstreamClosed(error: NodeJS.ErrnoException | undefined): void {
    const { carrier } = this.#request!
    carrier.cork()
    if (error === undefined && this.stage >= stages.sending) this.onUpstreamEnd()
    else {
      const fault = error?.code ?? 'error'
      if (error !== undefined) this.#logError(error)
      if (error?.syscall === 'bind') this.#caller.onHopeless(500, fault)
      else this.#caller.onFailed(failures.error, fault)
    }
    carrier.uncork()
  }

  onUpstreamTimeout(): void {
    const { carrier } = this.#request!
    carrier.cork()
    this.log('upstream timed out (110: Connection timed out)')
    this.#caller.onFailed(failures.timeout, 'timeout')
    carrier.uncork()
  }

  /** What came in the present chunk behind the head. */
  get behindHead(): Buffer {
    return this.#chunk!.subarray(this.reader.bodyAt)
  }

  /** The response has come: its connection waits for another request, if it is `clean` and may. */
  complete(clean: boolean): void {
    const connection = this.connection!
    const { framing, endedWithInput } = this.reader
    const reusable =
      clean && framing.keepAlive && !endedWithInput && this.sender.sent && !this.hold.held
    this.connection = undefined
    this.#chunk = undefined
    if (this.#pool !== undefined && reusable) connection.keep(this.#pool)
    else connection.close()
    this.stage = stages.rest
  }

  /** Gives the connection up, if there is one, and what comes on it. */
  hangUp(): void {
    this.connection?.close()
    this.connection = undefined
    this.reader.stop()
  }

  /** The server shall come to the end of what it was asked, though nobody hears it. */
  leaveAlone(): void {
    this.connection!.finishAlone(this.#settings!.readTimeoutMs)
    this.connection = undefined
  }

  /** Makes it ready for another request. */
  clear(): void {
    this.reader.stop()
    this.sender.stop()
    this.hold.end()
    this.stage = stages.idle
    this.#request = undefined
    this.#settings = undefined
    this.#head = undefined
    this.#pool = undefined
    this.#chunk = undefined
  }

  log(text: string, level: 'error' | 'warn' | 'info' = 'error'): void {
    this.#request!.logError(`${text} while ${actions[this.stage]!}`, level)
  }

  /** A handshake fails with a text of its own, a connection with a system call. */
  #logError(error: NodeJS.ErrnoException): void {
    this.log(error.syscall === undefined ? error.message : failureText(error))
  }
}
