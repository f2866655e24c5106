/**
 * A session: one client's TCP connection or exchange of datagrams, from accept to log.
 *
 * It runs the phases of its server, holds what they learn, and is where variables are read. Until a
 * content handler takes the client's socket over, the session itself handles its events and keeps the
 * first bytes.
 */
import type { Level, Log } from '../core/log.ts'
import type { ByteSink } from '../core/byte-sink.ts'
import { type VariableTable, type VariableValue, appendValue } from '../core/variables.ts'
import type { CaptureHost } from '../modules/captures.ts'
import { type Address, formatAddress, formatHost } from '../net/address.ts'
import type { Socket, SocketHandler } from '../net/socket.ts'
import { Timer, type TimerOwner } from '../net/timing-wheel.ts'
import type { StreamEngine } from './engine.ts'
import { variableDepthMax } from './limits.ts'
import { type Outcome, phases, type Status } from './module.ts'
import type { StreamPort } from './ports.ts'
import { SessionFacts } from './session-facts.ts'
import type { Listed } from './session-list.ts'
import type { StreamServices } from './services.ts'
import type { VirtualServer } from './virtual-server.ts'

/** What has taken the client's socket over. */
export interface SessionContent {
  /** More for error log lines; starts with `, `. */
  logContext(): string
  /** The session is over: what the content holds is given back. */
  end(): void
}

export interface SessionStart {
  readonly engine: StreamEngine
  readonly port: StreamPort
  readonly server: VirtualServer
  readonly client: Socket
  readonly variables: VariableTable<Session>
}

const prereadPhase = phases.indexOf('preread')
const noBytes: Buffer = Buffer.alloc(0)
/** Marks a variable that was read and has no value. */
const absent = null

export class Session implements CaptureHost, SocketHandler, TimerOwner, Listed {
  readonly engine: StreamEngine
  readonly services: StreamServices
  readonly port: StreamPort
  readonly number: number
  /** By the wall clock, for `$session_time`. */
  readonly startedAt: number
  /** Runs while the session waits for its client; content handlers have their own. */
  readonly timer: Timer
  /** What phases have found out. */
  readonly facts: SessionFacts
  server: VirtualServer
  client: Socket
  /** The client's address; `realip` may put another in place. */
  remote: Address
  /** 0 until the session ends. */
  status: Status | 0
  /** First bytes of the client that nobody has consumed. */
  preread: Buffer
  /** True when the client has sent its FIN already. */
  clientEnded: boolean
  captures: RegExpExecArray | null
  /** What error log lines say after "while". */
  action: string
  content: SessionContent | undefined
  ended: boolean
  nextListed: Listed | undefined
  previousListed: Listed | undefined
  readonly #table: VariableTable<Session>
  #values: (string | typeof absent | undefined)[] | undefined
  #depth: number
  #phase: number
  #step: number
  #waiting: boolean
  #cleanups: (() => void)[] | undefined

  constructor({ engine, port, server, client, variables }: SessionStart) {
    this.engine = engine
    this.services = engine.services
    this.port = port
    this.number = engine.services.nextConnection()
    this.startedAt = Date.now()
    this.timer = new Timer(this)
    this.facts = new SessionFacts()
    this.server = server
    this.client = client
    this.remote = client.remote
    this.status = 0
    this.preread = noBytes
    this.clientEnded = false
    this.captures = null
    this.action = 'initializing session'
    this.content = undefined
    this.ended = false
    this.nextListed = undefined
    this.previousListed = undefined
    this.#table = variables
    this.#values = undefined
    this.#depth = 0
    this.#phase = 0
    this.#step = 0
    this.#waiting = false
    this.#cleanups = undefined
    server.live.add(this)
  }

  get protocol(): 'TCP' | 'UDP' {
    return this.port.protocol === 'tcp' ? 'TCP' : 'UDP'
  }

  get errorLog(): Log {
    return this.server.errorLog
  }

  /** Begins the phases. */
  start(): void {
    this.client.handler = this
    this.#logStart()
    this.#run()
  }

