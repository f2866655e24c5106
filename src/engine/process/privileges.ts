/** What a worker changes about itself before it serves: limits, priority, folder, user. */
import { setPriority } from 'node:os'
import { requireSystem } from '../net/ffi/libc.ts'
import { errnoText, systemError } from '../net/errors.ts'
import type { Log } from '../core/log.ts'
import type { Settings } from './settings.ts'

/** RLIMIT_NOFILE of Linux. */
const openFiles = 7

/** As nginx: what cannot be set is said and done without. */
export function applyLimits(settings: Settings, log: Log): void {
  const {
    worker_rlimit_nofile: files,
    worker_priority: priority,
    working_directory: folder,
  } = settings
  if (files !== undefined) {
    attempt(log, `setrlimit(RLIMIT_NOFILE, ${files})`, () => setOpenFilesMax(files))
  }
  if (priority !== 0) {
    attempt(log, `setpriority(${priority})`, () => setPriority(Math.min(priority, 19)))
  }
  if (folder !== undefined) attempt(log, `chdir("${folder}")`, () => process.chdir(folder))
}

/** Gives up root for good. What was opened before stays open. Throws where that is not possible. */
export function becomeUser({ user }: Pick<Settings, 'user'>): void {
  if (user === undefined || process.getuid!() !== 0 || user.uid === 0) return
  const { initgroups } = process as typeof process & {
    readonly initgroups: (user: string, group: number) => void
  }
  initgroups(user.name, user.gid)
  process.setgid!(user.gid)
  process.setuid!(user.uid)
}

function setOpenFilesMax(count: number): void {
  const { koffi, errno } = requireSystem()
  const setrlimit = koffi.load(null).func('int setrlimit(int, const void *)')
  const limits = new BigUint64Array([BigInt(count), BigInt(count)])
  if (setrlimit(openFiles, limits) < 0) throw systemError('setrlimit', errno())
}

function attempt(log: Log, what: string, change: () => void): void {
  try {
    change()
  } catch (error) {
    log.write('alert', `${what} failed (${errnoText(error as NodeJS.ErrnoException)})`)
  }
}
