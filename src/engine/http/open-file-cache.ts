/**
 * `open_file_cache`: descriptors, facts and absences of files that are asked for again and again.
 *
 * ```text
 *   path ──▶ entry   looked at less than `valid` ago: taken as it is
 *                    otherwise: looked at again; another file, size or time → opened anew
 *                    not asked for during `inactive`: forgotten, its descriptor closed when nobody reads it
 * ```
 *
 * A cache belongs to the directive that asks for it and lives as long as that stands in the configuration.
 * What is left in it then goes by itself, as nobody asks any more.
 */
import type { FileKind, FileSystem } from '../net/file-system.ts'
import { Timer, type TimerOwner, type TimingWheel } from '../net/timing-wheel.ts'
import type { Clock } from '../net/transport.ts'
import { type OpenFile, openUnder } from './open-file.ts'

/** What `open_file_cache` says. */
export interface OpenFileCacheSpec {
  readonly max: number
  readonly inactiveMs: number
}

/** What the directives beside it say. */
export interface OpenFileRules {
  readonly validMs: number
  /** Uses within `inactive` from which on the descriptor stays open. */
  readonly minUses: number
  /** That a file is not there is remembered too. */
  readonly errors: boolean
}

export interface OpenFileCacheServices {
  readonly files: FileSystem
  readonly timers: TimingWheel
  readonly clock: Clock
}

/** An entry that was used so recently keeps its place in the order of use. */
const recentMs = 1000

const notOpen = -1

class CachedFile implements OpenFile {
  descriptor: number = notOpen
  size = 0
  modified = 0
  kind: FileKind = 'other'
  inode = 0
  /** Minus errno, where there is no file to be had; 0 otherwise. */
  error = 0
  uses = 0
  usedAt = 0
  checkedAt = 0
  readonly root: string | undefined
  readonly #files: FileSystem
  #readers = 0
  #dropped = false

  constructor(files: FileSystem, root: string | undefined) {
    this.#files = files
    this.root = root
  }

  /** Takes over what was opened, whose facts stand in `files`. */
  fill(descriptor: number): void {
    const files = this.#files
    this.descriptor = descriptor
    this.size = files.size
    this.modified = files.modifiedSeconds * 1000
    this.kind = files.kind
    this.inode = files.inode
  }

  /** True when what was looked at last is this file, unchanged. */
  get isSame(): boolean {
    const { inode, size, modifiedSeconds, kind } = this.#files
    return (
      this.error === 0 &&
      this.inode === inode &&
      this.size === size &&
      this.modified === modifiedSeconds * 1000 &&
      this.kind === kind
    )
  }

  take(): this {
    this.#readers += 1
    return this
  }

  release(): void {
    this.#readers -= 1
    if (this.#dropped && this.#readers === 0) this.#close()
  }

  /** It is forgotten; who reads it reads on. */
  drop(): void {
    this.#dropped = true
    if (this.#readers === 0) this.#close()
  }

  #close(): void {
    if (this.descriptor === notOpen) return
    this.#files.close(this.descriptor)
    this.descriptor = notOpen
  }
}

export class OpenFileCache implements TimerOwner {
  readonly #spec: OpenFileCacheSpec
  readonly #files: FileSystem
  readonly #timers: TimingWheel
  readonly #clock: Clock
  /** In the order of use, the longest unused first. */
  readonly #entries = new Map<string, CachedFile>()
  readonly #sweep: Timer

  constructor(spec: OpenFileCacheSpec, { files, timers, clock }: OpenFileCacheServices) {
    this.#spec = spec
    this.#files = files
    this.#timers = timers
    this.#clock = clock
    this.#sweep = new Timer(this)
  }

  /** Entries it holds. */
  get size(): number {
    return this.#entries.size
  }

  /** As `openFile`. */
  open(path: string, root: string | undefined, rules: OpenFileRules): OpenFile | number {
    const now = this.#clock.now()
    const entry = this.#find(path, root, now - rules.validMs)
    if (entry === undefined) return this.#add(path, root, rules)
    this.#use(path, entry, now)
    if (entry.error !== 0) return entry.error
    if (entry.kind !== 'file' || entry.descriptor !== notOpen) return entry.take()
    return this.#reopen(path, entry, rules)
  }

  onTimeout(): void {
    const oldest = this.#clock.now() - this.#spec.inactiveMs
    for (const [path, entry] of this.#entries) if (entry.usedAt <= oldest) this.#drop(path, entry)
    if (this.#entries.size > 0) this.#timers.arm(this.#sweep, this.#spec.inactiveMs)
  }

  /** An entry that holds: looked at since `oldest`, or looked at now and found the same. */
  #find(path: string, root: string | undefined, oldest: number): CachedFile | undefined {
    const entry = this.#entries.get(path)
    if (entry === undefined) return undefined
    if (entry.root === root) {
      if (entry.checkedAt > oldest) return entry
      const error = this.#files.look(path)
      if (error === 0 ? entry.isSame : error === entry.error) {
        entry.checkedAt = this.#clock.now()
        return entry
      }
    }
    this.#drop(path, entry)
    return undefined
  }

  #use(path: string, entry: CachedFile, now: number): void {
    entry.uses += 1
    if (now - entry.usedAt > recentMs) {
      this.#entries.delete(path)
      this.#entries.set(path, entry)
    }
    entry.usedAt = now
  }

  #add(path: string, root: string | undefined, rules: OpenFileRules): OpenFile | number {
    const descriptor = openUnder(this.#files, path, root)
    if (descriptor < 0 && !rules.errors) return descriptor
    const entry = new CachedFile(this.#files, root)
    entry.usedAt = entry.checkedAt = this.#clock.now()
    entry.uses = 1
    this.#keep(path, entry)
    if (descriptor < 0) {
      entry.error = descriptor
      return descriptor
    }
    return this.#fill(entry, descriptor, rules)
  }

  /** The file of an entry that was not used often enough before to be kept open. */
  #reopen(path: string, entry: CachedFile, rules: OpenFileRules): OpenFile | number {
    const descriptor = openUnder(this.#files, path, entry.root)
    if (descriptor >= 0 && entry.isSame) return this.#fill(entry, descriptor, rules)
    if (descriptor >= 0) this.#files.close(descriptor)
    this.#drop(path, entry)
    return this.#add(path, entry.root, rules)
  }

  /** Only regular files are kept open, and those that are used often enough. */
  #fill(entry: CachedFile, descriptor: number, { minUses }: OpenFileRules): OpenFile {
    entry.fill(descriptor)
    if (entry.kind === 'file' && entry.uses >= minUses) return entry.take()
    const once = new CachedFile(this.#files, entry.root)
    once.fill(descriptor)
    once.take().drop()
    entry.descriptor = notOpen
    return once
  }

  #keep(path: string, entry: CachedFile): void {
    if (this.#entries.size >= this.#spec.max) {
      const [oldest] = this.#entries
      if (oldest !== undefined) this.#drop(...oldest)
    }
    this.#entries.set(path, entry)
    if (!this.#sweep.running) this.#timers.arm(this.#sweep, this.#spec.inactiveMs)
  }

  #drop(path: string, entry: CachedFile): void {
    this.#entries.delete(path)
    entry.drop()
  }
}
