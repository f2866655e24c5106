/**
 * `open_log_file_cache`: holds log files open whose names have variables, so that they need not be opened
 * for every batch of lines.
 *
 * The file that was used longest ago makes room for another. A file that was moved away is noticed when it
 * was last looked at `valid` ago.
 */
import { closeSync, fstatSync, openSync, statSync, writeSync } from 'node:fs'
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseTimeSeconds } from '../conf/units.ts'
import type { ValueType } from '../core/module.ts'

export interface LogFileCacheOptions {
  /** Most files at one time. */
  readonly max: number
  /** A file that was used less than `minUses` times within that time is closed. */
  readonly inactiveMs: number
  readonly minUses: number
  readonly validMs: number
}

const usual = { inactiveMs: 10_000, minUses: 1, validMs: 60_000 }
const fileMode = 0o644

/** `max=N [inactive=time] [min_uses=N] [valid=time] | off`. */
export const logFileCacheOptions: ValueType<LogFileCacheOptions | undefined> = {
  describe: 'max=N [inactive=time] [min_uses=N] [valid=time] | off',
  parse: (args) => {
    if (args.length === 1 && args[0] === 'off') return undefined
    const options = { max: 0, ...usual }
    for (const arg of args) Object.assign(options, parseOption(arg))
    if (options.max === 0) {
      throw new ConfError('"open_log_file_cache" must have "max" parameter')
    }
    return options
  },
}

function parseOption(arg: string): Partial<LogFileCacheOptions> {
  const equals = arg.indexOf('=')
  const [name, text] = [arg.slice(0, equals), arg.slice(equals + 1)]
  const value = name === 'max' || name === 'min_uses' ? parseNumber(text) : parseTimeSeconds(text)
  if (value !== undefined) {
    if (name === 'max') return { max: value }
    if (name === 'min_uses') return { minUses: value }
    if (name === 'inactive') return { inactiveMs: value * 1000 }
    if (name === 'valid') return { validMs: value * 1000 }
  }
  throw new ConfError(`invalid "open_log_file_cache" parameter "${arg}"`)
}

const caches = new WeakMap<LogFileCacheOptions, LogFileCache>()

/** One cache for all that one directive holds for. */
export function logFileCacheOf(options: LogFileCacheOptions | undefined): LogFileCache | undefined {
  if (options === undefined) return undefined
  return caches.getOrInsertComputed(options, () => new LogFileCache(options))
}

interface OpenLog {
  readonly descriptor: number
  readonly inode: bigint
  uses: number
  /** Since when uses are counted. */
  countedFrom: number
  checkedAt: number
}

export class LogFileCache {
  readonly #options: LogFileCacheOptions
  readonly #now: () => number
  /** In the order of their last uses. */
  readonly #files = new Map<string, OpenLog>()

  constructor(options: LogFileCacheOptions, now: () => number = Date.now) {
    this.#options = options
    this.#now = now
  }

  get size(): number {
    return this.#files.size
  }

  /** Appends to a file; false where it cannot be opened or written. */
  append(path: string, data: string | Buffer): boolean {
    try {
      const file = this.#use(path)
      if (typeof data === 'string') writeSync(file.descriptor, data)
      else writeSync(file.descriptor, data)
      return true
    } catch {
      this.#drop(path)
      return false
    }
  }

  close(): void {
    for (const path of this.#files.keys()) this.#drop(path)
  }

  #use(path: string): OpenLog {
    const now = this.#now()
    this.#dropInactive(now)
    const known = this.#files.get(path)
    const file = known !== undefined && this.#isValid(path, known, now) ? known : this.#open(path)
    file.uses += 1
    this.#files.delete(path)
    this.#files.set(path, file)
    return file
  }

  #open(path: string): OpenLog {
    this.#drop(path)
    if (this.#files.size >= this.#options.max) this.#drop(this.#files.keys().next().value!)
    const now = this.#now()
    const descriptor = openSync(path, 'a', fileMode)
    const { ino: inode } = fstatSync(descriptor, { bigint: true })
    return { descriptor, inode, uses: 0, countedFrom: now, checkedAt: now }
  }

  #isValid(path: string, file: OpenLog, now: number): boolean {
    if (now - file.checkedAt < this.#options.validMs) return true
    file.checkedAt = now
    return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino === file.inode
  }

  /** Looks at those that were not used for longest; the first that stays ends it. */
  #dropInactive(now: number): void {
    const { inactiveMs, minUses } = this.#options
    for (const [path, file] of this.#files) {
      if (now - file.countedFrom < inactiveMs) return
      const used = file.uses
      file.uses = 0
      file.countedFrom = now
      if (used < minUses) this.#drop(path)
      else return
    }
  }

  #drop(path: string): void {
    const file = this.#files.get(path)
    if (file === undefined) return
    this.#files.delete(path)
    closeSync(file.descriptor)
  }
}