  /** Goes on after a handler that said `again`, as if it had said `outcome` now. */
  proceed(outcome: Outcome): void {
    if (this.ended || !this.#waiting) return
    this.#waiting = false
    this.services.timers.cancel(this.timer)
    if (this.#follow(outcome)) this.#run()
  }

  /** Goes over to another virtual server of the port; the current phase starts anew with its handlers. */
  switchTo(server: VirtualServer): void {
    if (server === this.server) return
    this.server.live.remove(this)
    this.server = server
    server.live.add(this)
    this.#step = -1
  }

  /** To be run when the session ends; the last that was given is the first that runs. */
  atEnd(cleanup: () => void): void {
    this.#cleanups ??= []
    this.#cleanups.push(cleanup)
  }

  /** Ends the session: the log is written, what it held is given back, the client's connection closed. */
  finalize(status: Status): void {
    if (this.ended) return
    this.ended = true
    this.status = status
    this.services.timers.cancel(this.timer)
    this.content?.end()
    for (const log of this.server.log) log(this)
    for (const cleanup of this.#cleanups?.toReversed() ?? []) cleanup()
    this.server.live.remove(this)
    if (!this.client.destroyed) this.client.destroy()
    this.engine.ended()
  }

  /** Writes a line about this session to the error log, with its context as nginx words it. */
  log(level: Level, message: string): void {
    if (!this.errorLog.takes(level)) return
    const kind = this.protocol === 'UDP' ? 'udp client' : 'client'
    const [client, server] = [formatHost(this.remote), formatAddress(this.port.address)]
    const context = `, ${kind}: ${client}, server: ${server}${this.content?.logContext() ?? ''}`
    this.errorLog.write(level, `${message} while ${this.action}${context}`, this.number)
  }

  get(slot: number): VariableValue {
    this.#values ??= []
    const known = this.#values[slot]
    if (known !== undefined) return known ?? undefined
    const definition = this.#table.at(slot)
    if (definition === undefined) return undefined
    const name = this.#table.names.name(slot)
    if (this.#depth >= variableDepthMax) {
      this.log('error', `cycle while evaluating variable "${name}"`)
      return undefined
    }
    this.#depth += 1
    const value = definition.get(this, name)
    this.#depth -= 1
    if (!definition.volatile) this.#values[slot] = value ?? absent
    return value
  }

  append(slot: number, sink: ByteSink): boolean {
    return appendValue(this.get(slot), sink)
  }

  store(slot: number, value: VariableValue): void {
    this.#values ??= []
    this.#values[slot] = value ?? absent
  }

  onConnect(): void {
    // The client's connection is there already.
  }

  onData(socket: Socket, chunk: Buffer): void {
    const { preread } = this
    // The chunk's memory is used again after this call.
    this.preread = preread.length === 0 ? Buffer.from(chunk) : Buffer.concat([preread, chunk])
    if (this.#isPrereading) this.#resumePreread()
    else if (this.preread.length >= this.server.core.preread_buffer_size) socket.pause()
  }

  onEnd(): void {
    this.clientEnded = true
    if (this.#isPrereading) this.finalize(200)
  }

  onDrain(): void {
    // Nothing is written before a content handler has the socket.
  }

  onClose(_socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    if (error !== undefined) this.log('info', `recv() failed (${error.message})`)
    this.finalize(200)
  }

  onTimeout(): void {
    this.log('info', 'client timed out')
    this.finalize(200)
  }

  get #isPrereading(): boolean {
    return this.#waiting && this.#phase === prereadPhase
  }

  #resumePreread(): void {
    this.#waiting = false
    this.#run()
  }

  #run(): void {
    while (this.#phase < phases.length) {
      const chain = this.server.handlers[phases[this.#phase]!]
      const handler = chain[this.#step]
      if (handler === undefined) this.#enterNextPhase()
      else if (!this.#follow(handler(this))) return
    }
    this.services.timers.cancel(this.timer)
    const { content } = this.server
    if (content === undefined) this.finalize(200)
    else content(this)
  }

  /** Acts on what a handler said; false when the session does not go on now. */
  #follow(outcome: Outcome): boolean {
    if (outcome === 'declined') this.#step += 1
    else if (outcome === 'ok') this.#enterNextPhase()
    else if (outcome === 'again') return this.#wait()
    else if (outcome === 'done') return false
    else this.finalize(outcome)
    return !this.ended
  }

  #enterNextPhase(): void {
    this.#phase += 1
    this.#step = 0
  }

  /** Waits for more of the client's bytes in the preread phase, for its own reason elsewhere. */
  #wait(): false {
    this.#waiting = true
    if (this.#phase !== prereadPhase) return false
    const { preread_buffer_size: bytesMax, preread_timeout: timeoutMs } = this.server.core
    this.action = 'prereading client data'
    if (this.preread.length >= bytesMax) {
      this.log('error', 'preread buffer full')
      this.finalize(400)
    } else if (this.clientEnded) this.finalize(200)
    else if (!this.timer.running) this.services.timers.arm(this.timer, timeoutMs)
    return false
  }

  #logStart(): void {
    if (!this.errorLog.takes('info')) return
    const kind = this.protocol === 'UDP' ? 'udp client' : 'client'
    const [from, to] = [formatAddress(this.remote), formatAddress(this.port.address)]
    this.errorLog.write('info', `${kind} ${from} connected to ${to}`, this.number)
  }
}
