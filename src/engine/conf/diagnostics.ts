/**
 * What is wrong with a configuration, in nginx's words, with the place where it stands.
 *
 * Reading a configuration collects diagnostics instead of stopping at the first one; a configuration
 * with any diagnostic of severity `emerg` is not used.
 */
import { commandLine, type Position } from './tree.ts'

export type Severity = 'emerg' | 'warn'

export interface Diagnostic {
  readonly severity: Severity
  /** nginx's text without the place, such as `unknown directive "x"`. */
  readonly message: string
  readonly at: Position | undefined
}

/** Thrown by whatever parses one directive; its caller adds the directive's position and goes on. */
export class ConfError extends Error {
  readonly code = 'TRIJET_CONF'

  constructor(message: string) {
    super(message)
    this.name = 'ConfError'
  }
}

/** `unknown directive "x" in /etc/trijet.conf:12`, as nginx prints it. */
export function formatDiagnostic({ message, at }: Diagnostic): string {
  if (at === undefined) return message
  return at.file === commandLine
    ? `${message} in ${commandLine}`
    : `${message} in ${at.file}:${at.line}`
}

/** The same with the column, for editors: `/etc/trijet.conf:12:5: unknown directive "x"`. */
export function formatWithColumn({ message, at }: Diagnostic): string {
  return at === undefined ? message : `${at.file}:${at.line}:${at.column}: ${message}`
}
