/**
 * The error log, in nginx's format:
 *
 * ```text
 * 2026/11/22 10:25:32 [error] 4711#4711: *18 connect() failed (111: Connection refused) while …
 * └ local time          └ level  └ pid#tid  └ connection number, where there is one
 * ```
 *
 * Lines are written at once with one `write`, so that nothing is lost when the process dies and lines of
 * several processes never mix. Error logs are for what is rare; access logs are batched elsewhere.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { stamp } from './clock.ts'
import { formatSyslog, type SyslogServer, type SyslogTransport } from './syslog.ts'

export const levels = [
  'emerg',
  'alert',
  'crit',
  'error',
  'warn',
  'notice',
  'info',
  'debug',
] as const

export type Level = (typeof levels)[number]

/** Where lines go: a file by absolute path, `stderr`, a syslog server, or nowhere. */
export type LogTarget =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stderr' }
  | { readonly kind: 'syslog'; readonly server: SyslogServer }
  | { readonly kind: 'off' }

export interface LogRule {
  readonly target: LogTarget
  readonly level: Level
}

/** A line as it is told to sinks: `connection` is the number nginx prints after `*`. */
export interface Log {
  write(level: Level, message: string, connection?: number): void
  /** True when some target takes that level, to spare the making of a message. */
  takes(level: Level): boolean
}

/** An error log over a set of files that are opened once and shared by all logs of the process. */
export class ErrorLog implements Log {
  readonly #files: LogFiles
  readonly #rules: readonly LogRule[]
  readonly #threshold: number

  constructor(files: LogFiles, rules: readonly LogRule[]) {
    this.#files = files
    this.#rules = rules
    this.#threshold = Math.max(-1, ...rules.map((rule) => levels.indexOf(rule.level)))
  }

  takes(level: Level): boolean {
    return levels.indexOf(level) <= this.#threshold
  }

  write(level: Level, message: string, connection?: number): void {
    const rank = levels.indexOf(level)
    if (rank > this.#threshold) return
    const number = connection === undefined ? '' : `*${connection} `
    const line = `${stamp()} [${level}] ${process.pid}#${process.pid}: ${number}${oneLine(message)}\n`
    for (const { target, level: lowest } of this.#rules) {
      if (rank > levels.indexOf(lowest)) continue
      // Severities of syslog are the levels, by their numbers.
      if (target.kind === 'syslog') this.#files.send(target.server, rank, line.slice(0, -1))
      else this.#files.append(target, line)
    }
  }
}

/** Open descriptors of log files, by path; `reopen` is what USR1 asks for. */
export class LogFiles {
  readonly #descriptors = new Map<string, number>()
  readonly #syslog: SyslogTransport | undefined

  /** Without `syslog`, lines for syslog servers go to standard error. */
  constructor(syslog?: SyslogTransport) {
    this.#syslog = syslog
  }

  /** A line without its end for a syslog server. */
  send(server: SyslogServer, severity: number, line: string): void {
    if (this.#syslog === undefined) this.append({ kind: 'stderr' }, `${line}\n`)
    else this.#syslog.send(server.address, formatSyslog(server, severity, line))
  }

  append(target: Exclude<LogTarget, { kind: 'syslog' }>, data: string | Buffer): void {
    if (target.kind === 'off') return
    try {
      writeAll(target.kind === 'stderr' ? 2 : this.#descriptor(target.path), data)
    } catch (error) {
      // A full disk or a closed terminal must not end the process; stderr is the last resort.
      if (target.kind === 'file') warnOnStderr(target.path, error as NodeJS.ErrnoException)
    }
  }

  /** Appends to a file that is not kept open: one whose path depends on the connection. */
  appendOnce(path: string, data: string | Buffer): void {
    let descriptor: number | undefined
    try {
      descriptor = openSync(path, 'a', 0o644)
      writeAll(descriptor, data)
    } catch (error) {
      warnOnStderr(path, error as NodeJS.ErrnoException)
    } finally {
      if (descriptor !== undefined) closeSync(descriptor)
    }
  }

  /** Opens the file now, so that a configuration that names an unwritable one is refused. */
  open(path: string): void {
    this.#descriptor(path)
  }

  /** Files that are open. */
  get paths(): readonly string[] {
    return [...this.#descriptors.keys()]
  }

  reopen(): void {
    const paths = [...this.#descriptors.keys()]
    this.close()
    for (const path of paths) this.#descriptor(path)
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor)
    this.#descriptors.clear()
  }

  #descriptor(path: string): number {
    const known = this.#descriptors.get(path)
    if (known !== undefined) return known
    mkdirSync(dirname(path), { recursive: true })
    const descriptor = openSync(path, 'a', 0o644)
    this.#descriptors.set(path, descriptor)
    return descriptor
  }
}

function writeAll(descriptor: number, data: string | Buffer): void {
  if (typeof data === 'string') writeSync(descriptor, data)
  else writeSync(descriptor, data)
}

/** A log that keeps nothing. */
export const silentLog: Log = { write: () => {}, takes: () => false }

function oneLine(message: string): string {
  return message.replaceAll('\n', ' ')
}

function warnOnStderr(path: string, error: NodeJS.ErrnoException): void {
  try {
    writeSync(2, `trijet: write() to "${path}" failed (${error.code ?? error.message})\n`)
  } catch {
    // There is nowhere left to say it.
  }
}
