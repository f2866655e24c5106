/** The same configuration and the same bytes for nginx and for us: what comes back must be the same. */
import assert from 'node:assert/strict'
import { startNginx } from '../support/nginx.ts'
import { freePort } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import type { Files } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import { startStream } from './support.ts'

export interface Subject {
  /** Where the configuration listens. */
  readonly port: number
  /** Lines of `logs/access.log`, once there are that many. */
  accessLog(lines: number): Promise<readonly string[]>
  errorLog(): string
}

export interface Comparison {
  /** Body of the `stream` block that listens on the port. */
  readonly stream: (port: number) => string
  readonly files?: Files
  /** What a client sees and does; its result is compared. */
  readonly run: (subject: Subject) => Promise<unknown>
}

/** Runs it against both; returns what both gave. Ports of the subjects are written PORT in the result. */
export async function compareWithNginx(t: Owner, comparison: Comparison): Promise<unknown> {
  const theirs = await runNginx(t, comparison)
  const ours = await runOurs(t, comparison)
  assert.deepEqual(ours, theirs)
  return ours
}

async function runNginx(t: Owner, { stream, files = {}, run }: Comparison): Promise<unknown> {
  const port = await freePort()
  const nginx = await startNginx(t, {
    main: 'error_log logs/error.log info;',
    stream: stream(port),
    files,
  })
  const read = (): string => nginx.prefix.read('logs/access.log')
  const result = await run({
    port,
    accessLog: (lines) => linesOf(read, lines),
    errorLog: () => nginx.errorLog,
  })
  await nginx.stop()
  return withoutPort(result, port)
}

async function runOurs(t: Owner, { stream, files = {}, run }: Comparison): Promise<unknown> {
  const port = await freePort()
  const engine = await startStream(t, stream(port), files)
  const read = (): string => engine.prefix.read('logs/access.log')
  const result = await run({
    port,
    accessLog: (lines) => linesOf(read, lines),
    errorLog: () => engine.errorLog,
  })
  engine.close()
  return withoutPort(result, port)
}

async function linesOf(read: () => string, count: number): Promise<readonly string[]> {
  const lines = (): string[] => read().split('\n').slice(0, -1)
  await until(() => lines().length >= count, { what: `${count} lines of the access log` })
  return lines()
}

function withoutPort(result: unknown, port: number): unknown {
  const text = JSON.stringify(result ?? null).replaceAll(new RegExp(`\\b${port}\\b`, 'g'), 'PORT')
  return JSON.parse(text) as unknown
}
