/**
 * Files that the master reads for workers, which have given up root: secret keys, for the most part.
 *
 * Only what the configuration names is given away; a worker that has fallen into wrong hands gets nothing
 * but what it was given at its start.
 */
import { readFile, stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { processLimits } from './limits.ts'

export interface Naming {
  /** Folder from which relative names start. */
  readonly confPrefix: string
  /** Texts of the configuration. */
  readonly texts: Iterable<string>
}

/** Bytes of the files, one a character, by path; those that are not named or cannot be read are left out. */
export async function readNamedFiles(
  paths: readonly string[],
  naming: Naming,
): Promise<Readonly<Record<string, string>>> {
  const named = namedPaths(paths, naming)
  const read = await Promise.all([...named].map(async (path) => [path, await readSmall(path)]))
  return Object.fromEntries(read.filter(([, text]) => text !== undefined)) as Record<string, string>
}

/** Those of the paths that stand in a text, absolute or relative. */
function namedPaths(paths: readonly string[], { confPrefix, texts }: Naming): ReadonlySet<string> {
  const spellings = new Map(
    paths.flatMap((path) => [path, relative(confPrefix, path)].map((name) => [name, path])),
  )
  const named = new Set<string>()
  for (const text of texts) {
    for (const [word] of text.matchAll(/[^\s;"'\\{}]+/g)) {
      const path = spellings.get(word)
      if (path !== undefined) named.add(path)
    }
  }
  return named
}

async function readSmall(path: string): Promise<string | undefined> {
  try {
    const stats = await stat(path)
    if (!stats.isFile() || stats.size > processLimits.protectedFileBytesMax) return undefined
    // Any bytes at all: keys of tickets are no text.
    return await readFile(path, 'latin1')
  } catch {
    return undefined
  }
}
