/**
 * The engine under test, started through `bin/trijet` as a user starts it.
 *
 * ```ts
 * const engine = await startTrijet(t, { conf: `stream { server { listen ${port}; return ok; } }` })
 * await engine.reload(changedConf)
 * await engine.stop()                 // also done by itself when the test ends
 * ```
 */
import { fileURLToPath } from 'node:url'
import { run, startProcess, type Exit, type Finished, type RunningProcess } from './process.ts'
import { isListening, processTree, readProcesses, type ProcessEntry } from './process-tree.ts'
import { onEnd, type Owner } from './scope.ts'
import { makeTempPrefix, type Files, type TempPrefix } from './temp-prefix.ts'
import { until } from './wait.ts'

export const launcher: string = fileURLToPath(new URL('../../bin/trijet', import.meta.url))

const confName = 'conf/trijet.conf'

export interface TrijetOptions {
  /** Text of `conf/trijet.conf`; taken whole, nothing is added. */
  readonly conf: string
  /** More files, relative to the prefix. */
  readonly files?: Files
  /** A prefix made before, to start again on what an earlier run left. */
  readonly prefix?: TempPrefix
  /** More arguments for the command line. */
  readonly args?: readonly string[]
  /** Value of `-g`; without it the engine stays in the foreground and logs from `notice` up. */
  readonly globals?: string
  /** Put before the command, such as `['ip', 'netns', 'exec', 'x']`. */
  readonly under?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly uid?: number
  readonly gid?: number
  /** Ports that listen once it is ready; by default the TCP ports of `listen` in `conf`. */
  readonly ports?: readonly number[]
  readonly deadlineMs?: number
}

export class Trijet {
  readonly prefix: TempPrefix
  readonly process: RunningProcess
  readonly #pidFile: string
  readonly #logFile: string

  constructor(prefix: TempPrefix, process: RunningProcess, conf: string) {
    this.prefix = prefix
    this.process = process
    this.#pidFile = directiveValue(conf, 'pid') ?? 'logs/trijet.pid'
    this.#logFile = directiveValue(conf, 'error_log') ?? 'logs/error.log'
  }

  /** The master's pid as its pid file says; the launcher's until that is written. */
  get pid(): number {
    return Number(this.prefix.read(this.#pidFile)) || this.process.pid
  }

  get errorLog(): string {
    return this.prefix.read(this.#logFile)
  }

  get hasPidFile(): boolean {
    return this.prefix.read(this.#pidFile).trim() !== ''
  }

  /** Master, workers and copilots that live now. */
  processes(): ProcessEntry[] {
    return processTree(this.pid)
  }

  /** The first child of that title; one that was killed is followed by another. */
  child(title: string): Promise<ProcessEntry> {
    return until(() => this.children(title)[0], { what: `a ${title}` })
  }

  /** Processes whose title holds the text, such as `worker` or `copilot ctrl`. */
  children(title: string): ProcessEntry[] {
    return this.processes().filter(
      ({ pid, command }) => pid !== this.pid && command.includes(title),
    )
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name)
  }

  /** Resolves when the pid file is written and the ports listen. */
  async waitReady(ports: readonly number[], deadlineMs?: number): Promise<void> {
    const ready = (): boolean => {
      if (!this.process.running) throw new Error(`the engine ended at its start\n${this.report()}`)
      return this.hasPidFile && ports.every((port) => isListening(port, 'tcp', this.pid))
    }
    const missing = (): string => ports.filter((port) => !isListening(port, 'tcp', this.pid)).join()
    try {
      await until(ready, {
        what: 'the engine to be ready',
        ...(deadlineMs !== undefined && { deadlineMs }),
      })
    } catch (cause) {
      throw new Error(`not ready; ports not open: ${missing()}\n${this.report()}`, { cause })
    }
  }

  /** Writes `conf`, if given, and sends HUP; true when it came into force, false when it was refused. */
  async reload(conf?: string): Promise<boolean> {
    if (conf !== undefined) this.prefix.write(confName, conf)
    const before = this.errorLog.length
    this.signal('SIGHUP')
    const [line] = await this.waitForLog(/\] .*: reconfigured$|\[emerg\] .*$/m, before)
    return line.endsWith('reconfigured')
  }

  /** Waits for a line of the error log, beyond the first `from` characters of it. */
  async waitForLog(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    const match = await until(() => pattern.exec(this.errorLog.slice(from)) ?? undefined, {
      what: `${pattern} in the error log`,
    })
    return match
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    return this.process.stop(signal)
  }

  /** What it said, for the message of a failure. */
  report(): string {
    return `${this.process.said()}\n${this.errorLog}`.slice(-20_000)
  }
}

/** Starts the engine in a prefix and waits until it serves. */
export async function startTrijet(owner: Owner, options: TrijetOptions): Promise<Trijet> {
  const { conf, files = {}, args = [], under = [] } = options
  const globals = options.globals ?? defaultGlobals(conf)
  const prefix = options.prefix ?? makeTempPrefix(owner)
  for (const [name, content] of Object.entries(files)) prefix.write(name, content)
  prefix.write(confName, conf)
  onEnd(owner, () => killStragglers(prefix))
  const words = ['-p', prefix.path, '-c', prefix.file(confName), '-g', globals, ...args]
  const [file, ...rest] = [...under, launcher, ...words]
  const { env, uid, gid } = options
  const running = await startProcess(owner, [file!, ...rest], {
    ...(env && { env }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  })
  const engine = new Trijet(prefix, running, conf)
  await engine.waitReady(options.ports ?? listenPorts(conf), options.deadlineMs)
  return engine
}

function defaultGlobals(conf: string): string {
  const logs = directiveValue(conf, 'error_log') !== undefined
  return `daemon off;${logs ? '' : ' error_log logs/error.log notice;'}`
}

/** Runs the command line to its end: `-t`, `-V`, `-s reload` and the like. */
export function trijetCommand(
  args: readonly string[],
  options: Parameters<typeof run>[1] = {},
): Promise<Finished> {
  return run([launcher, ...args], options)
}

/** TCP ports of the `listen` directives in a text. */
export function listenPorts(conf: string): number[] {
  const ports = new Set<number>()
  for (const [, address, options] of conf.matchAll(/^\s*listen\s+([^\s;]+)([^;]*);/gm)) {
    const port = Number(/(\d+)$/.exec(address!)?.[1])
    if (!address!.startsWith('unix:') && !/\budp\b/.test(options!)) ports.add(port)
  }
  return [...ports]
}

function directiveValue(conf: string, name: string): string | undefined {
  return new RegExp(`^\\s*${name}\\s+([^\\s;]+)`, 'm').exec(conf)?.[1]
}

/** Kills what an engine left behind: every process that names the prefix on its command line. */
function killStragglers(prefix: TempPrefix): void {
  for (const { pid, command } of readProcesses()) {
    if (pid !== process.pid && command.includes(prefix.path)) process.kill(pid, 'SIGKILL')
  }
}
