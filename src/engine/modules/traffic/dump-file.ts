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
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { decodeDump, DumpError, type DumpRecord } from './dump-format.ts'
import { dumpBytesMax, dumpPauseMs, dumpStepBytes } from './limits.ts'
import { slicesOf } from './slices.ts'

const mode = 0o600

/** The records of a dump, in small steps; none where there is no file. Throws `DumpError`. */
export function* readDump(path: string): Generator<DumpRecord | undefined, void, undefined> {
  const bytes = yield* readWhole(path)
  if (bytes !== undefined) yield* decodeDump(bytes)
}

function* readWhole(path: string): Generator<undefined, Buffer | undefined, undefined> {
  const descriptor = openToRead(path)
  if (descriptor === undefined) return undefined
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw new DumpError('it is no file')
    if (stat.size > dumpBytesMax) throw new DumpError(`it is larger than ${dumpBytesMax} bytes`)
    const bytes = Buffer.alloc(stat.size)
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

function openToRead(path: string): number | undefined {
  try {
    // What is no file is not to be waited for.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new DumpError((error as Error).message)
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

function draftOf(path: string): string {
  return `${path}.draft`
}
