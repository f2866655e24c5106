/**
 * One place for a child process: whoever sits there is watched, and replaced when it dies.
 *
 * ```text
 *   idle ── start ──▶ running ── dies ──▶ waiting ── after its back-off ──▶ running …
 *                        └── stop ──▶ stopping ── dies ──▶ idle
 * ```
 *
 * A process that does not end in time after it was told to is killed; one that says that it still has something to
 * write is given more.
 */
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import type { Log } from '../core/log.ts'
import { BackOff } from './back-off.ts'
import { processLimits } from './limits.ts'
import type { FromChild, ToChild } from './messages.ts'

export interface ChildCommand {
  readonly file: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Descriptors from 3 on, beside the channel for messages. */
  readonly descriptors?: readonly number[]
}

export interface ChildOptions {
  /** As logs name it: `worker process`, `copilot process conf/x.conf`. */
  readonly title: string
  readonly log: Log
  /** From TERM to KILL. */
  readonly killAfterMs: number
  /** Made anew for each start, at once before it. */
  readonly command: (child: Child) => ChildCommand
  readonly onStart: (child: Child) => void
  readonly onMessage: (child: Child, message: FromChild) => void
  /** The process is gone; a new one follows unless it was told to stop. */
  readonly onExit: (child: Child) => void
}

export type ChildState = 'idle' | 'running' | 'waiting' | 'stopping'

export class Child {
  readonly title: string
  readonly #options: ChildOptions
  readonly #backOff = new BackOff()
  #process: ChildProcess | undefined
  #state: ChildState = 'idle'
  #startedAt = 0
  #restarts = 0
  #held = false
  /** Whoever sits here writes what it leaves behind. */
  #isFinishing = false
  /** It was told to end at once, and is killed where it does not. */
  #isDoomed = false
  #timer: NodeJS.Timeout | undefined
  /** What this turn of the event loop has to say. */
  #outgoing: ToChild[] = []
  #ended = Promise.withResolvers<void>()

  constructor(options: ChildOptions) {
    this.title = options.title
    this.#options = options
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  get state(): ChildState {
    return this.#state
  }

  get restarts(): number {
    return this.#restarts
  }

  /** Resolves when nobody sits here any more and nobody will. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  start(): void {
    const { command, log, onStart } = this.#options
    const { file, args, env, cwd, descriptors = [] } = command(this)
    this.#state = 'running'
    this.#isFinishing = false
    this.#isDoomed = false
    this.#startedAt = performance.now()
    const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc', ...descriptors]
    const child = spawn(file, args, { env, stdio, ...(cwd !== undefined && { cwd }) })
    this.#process = child
    // What cannot even be started counts as dead at once.
    child.once('error', (error) => {
      if (child.pid === undefined) this.#onExit(`could not be started: ${error.message}`, true)
    })
    child.once('exit', (code, signal) => {
      const how = signal === null ? `exited with code ${code}` : `exited on signal ${signal}`
      this.#onExit(how, code !== 0)
    })
    child.on('message', (message) => this.#options.onMessage(this, message as FromChild))
    if (child.pid === undefined) return
    log.write('notice', `start ${this.title} ${child.pid}`)
    onStart(this)
  }

  /** Lost when the process is gone already; its exit is reported anyway. */
  send(message: ToChild): void {
    if (this.#process?.connected !== true) return
    if (this.#outgoing.push(message) === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const messages = this.#outgoing
    this.#outgoing = []
    if (messages.length === 0 || this.#process?.connected !== true) return
    this.#process.send(messages, undefined, {}, () => {})
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name)
  }

  /** Nobody follows whoever sits here now: the engine is about to stop. */
  hold(): void {
    this.#held = true
    if (this.#state !== 'waiting') return
    clearTimeout(this.#timer)
    this.#finish()
  }

  /** Ends it, gracefully where the signal says so, and starts nobody in its place. */
  async stop(name: NodeJS.Signals): Promise<void> {
    if (this.#state === 'idle') return
    clearTimeout(this.#timer)
    if (this.#state === 'waiting') {
      this.#finish()
      return
    }
    this.#state = 'stopping'
    this.signal(name)
    if (name === 'SIGTERM') this.#killLater()
    await this.ended
  }

  /** It has last work to do: more time passes before it is killed. */
  awaitLastWork(): void {
    if (this.#isFinishing) return
    this.#isFinishing = true
    if (this.#isDoomed) this.#killLater()
  }

  #killLater(): void {
    this.#isDoomed = true
    clearTimeout(this.#timer)
    const { killAfterMs, log } = this.#options
    this.#timer = setTimeout(
      () => {
        log.write('alert', `${this.title} ${this.pid} did not end, it is killed`)
        this.signal('SIGKILL')
      },
      this.#isFinishing ? processLimits.lastWorkMsMax : killAfterMs,
    )
  }

  #onExit(how: string, alarming: boolean): void {
    const { log, onExit } = this.#options
    const pid = this.#process?.pid ?? 0
    const expected = this.#state === 'stopping'
    log.write(alarming && !expected ? 'alert' : 'notice', `${this.title} ${pid} ${how}`)
    clearTimeout(this.#timer)
    this.#process = undefined
    this.#outgoing = []
    if (expected || this.#held) this.#finish()
    else this.#startLater()
    onExit(this)
  }

  #startLater(): void {
    const delay = this.#backOff.next(performance.now() - this.#startedAt)
    this.#state = 'waiting'
    this.#restarts += 1
    if (delay > 0) {
      const message = `${this.title} keeps ending, it is started again in ${delay} ms`
      this.#options.log.write('warn', message)
    }
    this.#timer = setTimeout(() => this.start(), delay)
  }

  #finish(): void {
    this.#state = 'idle'
    this.#ended.resolve()
  }
}
