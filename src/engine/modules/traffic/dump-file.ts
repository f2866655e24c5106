/**
 * The file of a dump: written beside its place and then put there whole, so that whoever reads it has one
 * dump or another, and never a part of one.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ConfError } from '../../conf/diagnostics.ts'
import { readProcessStat } from '../../core/process-identity.ts'
import {
  decodeDump,
  decodeHeader,
  DumpError,
  type DumpHeader,
  type DumpRecord,
} from './dump-format.ts'
import { dumpBytesMax, dumpHeaderBytesMax, dumpPauseMs, dumpStepBytes } from './limits.ts'
import { slicesOf } from './slices.ts'

const mode = 0o600

/** The records of a dump, in small steps; none where there is no file. Throws `DumpError`. */
export function* readDump(path: string): Generator<DumpRecord | undefined, void, undefined> {
  const bytes = yield* readWhole(path)
  if (bytes !== undefined) yield* decodeDump(bytes)
}

/** Whose dump it is; `undefined` where there is none. Throws `DumpError`. */
export function readDumpHeader(path: string): DumpHeader | undefined {
  const descriptor = openToRead(path)
  if (descriptor === undefined) return undefined
  try {
    const bytes = Buffer.alloc(dumpHeaderBytesMax)
    return decodeHeader(bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, 0)))
  } finally {
    closeSync(descriptor)
  }
}

/** Removes drafts of processes that were killed while they wrote, where that is possible. */
export function sweepDrafts(path: string): void {
  const folder = dirname(path)
  const beginning = `${basename(path)}.`
  for (const name of namesIn(folder)) {
    const pid = /^(\d+)\.draft$/.exec(name.slice(beginning.length))?.[1]
    if (!name.startsWith(beginning) || pid === undefined) continue
    if (readProcessStat(Number(pid)) === undefined) rmSync(join(folder, name), { force: true })
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function* readWhole(path: string): Generator<undefined, Buffer | undefined, undefined> {
  const descriptor = openToRead(path)
  if (descriptor === undefined) return undefined
  try {
    const { size } = fstatSync(descriptor)
    if (size > dumpBytesMax) throw new DumpError(`it is larger than ${dumpBytesMax} bytes`)
    const bytes = Buffer.alloc(size)
    for (let at = 0; at < bytes.length;) {
      const read = readSync(descriptor, bytes, at, Math.min(dumpStepBytes, bytes.length - at), at)
      if (read === 0) return bytes.subarray(0, at)
      at += read
      yield undefined
    }
    return bytes
  } finally {
    closeSync(descriptor)
  }
}

/** Throws `ConfError` for what is no file: a dump would take the place of a folder or a device. */
function openToRead(path: string): number | undefined {
  const descriptor = openIfThere(path)
  if (descriptor === undefined || fstatSync(descriptor).isFile()) return descriptor
  closeSync(descriptor)
  throw new ConfError('it is no file')
}

function openIfThere(path: string): number | undefined {
  try {
    // What is no file is not to be waited for.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Puts away what could not be read, so that the next dump does not take its place. Returns where to. */
export function setAside(path: string): string {
  const aside = `${path}.unread`
  renameSync(path, aside)
  return aside
}

/**
 * Writes a dump while clients are served: lines are made in slices, and no call that waits for a disk holds
 * anything up but this. Ends early, without a dump, when it is not wanted any more; `discard` has removed
 * what was written then. Rejects with the error of the system.
 */
export async function writeDump(
  path: string,
  lines: Iterable<string>,
  isWanted: () => boolean,
): Promise<void> {
  discard(path)
  const file = await open(draftOf(path), 'wx', mode)
  try {
    for (const slice of slicesOf(lines)) {
      if (!isWanted()) return
      await file.writeFile(slice.join(''))
      await pause(dumpPauseMs)
    }
    await file.sync()
    if (!isWanted()) return
    // Not by the pool of threads: when nobody wants it any more, it must not happen later.
    renameSync(draftOf(path), path)
  } catch (error) {
    if (isWanted()) discard(path)
    throw error
  } finally {
    await file.close()
  }
  await using folder = await open(dirname(path))
  await folder.sync()
}

/** Writes a dump at once. Throws the error of the system. */
export function writeDumpNow(path: string, lines: Iterable<string>): void {
  discard(path)
  sync(openSync(draftOf(path), 'wx', mode), (file) => {
    for (const slice of slicesOf(lines)) writeAll(file, Buffer.from(slice.join('')))
  })
  renameSync(draftOf(path), path)
  sync(openSync(dirname(path), 'r'))
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
}

function sync(descriptor: number, write?: (descriptor: number) => void): void {
  try {
    write?.(descriptor)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Removes what was not written to its end. */
export function discard(path: string): void {
  rmSync(draftOf(path), { force: true })
}

/** No other engine writes there, if it has the same path by mistake or until it has taken over. */
function draftOf(path: string): string {
  return `${path}.${process.pid}.draft`
}
