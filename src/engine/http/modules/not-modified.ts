/** Conditional requests: what the client has already is not sent again. */
import { bySettings } from '../by-settings.ts'
import { oneOf } from '../../modules/value-types.ts'
import { checkConditions, type ModifiedRule } from '../conditions.ts'
import { methods } from '../methods.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpNotModifiedConf {
  readonly if_modified_since: ModifiedRule
}

export const httpNotModified: HttpModule<HttpNotModifiedConf> =
  defineHttpModule<HttpNotModifiedConf>({
    id: 'http.not_modified',
    directives: {
      if_modified_since: {
        contexts: ['http', 'http.server', 'http.location'],
        args: [1, 1],
        syntax: 'if_modified_since off | exact | before',
        value: oneOf('off', 'exact', 'before'),
        default: 'exact',
        doc: 'Sets how the time of a response is compared with "If-Modified-Since".',
      },
    },
    hooks: {
      headerFilter: bySettings(({ if_modified_since: rule }) => (request) => {
        const { response, parent, method } = request
        // What another server answers it has judged itself, and who changes something has before.
        const isLook = method === methods.get || method === methods.head
        const ours = response.forwarded === undefined && parent === undefined && isLook
        if (ours && response.status === 200) judge(request, rule)
      }),
    },
  })

function judge(request: Request, rule: ModifiedRule): void {
  const verdict = checkConditions(request, rule)
  if (verdict === 412) request.response.refusal = 412
  else if (verdict === 304) toNotModified(request)
}

/** RFC 9110 §15.4.5: the validators are sent with it, the rest of what describes the body is not. */
function toNotModified({ response }: Request): void {
  response.status = 304
  response.headOnly = true
  response.contentType = undefined
  response.contentLength = -1
  response.allowRanges = false
  response.remove('content-encoding')
}
