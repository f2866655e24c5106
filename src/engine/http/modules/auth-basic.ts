/**
 * `auth_basic`, `auth_basic_user_file`, `auth_basic_kv`: name and password, asked for by the client's own
 * dialogue (RFC 7617).
 */
import type { CompileSession } from '../../core/compile-session.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueType } from '../../core/module.ts'
import type { Scope } from '../../core/scope.ts'
import { complexValue, text } from '../../modules/value-types.ts'
import { credentialsOf } from '../auth/credentials.ts'
import { type Verdict, verifyPassword } from '../auth/password.ts'
import { type UserSource, usersOfFile, usersOfKeyValues } from '../auth/user-source.ts'
import { defineHttpModule, type HttpModule, type LocationEnv, outcomes } from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpAuthBasicConf {
  /** Text of the dialogue; `off` asks nobody. */
  readonly auth_basic: ComplexValue | undefined
  readonly auth_basic_user_file: ComplexValue | undefined
  /** Start of the keys behind which hashes of passwords are. */
  readonly auth_basic_kv: string | undefined
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
    auth_basic_kv: {
      contexts,
      args: [1, 1],
      syntax: 'auth_basic_kv prefix',
      value: text,
      default: undefined,
      doc: 'Takes users from the key/value store: their hashes stand at auth_basic:prefix:user. Needs dyn_kv_conf.',
    },
  },
  check: checkSources,
  idle: true,
  hooks: {
    access: (conf, env) => {
      const { auth_basic: realmText } = conf
      const source = sourceOf(conf, env)
      if (realmText === undefined || source === undefined) return undefined
      if (realmText.constant === 'off') return undefined
      return (request) => {
        const realm = realmText.evaluate(request)
        return realm === 'off' ? outcomes.next : admit(request, realm, source)
      }
    },
  },
})

/** Where the users are: what the innermost block says that says anything. */
function sourceOf(
  { auth_basic_user_file: file, auth_basic_kv: prefix }: HttpAuthBasicConf,
  { scope, session, services }: LocationEnv,
): UserSource | undefined {
  if (prefix !== undefined && (file === undefined || namedLast(scope) === 'auth_basic_kv')) {
    return usersOfKeyValues(services.keyValues, prefix)
  }
  return file && usersOfFile((request) => pathOf(file.evaluate(request), session))
}

function namedLast(scope: Scope): string | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    const found = at.settings.findLast(({ name }) => sources.has(name))
    if (found !== undefined) return found.name
  }
  return undefined
}

const sources: ReadonlySet<string> = new Set(['auth_basic_user_file', 'auth_basic_kv'])

/** One block says one source, and key values are read where the engine was told to. */
function checkSources(scope: Scope, session: CompileSession): void {
  const [own] = scope.own('auth_basic_kv')
  if (own === undefined) return
  if (scope.own('auth_basic_user_file').length > 0) {
    session.fail('"auth_basic_kv" and "auth_basic_user_file" are both set', own)
  }
  let http = scope
  while (http.context !== 'http') http = http.parent!
  const followed = http.own('dyn_kv_conf').some(({ args }) => args[0] !== 'off')
  // Without the directive whoever runs the engine brings the values.
  if (!followed && session.table.find('http', 'dyn_kv_conf') !== undefined) {
    session.fail('"auth_basic_kv" needs "dyn_kv_conf" in the http block', own)
  }
}

/** As it stands where it is absolute: a slash at its end makes another path of it. */
function pathOf(file: string, session: CompileSession): string {
  return file.startsWith('/') ? file : session.confPath(file)
}

function admit(request: Request, realm: string, source: UserSource): number {
  const credentials = credentialsOf(request)
  if (credentials === undefined) {
    request.logError('no user/password was provided for basic authentication', 'info')
    return ask(request, realm)
  }
  const { user, password } = credentials
  const stored = source(request, user)
  if (typeof stored === 'number') return stored
  if (stored === undefined) return ask(request, realm)
  const { generation } = request
  const verdict = verifyPassword(password, stored, (late) => {
    if (request.generation === generation) request.resume(outcomeOf(request, user, realm, late))
  })
  return verdict === undefined ? outcomes.done : outcomeOf(request, user, realm, verdict)
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
