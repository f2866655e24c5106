/**
 * What an operator is told: in the error log, and while starting on the terminal as well, in nginx's form
 * `trijet: [emerg] unknown directive "x" in /etc/trijet.conf:1`.
 */
import { writeSync } from 'node:fs'
import { type Diagnostic, formatDiagnostic } from '../conf/diagnostics.ts'
import { ErrorLog, type Level, type Log, LogFiles, type LogRule, levels } from '../core/log.ts'
import { SyslogSockets } from '../net/syslog-sockets.ts'
import { commandLine } from './read-configuration.ts'

export const program = 'trijet'

export class Announcer {
  readonly files: LogFiles = new LogFiles(new SyslogSockets())
  readonly #terminal: (text: string) => void
  #log: ErrorLog
  #rules: readonly LogRule[]
  #starting = true

  /** `terminal` writes a line where whoever started the program sees it. */
  constructor(rules: readonly LogRule[], terminal: (text: string) => void = writeStderr) {
    this.#terminal = terminal
    this.#rules = rules
    this.#log = new ErrorLog(this.files, rules)
  }

  /** The error log, whatever rules hold. */
  readonly log: Log = {
    write: (level, message, connection) => this.#log.write(level, message, connection),
    takes: (level) => this.#log.takes(level),
  }

  /** From now on errors go where the configuration says. */
  use(rules: readonly LogRule[]): void {
    this.#rules = rules
    this.#log = new ErrorLog(this.files, rules)
  }

  /** The start is over: the terminal is not ours any more. */
  onServing(): void {
    this.#starting = false
  }

  say(level: Level, message: string): void {
    this.#log.write(level, message)
    const serious = levels.indexOf(level) <= levels.indexOf('warn')
    if (!this.#starting || !serious || this.#logsToTerminal()) return
    this.#terminal(`${program}: [${level}] ${message}\n`)
  }

  diagnostics(diagnostics: readonly Diagnostic[]): void {
    for (const diagnostic of diagnostics) this.say(diagnostic.severity, format(diagnostic))
  }

  #logsToTerminal(): boolean {
    return this.#rules.some(({ target }) => target.kind === 'stderr')
  }
}

/** Diagnostics of `-g` have no line. */
export function format(diagnostic: Diagnostic): string {
  return diagnostic.at?.file === commandLine
    ? `${diagnostic.message} in ${commandLine}`
    : formatDiagnostic(diagnostic)
}

/** Written at once, so that nothing is lost when the process ends with it. */
export function writeStderr(text: string): void {
  try {
    writeSync(2, text)
  } catch {
    // A closed terminal is no reason to stop.
  }
}
