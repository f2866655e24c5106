/** How this program starts itself again: as a worker, as a copilot's host, as a master. */
import { enableCompileCache } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { packageFolder } from './place.ts'

/** `.ts` in a checkout, `.js` in a published package. */
const extension = extname(import.meta.filename)

/** Absolute path of an entry file of this folder. */
export function entryPath(name: string): string {
  return join(dirname(import.meta.filename), `${name}${extension}`)
}

/** Absolute path of a built-in copilot. */
export function copilotPath(name: string): string {
  return join(dirname(import.meta.filename), '..', 'copilots', `${name}${extension}`)
}

const flags = ['--disable-warning=ExperimentalWarning']

/** The larger young generation halves the tail of latency under load. */
export const workerFlags: readonly string[] = [...flags, '--max-semi-space-size=32']
export const copilotFlags: readonly string[] = flags

/**
 * Remembers what was compiled, for this process and those it starts: a worker begins in half the time and
 * holds a quarter less memory. The folder is the program's own; where it cannot be written, nothing is lost.
 */
export function useCompileCache(): void {
  const folder = join(packageFolder, 'node_modules/.cache/trijet')
  process.env['NODE_COMPILE_CACHE'] ??= folder
  enableCompileCache(process.env['NODE_COMPILE_CACHE'])
}
