/**
 * What lies in a folder, for listing it. Names are bytes to the system: they are kept as Latin-1 text, one
 * character for one byte, so that none is lost.
 */
import { lstat, readdir, stat } from 'node:fs/promises'

export interface FolderEntry {
  /** One character for each byte. */
  readonly name: string
  readonly kind: 'directory' | 'file' | 'other'
  readonly size: number
  readonly modifiedMs: number
}

/** Files looked at at the same time: they are looked at by other threads, and there are few of those. */
const looksAtOnceMax = 16

/** Entries whose names do not begin with a dot; folders first, then by the bytes of the names. */
export async function listFolder(path: string): Promise<readonly FolderEntry[]> {
  const names = (await readdir(path, { encoding: 'buffer' }))
    .map((name) => name.toString('latin1'))
    .filter((name) => !name.startsWith('.'))
  const entries: FolderEntry[] = []
  for (let at = 0; at < names.length; at += looksAtOnceMax) {
    const some = names.slice(at, at + looksAtOnceMax).map((name) => lookAt(path, name))
    for (const entry of await Promise.all(some)) if (entry !== undefined) entries.push(entry)
  }
  return entries.sort(compareEntries)
}

/** Names of the regular files in a folder. */
export async function listFiles(path: string): Promise<readonly string[]> {
  const entries = await listFolder(path)
  return entries.filter(({ kind }) => kind === 'file').map(({ name }) => name)
}

/** Nothing for what went while the folder was read, or is not for us to see. */
async function lookAt(folder: string, name: string): Promise<FolderEntry | undefined> {
  const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')])
  try {
    // A link that leads nowhere is shown as itself.
    const stats = await stat(path).catch(() => lstat(path))
    const kind = stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'other'
    return { name, kind, size: stats.size, modifiedMs: Math.floor(stats.mtimeMs) }
  } catch {
    return undefined
  }
}

function compareEntries(a: FolderEntry, b: FolderEntry): number {
  const folders = Number(b.kind === 'directory') - Number(a.kind === 'directory')
  if (folders !== 0) return folders
  if (a.name === b.name) return 0
  return a.name < b.name ? -1 : 1
}
