/**
 * `return` and `set`, run in the order in which they stand, in a server before its locations and in a
 * location before everything else.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber } from '../../conf/units.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { Directive } from '../../conf/tree.ts'
import type { ValueEnv, ValueType } from '../../core/module.ts'
import { storedVariable } from '../../modules/captures.ts'
import { concat } from '../../modules/value-types.ts'
import { contentTypeOf } from '../mime-types.ts'
import {
  defineHttpModule,
  type Handler,
  type HttpEnv,
  type HttpModule,
  outcomes,
} from '../module.ts'
import type { Request } from '../request.ts'

/** One directive of the sequence, with the node that gives its place. */
interface Instruction {
  readonly node: Directive
  readonly run: Handler
}

export interface HttpRewriteConf {
  readonly return: readonly Instruction[]
  readonly set: readonly Instruction[]
}

const contexts = ['http.server', 'http.location'] as const

export const httpRewrite: HttpModule<HttpRewriteConf> = defineHttpModule<HttpRewriteConf>({
  id: 'http.rewrite',
  directives: {
    return: {
      contexts,
      args: [1, 2],
      syntax: 'return code [text] | code URL | URL',
      value: instruction('code [text | URL]', parseReturn),
      default: [],
      merge: concat,
      inherited: false,
      doc: 'Ends the request with a status, a text or a redirect.',
    },
    set: {
      contexts,
      args: [2, 2],
      syntax: 'set $variable value',
      value: instruction('$variable value', parseSet),
      default: [],
      merge: concat,
      inherited: false,
      doc: 'Sets a value for a variable.',
    },
  },
  hooks: { serverRewrite: compose, rewrite: compose },
})

function instruction(
  describe: string,
  parse: (args: readonly string[], env: ValueEnv) => Handler,
): ValueType<readonly Instruction[]> {
  return { describe, parse: (args, env) => [{ node: env.node, run: parse(args, env) }] }
}

/** The instructions of a block as one handler. */
function compose(conf: HttpRewriteConf, { scope }: HttpEnv): Handler | undefined {
  const all = [...conf.return, ...conf.set]
  if (all.length === 0) return undefined
  const ordered = scope.settings.flatMap((node) => all.filter((one) => one.node === node))
  const [only] = ordered
  if (ordered.length === 1) return only!.run
  return (request) => {
    for (const { run } of ordered) {
      const outcome = run(request)
      if (outcome !== outcomes.next) return outcome
    }
    return outcomes.next
  }
}

function parseSet([variable = '', value = '']: readonly string[], env: ValueEnv): Handler {
  const text = env.complex(value)
  const { variables } = env
  if (variables === undefined) throw new ConfError('variables are not supported here')
  const slot = variables.declare(variable, storedVariable)
  return (request) => {
    const result = text.evaluate(request)
    const write = request.variables.at(slot)?.set
    if (write === undefined) request.store(slot, result)
    else write(request, result)
    return outcomes.next
  }
}

const codeMax = 999
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

function parseReturn([first = '', second]: readonly string[], env: ValueEnv): Handler {
  const code = parseNumber(first)
  if (code === undefined) {
    if (second !== undefined || !isUrl(first)) throw new ConfError(`invalid return code "${first}"`)
    return toRedirect(302, env.complex(first))
  }
  if (code > codeMax) throw new ConfError(`invalid return code "${first}"`)
  const value = env.complex(second ?? '')
  // From 400 on a status without a text has its page; 444 closes the connection.
  if (value.constant === '' && (code >= 400 || code < 200)) return () => code
  return redirects.has(code) ? toRedirect(code, value) : toText(code, value)
}

function isUrl(text: string): boolean {
  return /^(?:https?:\/\/|\$scheme)/.test(text)
}

function toRedirect(code: number, target: ComplexValue): Handler {
  return (request) => {
    request.response.location = target.evaluate(request)
    return code
  }
}

function toText(code: number, text: ComplexValue): Handler {
  return (request) => {
    sendText(request, code, text.evaluate(request))
    return outcomes.done
  }
}

function sendText(request: Request, code: number, text: string): void {
  const { response } = request
  response.status = code
  response.contentType = contentTypeOf(request)
  request.respond(text)
}
