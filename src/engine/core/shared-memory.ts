/**
 * Memory that several processes see: files in /dev/shm, mapped by `mmap`.
 *
 * A segment is found by name within an *instance*, one running engine. The instance's name holds the
 * engine's prefix and its master's process, so that two engines never meet in one segment and what a
 * killed master left behind can be told from what is in use.
 *
 * ```text
 *   /dev/shm/trijet.<prefix hash>-<master pid>-<master start>.<name>.<name hash>.<bytes>
 * ```
 *
 * A segment appears under its name only when it is complete: it is made under a private name, given its
 * size and owner, and published by `link`, which fails when somebody else was first. Its bytes are zero
 * then, and zero must be a usable state for whatever lives in it. It may become longer, never shorter.
 */
import { createHash, randomUUID } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  readdirSync,
  statSync,
  unlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import type Koffi from 'koffi'
import { ConfError } from '../conf/diagnostics.ts'
import { readProcessStat } from './process-identity.ts'

const folder = '/dev/shm'
const filePrefix = 'trijet.'
const mode = 0o600
/** Readable part of a segment's file name; the hash beside it tells names apart. */
const labelCharsMax = 64
/** Each try ends because another process made or removed the file in between. */
const openAttemptsMax = 16

const protReadWrite = 0x1 | 0x2
const mapShared = 0x1
const mapFailed = 0xffff_ffff_ffff_ffffn

export interface SharedMemoryOptions {
  /** From `createInstance`. */
  readonly instance: string
  readonly name: string
  /** At the beginning, and part of what names the segment. */
  readonly bytes: number
  /** Who may open it beside the one who makes it: workers that gave up root. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
}

export interface SharedMemory {
  readonly buffer: ArrayBuffer
  /** False for the stand-in: the bytes are seen in this process only. */
  readonly shared: boolean
  /** True while the name leads to this memory: not once it was taken away, or given to another. */
  isCurrent(): boolean
  /**
   * The same memory with so many bytes, which it gets where it has fewer. `undefined` where the system has no
   * memory for them, where its name leads elsewhere by now, and for the stand-in.
   */
  extend(bytes: number): ArrayBuffer | undefined
  /** Takes the name away, for whoever opens it next; what has it open goes on with it. */
  remove(): void
  /** Gives the mapping up. It goes when the last view of `buffer` has gone, never under one. */
  close(): void
}

/** Names this engine; called once by the master (or the single process), which hands it to its children. */
export function createInstance(prefix: string): string {
  const start = readProcessStat(process.pid)?.startTicks ?? Math.round(performance.timeOrigin)
  return `${hashOf(prefix)}-${process.pid}-${start}`
}

/** Opens a segment, making it where it does not exist. A `ConfError` says that there is no memory for it. */
export function openShared(options: SharedMemoryOptions): SharedMemory {
  const system = loadSystem()
  return system === undefined ? openLocal(options) : openMapped(options, system)
}

/** Opens a segment that somebody has made; `undefined` where nobody has, or has with another size. */
export function findShared(options: SharedMemoryOptions): SharedMemory | undefined {
  const system = loadSystem()
  if (system === undefined) {
    return localSegments.has(segmentName(options)) ? openLocal(options) : undefined
  }
  const path = join(folder, segmentName(options))
  const descriptor = openExisting(path, options)
  return descriptor === undefined ? undefined : segmentAt(path, descriptor, options, system)
}

/** Removes the names of an instance's segments; processes that have them mapped keep them. */
export function removeInstance(instance: string): void {
  for (const file of segmentFiles()) {
    if (file.startsWith(`${filePrefix}${instance}.`)) removeFile(join(folder, file))
  }
}

/** Removes what masters left behind that were killed. Returns how many segments that were. */
export function removeStale(): number {
  const stale = segmentFiles().filter(isStale)
  for (const file of stale) removeFile(join(folder, file))
  return stale.length
}

function isStale(file: string): boolean {
  const match = /^trijet\.[0-9a-f]+-([0-9]+)-([0-9]+)\./.exec(file)
  if (match === null) return false
  return readProcessStat(Number(match[1]))?.startTicks !== Number(match[2])
}

function segmentFiles(): readonly string[] {
  try {
    return readdirSync(folder).filter((file) => file.startsWith(filePrefix))
  } catch {
    return []
  }
}

/* Mapped: Linux. */

interface System {
  readonly mmap: (
    address: null,
    bytes: number,
    prot: number,
    flags: number,
    fd: number,
    at: number,
  ) => bigint
  readonly munmap: (address: bigint, bytes: number) => number
  readonly fallocate: (fd: number, at: number, bytes: number) => number
  readonly view: (address: bigint, bytes: number) => ArrayBuffer
}

let system: System | undefined | 'not looked for' = 'not looked for'

function loadSystem(): System | undefined {
  if (system === 'not looked for') system = process.platform === 'linux' ? bindSystem() : undefined
  return system
}

function bindSystem(): System | undefined {
  try {
    accessSync(folder, constants.W_OK)
    // Loaded when first needed: a process that shares nothing does without the library.
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi
    const libc = koffi.load(null)
    return {
      mmap: libc.func('void *mmap(void *, size_t, int, int, int, int64_t)') as System['mmap'],
      munmap: libc.func('int munmap(void *, size_t)') as System['munmap'],
      fallocate: libc.func('int posix_fallocate(int, int64_t, int64_t)') as System['fallocate'],
      view: koffi.view,
    }
  } catch {
    return undefined
  }
}

