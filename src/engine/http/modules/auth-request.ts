/** `auth_request`: another location says whether a request is let in. */
import type { ComplexValue } from '../../core/complex-value.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import type { ValueType } from '../../core/module.ts'
import { storedVariable } from '../../modules/captures.ts'
import { concat } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import type { Request } from '../request.ts'
import { startSubrequest } from '../subrequest.ts'

/** `auth_request_set $variable value`, the value read of what the other location has answered. */
interface Assignment {
  readonly slot: number
  readonly value: ComplexValue
}

export interface HttpAuthRequestConf {
  /** Empty for `off`. */
  readonly auth_request: string
  readonly auth_request_set: readonly Assignment[]
}

const contexts = ['http', 'http.server', 'http.location'] as const

const target: ValueType<string> = {
  describe: 'uri | off',
  parse: ([uri = '']) => (uri === 'off' ? '' : uri),
}

const assignment: ValueType<readonly Assignment[]> = {
  describe: '$variable value',
  parse: ([variable = '', value = ''], env) => {
    const { variables } = env
    if (variables === undefined) throw new ConfError('variables are not supported here')
    return [{ slot: variables.declare(variable, storedVariable), value: env.complex(value) }]
  },
}

export const httpAuthRequest: HttpModule<HttpAuthRequestConf> =
  defineHttpModule<HttpAuthRequestConf>({
    id: 'http.auth_request',
    directives: {
      auth_request: {
        contexts,
        args: [1, 1],
        syntax: 'auth_request uri | off',
        value: target,
        default: '',
        doc: 'Lets requests in for which another location answers with a status of success.',
      },
      auth_request_set: {
        contexts,
        args: [2, 2],
        syntax: 'auth_request_set $variable value',
        value: assignment,
        default: [],
        merge: concat,
        doc: 'Sets a variable to a value of what the other location has answered.',
      },
    },
    idle: true,
    hooks: {
      access: ({ auth_request: uri, auth_request_set: assignments }) =>
        uri === '' ? undefined : (request) => ask(request, uri, assignments),
    },
  })

function ask(request: Request, uri: string, assignments: readonly Assignment[]): number {
  let waits = false
  let outcome: number = outcomes.done
  const started = startSubrequest(request, {
    uri,
    args: '',
    onDone: (answer) => {
      assign(request, answer, assignments)
      outcome = judge(request, answer)
      if (waits) request.resume(outcome)
    },
  })
  waits = true
  return started === undefined ? 500 : outcome
}

function assign(request: Request, answer: Request, assignments: readonly Assignment[]): void {
  for (const { slot, value } of assignments) {
    const text = value.evaluate(answer)
    const write = request.variables.at(slot)?.set
    if (write === undefined) request.store(slot, text)
    else write(request, text)
  }
}

function judge(request: Request, { response }: Request): number {
  const status = response.headSent ? response.status : 0
  if (status === 401) {
    request.response.challenge = response.get('www-authenticate')
    return 401
  }
  if (status === 403) return 403
  if (status >= 200 && status < 300) return outcomes.allowed
  request.logError(`auth request unexpected status: ${status}`)
  return 500
}
