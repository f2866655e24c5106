/** Log files for workers that gave up root: made by the master, owned by their user. */
import { chownSync, closeSync, openSync } from 'node:fs'
import type { Log } from '../core/log.ts'
import { errnoText } from '../net/errors.ts'
import type { Settings } from './settings.ts'

/** Makes the files that were moved away, so that their writers can open them again. */
export function giveLogFiles(paths: Iterable<string>, { user }: Settings, log: Log): void {
  if (user === undefined || process.getuid!() !== 0) return
  for (const path of paths) {
    try {
      closeSync(openSync(path, 'a', 0o644))
      chownSync(path, user.uid, -1)
    } catch (error) {
      const reason = errnoText(error as NodeJS.ErrnoException)
      log.write('emerg', `chown("${path}", ${user.uid}) failed (${reason})`)
    }
  }
}
