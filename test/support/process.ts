/**
 * Child processes of a test: started, watched line by line, and always ended.
 *
 * Each child leads a process group of its own, so that what it started ends with it, even when the test
 * process is itself ended by a signal.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import type { Readable } from 'node:stream'
import { onEnd, type Owner } from './scope.ts'
import { within } from './wait.ts'

export const processLimits = {
  /** Output kept per stream; older text is dropped first. */
  outputCharsMax: 4_194_304,
  /** After SIGTERM at the end of a test, before SIGKILL. */
  termGraceMs: 10_000,
} as const

export interface SpawnOptions {
  readonly cwd?: string
  /** Added to this process's environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly uid?: number
  readonly gid?: number
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Everything one stream of a child has said so far. */
class Output extends EventEmitter<{ text: [] }> {
  text = ''

  constructor(stream: Readable) {
    super()
    this.setMaxListeners(0)
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      this.text = (this.text + chunk).slice(-processLimits.outputCharsMax)
      this.emit('text')
    })
  }
}

const groups = new Set<number>()
const endedBySignal = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

process.once('exit', () => {
  for (const pid of groups) killGroup(pid)
})
for (const [name, code] of Object.entries(endedBySignal))
  process.once(name, () => process.exit(code))

export class RunningProcess {
  readonly pid: number
  /** Settles when the process is gone and its output is complete. */
  readonly exited: Promise<Exit>
  readonly #gone: Promise<void>
  readonly #child: ChildProcess
  readonly #command: string
  readonly #out: Output
  readonly #err: Output

  constructor(child: ChildProcess, command: string) {
    this.#child = child
    this.#command = command
    this.#out = new Output(child.stdout!)
    this.#err = new Output(child.stderr!)
    this.pid = child.pid!
    groups.add(this.pid)
    this.#gone = new Promise((resolve) => child.once('exit', () => resolve()))
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        // Descendants may hold the pipes open for ever; what the child itself wrote is there by then.
        const settle = (): void => resolve({ code, signal })
        child.once('close', settle)
        setTimeout(settle, 1_000).unref()
      })
    })
  }

  get stdout(): string {
    return this.#out.text
  }

  get stderr(): string {
    return this.#err.text
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves with the match once the pattern is in the stream's text; fails when the child ends first. */
  async waitForOutput(
    pattern: RegExp,
    options: { readonly stream?: 'stdout' | 'stderr'; readonly deadlineMs?: number } = {},
  ): Promise<RegExpExecArray> {
    const output = options.stream === 'stderr' ? this.#err : this.#out
    const seen = Promise.withResolvers<RegExpExecArray>()
    const look = (): void => {
      const match = pattern.exec(output.text)
      if (match !== null) seen.resolve(match)
    }
    output.on('text', look)
    look()
    void this.exited.then((exit) => {
      look()
      seen.reject(new Error(`${this.#describe(exit)} before it said ${pattern}\n${this.said()}`))
    })
    try {
      return await within(seen.promise, { ...options, what: `${pattern} from ${this.#command}` })
    } finally {
      output.off('text', look)
    }
  }

  /** All output, for the message of a failure. */
  said(): string {
    return [this.stdout, this.stderr].filter((text) => text !== '').join('\n')
  }

  write(text: string | Uint8Array): void {
    this.#child.stdin!.write(text)
  }

  endInput(): void {
    this.#child.stdin!.end()
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Sends a signal and waits for the end. */
  async stop(name: NodeJS.Signals = 'SIGTERM', deadlineMs?: number): Promise<Exit> {
    if (this.running) this.signal(name)
    return within(this.exited, {
      what: `the end of ${this.#command} by ${name}`,
      ...(deadlineMs !== undefined && { deadlineMs }),
    })
  }

  /** SIGTERM, then SIGKILL to whatever is left of the group; for the end of a test. */
  async end(): Promise<void> {
    if (this.running) this.signal('SIGTERM')
    const gone = within(this.#gone, { deadlineMs: processLimits.termGraceMs })
    await gone.catch(() => undefined)
    killGroup(this.pid)
    await within(this.exited, { what: `the end of ${this.#command} by SIGKILL` })
    groups.delete(this.pid)
  }

  #describe({ code, signal }: Exit): string {
    return `${this.#command} ended with ${signal ?? `code ${code}`}`
  }
}

/** Starts a process that ends with its owner. Its standard input is a pipe. */
export async function startProcess(
  owner: Owner,
  command: readonly [file: string, ...args: string[]],
  options: SpawnOptions = {},
): Promise<RunningProcess> {
  const [file, ...args] = command
  const { env, ...rest } = options
  const child = spawn(file, args, {
    ...rest,
    env: { ...process.env, ...env },
    stdio: 'pipe',
    detached: true,
  })
  // A child that ends while it is written to is seen by its exit.
  child.stdin.on('error', () => undefined)
  await once(child, 'spawn')
  const running = new RunningProcess(child, file)
  onEnd(owner, () => running.end())
  return running
}

export interface Finished extends Exit {
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions extends SpawnOptions {
  readonly input?: string | Uint8Array
  readonly deadlineMs?: number
}

/** Runs a command to its end and gives back whatever came of it; it is killed at the deadline. */
export async function run(
  command: readonly [file: string, ...args: string[]],
  options: RunOptions = {},
): Promise<Finished> {
  const { input, deadlineMs, env, ...rest } = options
  const [file, ...args] = command
  const child = spawn(file, args, { ...rest, env: { ...process.env, ...env }, stdio: 'pipe' })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const out = new Output(child.stdout)
  const err = new Output(child.stderr)
  try {
    const [code, signal] = await within(once(child, 'close') as Promise<[number, NodeJS.Signals]>, {
      what: `the end of ${command.join(' ')}`,
      ...(deadlineMs !== undefined && { deadlineMs }),
    })
    return { code, signal, stdout: out.text, stderr: err.text }
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  }
}

/** Runs a command that must succeed; returns its standard output. */
export async function runOk(
  command: readonly [file: string, ...args: string[]],
  options: RunOptions = {},
): Promise<string> {
  const { code, signal, stdout, stderr } = await run(command, options)
  if (code === 0) return stdout
  throw new Error(`${command.join(' ')} ended with ${signal ?? code}\n${stdout}${stderr}`)
}

function killGroup(pid: number): void {
  if (pid <= 1) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The whole group is gone already.
  }
}
