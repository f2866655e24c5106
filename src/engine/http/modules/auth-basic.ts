/** `auth_basic`, `auth_basic_user_file`: name and password, asked for by the client's own dialogue (RFC 7617). */
import type { CompileSession } from '../../core/compile-session.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueType } from '../../core/module.ts'
import { complexValue } from '../../modules/value-types.ts'
import { errnoText } from '../../net/errors.ts'
import { credentialsOf } from '../auth/credentials.ts'
import { type Verdict, verifyPassword } from '../auth/password.ts'
import { readUsers, type Users } from '../auth/user-file.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpAuthBasicConf {
  /** Text of the dialogue; `off` asks nobody. */
  readonly auth_basic: ComplexValue | undefined
  readonly auth_basic_user_file: ComplexValue | undefined
}

const contexts = ['http', 'http.server', 'http.location', 'http.limit_except'] as const

/** A path of the configuration's folder, or one that begins with a variable. */
const userFile: ValueType<ComplexValue> = {
  describe: 'file',
  parse: ([file = ''], env) => env.complex(file.startsWith('$') ? file : env.confPath(file)),
}

export const httpAuthBasic: HttpModule<HttpAuthBasicConf> = defineHttpModule<HttpAuthBasicConf>({
  id: 'http.auth_basic',
  directives: {
    auth_basic: {
      contexts,
      args: [1, 1],
      syntax: 'auth_basic string | off',
      value: complexValue,
      default: undefined,
      doc: 'Asks for a name and a password; the string is what the client shows with it.',
    },
    auth_basic_user_file: {
      contexts,
      args: [1, 1],
      syntax: 'auth_basic_user_file file',
      value: userFile,
      default: undefined,
      doc: 'Sets the file of names and hashes of passwords.',
    },
  },
  idle: true,
  hooks: {
    access: ({ auth_basic: text, auth_basic_user_file: file }, { session }) => {
      if (text === undefined || file === undefined || text.constant === 'off') return undefined
      return (request) => {
        const realm = text.evaluate(request)
        if (realm === 'off') return outcomes.next
        return admit(request, realm, pathOf(file.evaluate(request), session))
      }
    },
  },
})

/** As it stands where it is absolute: a slash at its end makes another path of it. */
function pathOf(file: string, session: CompileSession): string {
  return file.startsWith('/') ? file : session.confPath(file)
}

function admit(request: Request, realm: string, path: string): number {
  const credentials = credentialsOf(request)
  if (credentials === undefined) {
    request.logError('no user/password was provided for basic authentication', 'info')
    return ask(request, realm)
  }
  const users = usersOf(request, path)
  if (typeof users === 'number') return users
  const { user, password } = credentials
  const stored = users.get(user)
  if (stored === undefined) {
    request.logError(`user "${user}" was not found in "${path}"`)
    return ask(request, realm)
  }
  const { generation } = request
  const verdict = verifyPassword(password, stored, (late) => {
    if (request.generation === generation) request.resume(outcomeOf(request, user, realm, late))
  })
  return verdict === undefined ? outcomes.done : outcomeOf(request, user, realm, verdict)
}

/** The users, or the status that there is without them. */
function usersOf(request: Request, path: string): Users | number {
  try {
    return readUsers(path)
  } catch (error) {
    const cause = error as NodeJS.ErrnoException
    const missing = cause.code === 'ENOENT'
    const call = cause.syscall === 'read' ? 'pread' : 'open'
    const message = `${call}() "${path}" failed (${errnoText(cause)})`
    request.logError(message, missing ? 'error' : 'crit')
    return missing ? 403 : 500
  }
}

function outcomeOf(request: Request, user: string, realm: string, verdict: Verdict): number {
  if (verdict === 'match') return outcomes.allowed
  if (verdict === 'failed') {
    request.logError('crypt_r() failed', 'crit')
    return 500
  }
  request.logError(`user "${user}": password mismatch`)
  return ask(request, realm)
}

function ask(request: Request, realm: string): number {
  request.response.challenge = `Basic realm="${realm}"`
  return 401
}
