/** Picks the driver for files on this machine. */
import { createFileCalls } from './ffi/file-calls.ts'
import { loadSystem } from './ffi/libc.ts'
import type { FileSystem } from './file-system.ts'
import { NodeFiles } from './node/node-files.ts'

let shared: FileSystem | undefined

/** The files of this process. Calls are made one after the other, so one driver serves all. */
export function fileSystem(): FileSystem {
  shared ??= createFileSystem()
  return shared
}

/** `kind` is for tests and comparisons; otherwise it is the fastest that works here. */
export function createFileSystem(kind?: 'system' | 'node'): FileSystem {
  const system = kind === 'node' ? undefined : loadSystem()
  const calls = system && createFileCalls(system)
  return calls ?? new NodeFiles()
}