function openMapped(options: SharedMemoryOptions, linux: System): SharedMemory {
  const path = join(folder, segmentName(options))
  return segmentAt(path, openSegment(path, options, linux.fallocate), options, linux)
}

/** The memory behind a descriptor, which is closed. */
function segmentAt(
  path: string,
  descriptor: number,
  options: SharedMemoryOptions,
  linux: System,
): SharedMemory {
  try {
    const buffer = map(descriptor, options.bytes, linux)
    const { ino } = fstatSync(descriptor)
    return {
      buffer,
      shared: true,
      isCurrent: () => statSync(path, { throwIfNoEntry: false })?.ino === ino,
      extend: (bytes) => extend({ path, ino }, bytes, options, linux),
      remove: () => removeFile(path),
      close: () => {},
    }
  } finally {
    closeSync(descriptor)
  }
}

function map(descriptor: number, bytes: number, { mmap, munmap, view }: System): ArrayBuffer {
  const address = mmap(null, bytes, protReadWrite, mapShared, descriptor, 0)
  if (address === mapFailed) throw new Error(`mmap(MAP_SHARED, ${bytes}) failed`)
  const buffer = view(address, bytes)
  mappings.register(buffer, () => munmap(address, bytes))
  return buffer
}

function extend(
  { path, ino }: { readonly path: string; readonly ino: number },
  bytes: number,
  options: SharedMemoryOptions,
  linux: System,
): ArrayBuffer | undefined {
  const descriptor = openExisting(path, options)
  if (descriptor === undefined) return undefined
  try {
    if (fstatSync(descriptor).ino !== ino) return undefined
    return linux.fallocate(descriptor, 0, bytes) === 0 ? map(descriptor, bytes, linux) : undefined
  } finally {
    closeSync(descriptor)
  }
}

/** Unmapping under a live view would be a crash, so it waits for the collector to find the buffer unused. */
const mappings = new FinalizationRegistry<() => void>((unmap) => unmap())

function openSegment(
  path: string,
  options: SharedMemoryOptions,
  fallocate: System['fallocate'],
): number {
  for (let attempt = 0; attempt < openAttemptsMax; attempt += 1) {
    const found = openExisting(path, options)
    if (found !== undefined) return found
    createSegment(path, options, fallocate)
  }
  throw new Error(`shared memory "${path}" is made and removed again and again`)
}

function openExisting(path: string, options: SharedMemoryOptions): number | undefined {
  const descriptor = unless(['ENOENT'], () =>
    openSync(path, constants.O_RDWR | constants.O_NOFOLLOW),
  )
  if (descriptor === undefined) return undefined
  const stat = fstatSync(descriptor)
  const trusted = [0, process.getuid?.(), options.owner?.uid].includes(stat.uid)
  if (stat.isFile() && trusted && (stat.mode & 0o777) === mode && stat.size >= options.bytes) {
    return descriptor
  }
  closeSync(descriptor)
  throw new Error(`shared memory "${path}" exists but is not ours`)
}

function createSegment(
  path: string,
  { bytes, name, owner }: SharedMemoryOptions,
  fallocate: System['fallocate'],
): void {
  const draft = join(folder, `${filePrefix}${createInstance('draft')}.${randomUUID()}`)
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
  const descriptor = openSync(draft, flags, mode)
  try {
    ftruncateSync(descriptor, bytes)
    // A full file system shows here as an error; later it would be a SIGBUS at some store.
    const failure = fallocate(descriptor, 0, bytes)
    if (failure !== 0) {
      const reason = `${failure}: ${getSystemErrorMessage(-failure)}`
      throw new ConfError(`no room for "${name}": ${bytes} bytes in ${folder} (${reason})`)
    }
    if (owner !== undefined && process.getuid?.() === 0)
      fchownSync(descriptor, owner.uid, owner.gid)
    unless(['EEXIST'], () => linkSync(draft, path))
  } finally {
    closeSync(descriptor)
    removeFile(draft)
  }
}

function segmentName({ instance, name, bytes }: SharedMemoryOptions): string {
  const label = name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, labelCharsMax)
  return `${filePrefix}${instance}.${label}.${hashOf(name)}.${bytes}`
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** Another user's segments are another user's to remove: the folder is sticky. */
function removeFile(path: string): void {
  unless(['ENOENT', 'EPERM'], () => unlinkSync(path))
}

/** Runs a system call for which some errors are an answer. */
function unless<T>(codes: readonly string[], call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/* Stand-in: one process. */

interface LocalSegment {
  readonly buffer: ArrayBuffer
  users: number
}

const localSegments = new Map<string, LocalSegment>()

function openLocal(options: SharedMemoryOptions): SharedMemory {
  const key = segmentName(options)
  const segment = localSegments.get(key) ?? { buffer: new ArrayBuffer(options.bytes), users: 0 }
  localSegments.set(key, segment)
  segment.users += 1
  let open = true
  const close = (): void => {
    if (open) segment.users -= 1
    open = false
    if (segment.users === 0) remove()
  }
  const isCurrent = (): boolean => localSegments.get(key) === segment
  const remove = (): void => void (isCurrent() && localSegments.delete(key))
  const { buffer } = segment
  return { buffer, shared: false, isCurrent, extend: () => undefined, remove, close }
}
