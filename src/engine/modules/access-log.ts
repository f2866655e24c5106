/**
 * Access logs: lines are collected and written in batches.
 *
 * Lines of one turn of the event loop go out in one `write`; with `buffer=` they wait until the buffer is
 * full or `flush=` has passed, with `gzip` each batch is one gzip member. A log whose path has variables
 * opens its file for each batch of a path.
 */
import { gzipSync } from 'node:zlib'
import type { ComplexValue } from '../core/complex-value.ts'
import type { LogFiles } from '../core/log.ts'
import type { SyslogServer } from '../core/syslog.ts'
import type { VariableHost } from '../core/variables.ts'
import type { LogFileCache } from './log-file-cache.ts'
import type { LogFormat } from './log-format.ts'

export interface AccessLogTarget {
  /** Absolute path, or a text with variables that gives one. */
  readonly path: ComplexValue
  /** Where lines go instead of a file. */
  readonly syslog: SyslogServer | undefined
  /** Holds the file open where its name has variables; `undefined` opens it for each batch. */
  readonly cache: LogFileCache | undefined
  readonly format: LogFormat
  /** Bytes that are kept before they are written; 0: until the turn's end. */
  readonly bufferBytes: number
  /** Longest time a line may wait in the buffer; 0: without limit. */
  readonly flushMs: number
  /** Level of compression; 0: none. */
  readonly gzipLevel: number
  readonly condition: ComplexValue | undefined
}

interface Batch {
  readonly target: AccessLogTarget
  lines: string
  timer: NodeJS.Timeout | undefined
}

/** Paths with waiting lines at one time; past this the oldest are written at once. */
const batchesMax = 512

/** All access logs of a process. */
export class AccessLogWriter {
  readonly #files: LogFiles
  readonly #batches = new Map<string, Batch>()
  /** Those that may have files open. */
  readonly #caches = new Set<LogFileCache>()
  #turnEndAwaited = false

  constructor(files: LogFiles) {
    this.#files = files
  }

  /** Writes one line per target whose condition holds. */
  log(targets: readonly AccessLogTarget[], host: VariableHost): void {
    for (const target of targets) {
      const { condition } = target
      if (condition !== undefined && isFalse(condition.evaluate(host))) continue
      const line = target.format.format(host)
      if (target.syslog === undefined) this.#append(target, target.path.evaluate(host), line)
      else this.#files.send(target.syslog, target.syslog.severity, line.slice(0, -1))
    }
  }

  /** Writes everything that waits: before logs are reopened, and at the end. */
  flush(): void {
    for (const path of this.#batches.keys()) this.#write(path)
    for (const cache of this.#caches) cache.close()
    this.#caches.clear()
  }

  #append(target: AccessLogTarget, path: string, line: string): void {
    let batch = this.#batches.get(path)
    if (batch === undefined) {
      if (this.#batches.size >= batchesMax) this.#write(this.#batches.keys().next().value!)
      batch = { target, lines: '', timer: undefined }
      this.#batches.set(path, batch)
    }
    batch.lines += line
    const { bufferBytes, flushMs } = batch.target
    if (bufferBytes === 0) this.#awaitTurnEnd()
    else if (batch.lines.length >= bufferBytes) this.#write(path)
    else if (flushMs > 0 && batch.timer === undefined) {
      batch.timer = setTimeout(() => this.#write(path), flushMs)
      batch.timer.unref()
    }
  }

  #awaitTurnEnd(): void {
    if (this.#turnEndAwaited) return
    this.#turnEndAwaited = true
    setImmediate(() => {
      this.#turnEndAwaited = false
      for (const [path, { target }] of this.#batches) {
        if (target.bufferBytes === 0) this.#write(path)
      }
    })
  }

  #write(path: string): void {
    const batch = this.#batches.get(path)
    if (batch === undefined) return
    this.#batches.delete(path)
    clearTimeout(batch.timer)
    const { gzipLevel, cache, path: name } = batch.target
    const data = gzipLevel > 0 ? gzipSync(batch.lines, { level: gzipLevel }) : batch.lines
    if (name.constant !== undefined) this.#files.append({ kind: 'file', path }, data)
    else if (cache === undefined) this.#files.appendOnce(path, data)
    else this.#appendCached(cache, path, data)
  }

  #appendCached(cache: LogFileCache, path: string, data: string | Buffer): void {
    this.#caches.add(cache)
    if (!cache.append(path, data)) this.#files.appendOnce(path, data)
  }
}

function isFalse(text: string): boolean {
  return text === '' || text === '0'
}
