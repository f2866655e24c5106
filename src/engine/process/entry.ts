/** How this program starts itself again: as a worker, as a copilot's host, as a master. */
import { dirname, extname, join } from 'node:path'

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

/** SIGUSR1 means "open the logs again" here; Node would open a debugger's port. */
const flags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']

/** The larger young generation halves the tail of latency under load. */
export const workerFlags: readonly string[] = [...flags, '--max-semi-space-size=32']
export const copilotFlags: readonly string[] = flags
