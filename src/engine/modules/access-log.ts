/**
 * Access logs: lines are collected and written in batches.
 *
 * Lines of one turn of the event loop go out in one `write`; with `buffer=` they wait until the buffer is
 * full or `flush=` has passed, with `gzip` each batch is one gzip member. A log whose path has variables
 * opens its file for each batch of a path.
 */
import { gzipSync } from 'node:zlib'
import { ByteSink } from '../core/byte-sink.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { LogFiles } from '../core/log.ts'
import type { SyslogServer } from '../core/syslog.ts'
import type { VariableHost } from '../core/variables.ts'
import type { Transport } from '../net/transport.ts'
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

/** Lines of one path that wait. */
interface Batch {
  /** Says how the batch is written: that of its first line. */
  target: AccessLogTarget
  readonly lines: ByteSink
  timer: NodeJS.Timeout | undefined
}

/** Paths with waiting lines at one time; past this the oldest are written at once. */
const batchesMax = 512
/** Memory of a batch to begin with, and what is kept for the next one of the same path. */
const linesBytes = 4 * 1024
const keptLinesBytes = 256 * 1024

/** All access logs of a process. */
export class AccessLogWriter {
  readonly #files: LogFiles
  readonly #transport: Pick<Transport, 'defer'>
  readonly #batches = new Map<string, Batch>()
  /** Where a line is made that goes elsewhere. */
  readonly #line = new ByteSink(Buffer.allocUnsafeSlow(linesBytes))
  /** Those that may have files open. */
  readonly #caches = new Set<LogFileCache>()
  #turnEndAwaited = false

  constructor(files: LogFiles, transport: Pick<Transport, 'defer'>) {
    this.#files = files
    this.#transport = transport
  }

  /** Writes one line per target whose condition holds. */
  log(targets: readonly AccessLogTarget[], host: VariableHost): void {
    for (const target of targets) {
      const { condition } = target
      if (condition !== undefined && isFalse(condition.evaluate(host))) continue
      if (target.syslog === undefined) this.#append(target, host)
      else this.#send(target.syslog, target.format, host)
    }
  }

  /** Writes everything that waits: before logs are reopened, and at the end. */
  flush(): void {
    for (const path of this.#batches.keys()) this.#write(path)
    this.#batches.clear()
    for (const cache of this.#caches) cache.close()
    this.#caches.clear()
  }

  #append(target: AccessLogTarget, host: VariableHost): void {
    const path = target.path.constant ?? target.path.evaluate(host)
    const batch = this.#batches.get(path) ?? this.#begin(path, target)
    if (batch.lines.length === 0) batch.target = target
    target.format.append(host, batch.lines)
    const { bufferBytes, flushMs } = batch.target
    if (bufferBytes === 0) this.#awaitTurnEnd()
    else if (batch.lines.length >= bufferBytes) this.#write(path)
    else if (flushMs > 0 && batch.timer === undefined) {
      batch.timer = setTimeout(() => this.#write(path), flushMs)
      batch.timer.unref()
    }
  }

  #begin(path: string, target: AccessLogTarget): Batch {
    if (this.#batches.size >= batchesMax) this.#drop(this.#batches.keys().next().value!)
    const lines = new ByteSink(Buffer.allocUnsafeSlow(linesBytes))
    const batch = { target, lines, timer: undefined }
    this.#batches.set(path, batch)
    return batch
  }

  #send(server: SyslogServer, format: LogFormat, host: VariableHost): void {
    const line = this.#line
    line.length = 0
    format.append(host, line)
    this.#files.send(server, server.severity, line.bytes.toString('utf8', 0, line.length - 1))
  }

  #awaitTurnEnd(): void {
    if (this.#turnEndAwaited) return
    this.#turnEndAwaited = true
    this.#transport.defer(this.#writeUnbuffered)
  }

  readonly #writeUnbuffered = (): void => {
    this.#turnEndAwaited = false
    for (const [path, { target }] of this.#batches) {
      if (target.bufferBytes === 0) this.#write(path)
    }
  }

  /** The batch of a log with one path stays for the lines to come. */
  #write(path: string): void {
    const batch = this.#batches.get(path)
    if (batch === undefined) return
    const { lines, target } = batch
    clearTimeout(batch.timer)
    batch.timer = undefined
    if (lines.length > 0) this.#hand(target, path, lines.bytes.subarray(0, lines.length))
    lines.length = 0
    const stays = target.path.constant !== undefined && lines.bytes.length <= keptLinesBytes
    if (!stays) this.#batches.delete(path)
  }

  #drop(path: string): void {
    this.#write(path)
    this.#batches.delete(path)
  }

  #hand({ gzipLevel, cache, path: name }: AccessLogTarget, path: string, lines: Buffer): void {
    const data = gzipLevel > 0 ? gzipSync(lines, { level: gzipLevel }) : lines
    if (name.constant !== undefined) this.#files.append({ kind: 'file', path }, data)
    else if (cache === undefined) this.#files.appendOnce(path, data)
    else this.#appendCached(cache, path, data)
  }

  #appendCached(cache: LogFileCache, path: string, data: Buffer): void {
    this.#caches.add(cache)
    if (!cache.append(path, data)) this.#files.appendOnce(path, data)
  }
}

function isFalse(text: string): boolean {
  return text === '' || text === '0'
}
