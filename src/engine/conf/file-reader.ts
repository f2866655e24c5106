/**
 * Where configuration files come from: the disk, or a set of texts in memory.
 *
 * A configuration that was read in one process is handed to another as `{ path: text }` and parses there to
 * the same tree, whatever happened to the files meanwhile.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { getSystemErrorMessage } from 'node:util'
import { segmentMatcher } from './glob.ts'

export interface FileReader {
  /** @throws FileError */
  read(path: string): string
  /** Paths that match, in byte order; none is no error. */
  glob(pattern: string): readonly string[]
}

/** A file that could not be read, with the system's reason as nginx prints it. */
export class FileError extends Error {
  readonly code = 'TRIJET_CONF_FILE'

  constructor(call: 'open' | 'pread', path: string, reason: string) {
    super(`${call}() "${path}" failed (${reason})`)
    this.name = 'FileError'
  }
}

export function createDiskReader(): FileReader {
  return {
    read(path) {
      try {
        return readFileSync(path, 'utf8')
      } catch (error) {
        throw toFileError(error, path)
      }
    },
    glob: (pattern) => expandGlob(pattern, listFolder),
  }
}

/** The same over texts by path; folders are there when a path runs through them. */
export function createMemoryReader(files: Readonly<Record<string, string>>): FileReader {
  const texts = new Map(Object.entries(files))
  const folders = foldersOf(texts.keys())
  return {
    read(path) {
      const text = texts.get(path)
      if (text === undefined) throw new FileError('open', path, noSuchFile)
      return text
    },
    glob: (pattern) => expandGlob(pattern, (folder) => folders.get(folder) ?? []),
  }
}

const noSuchFile = '2: No such file or directory'

/** The C library's words, which differ from libuv's; what is missing here is said in libuv's. */
const reasons: Readonly<Record<string, string>> = {
  ENOENT: noSuchFile,
  EACCES: '13: Permission denied',
  ENOTDIR: '20: Not a directory',
  EISDIR: '21: Is a directory',
  EMFILE: '24: Too many open files',
  ELOOP: '40: Too many levels of symbolic links',
}

function toFileError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('errno' in error)) return error
  const { code = '', errno = 0 } = error as NodeJS.ErrnoException
  const reason = reasons[code] ?? `${-errno}: ${getSystemErrorMessage(errno)}`
  return new FileError(code === 'EISDIR' ? 'pread' : 'open', path, reason)
}

function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    // As glob(3): a folder that cannot be read holds nothing.
    return []
  }
}

/** Goes down segment by segment; only a folder in which a pattern is to be matched is read. */
function expandGlob(pattern: string, list: (folder: string) => readonly string[]): string[] {
  const segments = pattern.split('/').filter((part) => part !== '')
  let found: string[] = [pattern.startsWith('/') ? '/' : '']
  for (const [i, segment] of segments.entries()) {
    const plain = !/[*?[\\]/.test(segment) && i < segments.length - 1
    const matches = plain ? undefined : segmentMatcher(segment)
    found = found.flatMap((folder) => {
      const names = matches === undefined ? [segment] : list(folder || '.').filter(matches)
      return names.map((name) =>
        folder === '' || folder === '/' ? folder + name : `${folder}/${name}`,
      )
    })
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

function foldersOf(paths: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const folders = new Map<string, Set<string>>()
  for (const path of paths) {
    for (let at = path; at !== dirname(at); at = dirname(at)) {
      const folder = dirname(at)
      folders.getOrInsertComputed(folder, () => new Set()).add(at.slice(at.lastIndexOf('/') + 1))
    }
  }
  return new Map([...folders].map(([folder, names]) => [folder, [...names]]))
}
