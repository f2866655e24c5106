/** `return code [text]`, `return code URL`, `return URL`. */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber } from '../../conf/units.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueEnv } from '../../core/module.ts'
import { contentTypeOf } from '../mime-types.ts'
import { outcomes } from '../module.ts'
import type { Request } from '../request.ts'
import { redirectStatuses } from '../status.ts'
import { isUrl } from './rewrite.ts'
import type { Step } from './script.ts'

const codeMax = 999

export function parseReturn([first = '', second]: readonly string[], env: ValueEnv): Step {
  const code = parseNumber(first)
  if (code === undefined) {
    if (second !== undefined || !isUrl(first)) throw new ConfError(`invalid return code "${first}"`)
    return toRedirect(302, env.complex(first))
  }
  if (code > codeMax) throw new ConfError(`invalid return code "${first}"`)
  const value = env.complex(second ?? '')
  // From 400 on a status without a text has its page; 444 closes the connection.
  if (value.constant === '' && code >= 400) return () => code
  return redirectStatuses.has(code) ? toRedirect(code, value) : toText(code, value)
}

function toRedirect(code: number, target: ComplexValue): Step {
  return (request) => {
    request.response.location = target.evaluate(request)
    return code
  }
}

function toText(code: number, text: ComplexValue): Step {
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
