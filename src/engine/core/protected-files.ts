/**
 * Files that this process may not read by itself.
 *
 * A worker gives up root once it serves, and secret keys are root's alone. What a reload needs of them the
 * master reads: who compiles finds out which files those are, has them fetched, and compiles again.
 *
 * ```text
 *   compile ──▶ read: EACCES ──▶ noted ──▶ fetched ──▶ supplied ──▶ compile ──▶ forgotten
 * ```
 *
 * What a process may read is a matter of the process as a whole, so there is one such list in it.
 */
import { readFileSync } from 'node:fs'
import { fileIdentity } from './file-dependencies.ts'

const denied = new Set<string>()
const supplied = new Map<string, Supplied>()

interface Supplied {
  readonly bytes: Buffer
  /** The file as it was before it was fetched: another one has to be fetched again. */
  readonly identity: string
}

/** The file's text. Throws the error of the system, and notes a file that may not be read. */
export function readProtected(path: string): string {
  return readProtectedBytes(path).toString()
}

export function readProtectedBytes(path: string): Buffer {
  const known = supplied.get(path)
  if (known !== undefined && known.identity === fileIdentity(path)) return known.bytes
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') denied.add(path)
    throw error
  }
}

/** Reads files for a process that may not, their bytes as characters; what cannot be had is left out. */
export type FetchFiles = (paths: readonly string[]) => Promise<Readonly<Record<string, string>>>

/** A file may be asked for only when another was read: a key comes after its certificate. */
const fetchesMax = 8

/** Does the work again as long as that brings files it was denied. */
export async function withFetchedFiles<T>(
  fetch: FetchFiles | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (fetch === undefined) return work()
  try {
    for (let fetches = 0; fetches < fetchesMax; fetches++) {
      denied.clear()
      const [outcome] = await Promise.allSettled([work()])
      if (denied.size === 0 || !(await supply(fetch))) return unwrap(outcome)
    }
    return await work()
  } finally {
    // Secrets stay where they are needed and nowhere else.
    supplied.clear()
    denied.clear()
  }
}

/** False when nothing of what was denied can be had. */
async function supply(fetch: FetchFiles): Promise<boolean> {
  const identities = new Map([...denied].map((path) => [path, fileIdentity(path)]))
  const texts = Object.entries(await fetch([...denied]))
  for (const [path, text] of texts) {
    supplied.set(path, {
      bytes: Buffer.from(text, 'latin1'),
      identity: identities.get(path) ?? '',
    })
  }
  return texts.length > 0
}

function unwrap<T>(outcome: PromiseSettledResult<T>): T {
  if (outcome.status === 'fulfilled') return outcome.value
  throw outcome.reason
}
