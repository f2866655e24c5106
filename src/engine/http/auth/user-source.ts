/** Where the users of basic authentication are: a file, or the key/value store. */
import { errnoText } from '../../net/errors.ts'
import type { Request } from '../request.ts'
import type { KeyValueReader } from '../services.ts'
import { readUsers } from './user-file.ts'

/** The stored hash of a user's password; `undefined`, and a line in the log, where there is no such user; or a status. */
export type UserSource = (request: Request, user: string) => string | number | undefined

export function usersOfFile(pathOf: (request: Request) => string): UserSource {
  return (request, user) => {
    const path = pathOf(request)
    try {
      return readUsers(path).get(user) ?? missing(request, user, path)
    } catch (error) {
      return unreadable(request, path, error as NodeJS.ErrnoException)
    }
  }
}

/** Keys are `auth_basic:PREFIX:USER`; no user's name holds a colon. */
export function usersOfKeyValues(keyValues: KeyValueReader, prefix: string): UserSource {
  const start = `auth_basic:${prefix}:`
  return (request, user) => keyValues.get(`${start}${user}`) ?? missing(request, user, `${start}*`)
}

function missing(request: Request, user: string, where: string): undefined {
  request.logError(`user "${user}" was not found in "${where}"`)
  return undefined
}

/** The status that there is without the users. */
function unreadable(request: Request, path: string, cause: NodeJS.ErrnoException): number {
  const absent = cause.code === 'ENOENT'
  const call = cause.syscall === 'read' ? 'pread' : 'open'
  const message = `${call}() "${path}" failed (${errnoText(cause)})`
  request.logError(message, absent ? 'error' : 'crit')
  return absent ? 403 : 500
}
