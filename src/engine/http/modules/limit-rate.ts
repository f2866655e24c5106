/** `limit_rate`, `limit_rate_after`: how fast a client is sent a response. */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseSize } from '../../conf/units.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueType } from '../../core/module.ts'
import { defineHttpModule, type HeaderFilter, type HttpModule } from '../module.ts'
import { RateFilter } from '../rate-filter.ts'
import type { Request } from '../request.ts'

export interface HttpLimitRateConf {
  readonly limit_rate: ComplexValue | undefined
  readonly limit_rate_after: ComplexValue | undefined
}

const contexts = ['http', 'http.server', 'http.location', 'http.location.if'] as const

const sizeWithVariables: ValueType<ComplexValue> = {
  describe: 'size with variables',
  parse: ([text = ''], env) => {
    const value = env.complex(text)
    if (value.constant !== undefined && parseSize(value.constant) === undefined) {
      throw new ConfError(`"${env.node.name}" directive invalid value`)
    }
    return value
  },
}

export const httpLimitRate: HttpModule<HttpLimitRateConf> = defineHttpModule<HttpLimitRateConf>({
  id: 'http.limit_rate',
  directives: {
    limit_rate: {
      contexts,
      args: [1, 1],
      syntax: 'limit_rate rate',
      value: sizeWithVariables,
      default: undefined,
      doc: 'Limits the bytes a second that a response is sent with; 0 for no limit.',
    },
    limit_rate_after: {
      contexts,
      args: [1, 1],
      syntax: 'limit_rate_after size',
      value: sizeWithVariables,
      default: undefined,
      doc: 'Sets how many bytes of a response are sent before its rate is limited.',
    },
  },
  variables: {
    limit_rate: {
      get: (request: Request) => String(rateOf(request)),
      set: (request: Request, text) => {
        request.limitRate = parseSize(text) ?? request.limitRate
      },
      volatile: true,
      changeable: true,
      doc: 'Bytes a second that the response is limited to.',
    },
  },
  hooks: {
    headerFilter: ({ limit_rate: rate }) => {
      const never = rate === undefined || rate.constant === '0'
      return never ? limitWhereSet : limit
    },
  },
})

function rateOf(request: Request): number {
  if (request.limitRate >= 0) return request.limitRate
  return sizeOf(request, request.location.scope.conf(httpLimitRate).limit_rate)
}

/** What a variable gives may be no size; it limits nothing then. */
function sizeOf(request: Request, value: ComplexValue | undefined): number {
  return value === undefined ? 0 : (parseSize(value.evaluate(request)) ?? 0)
}

/** No directive limits here, but the request may carry a rate: `set $limit_rate`, `X-Accel-Limit-Rate`. */
const limitWhereSet: HeaderFilter = (request) => {
  if (request.limitRate > 0) limit(request)
}

const limit: HeaderFilter = (request) => {
  const rate = rateOf(request)
  if (rate === 0 || request.parent !== undefined) return
  const { limit_rate_after: after } = request.location.scope.conf(httpLimitRate)
  request.filterBody(new RateFilter(request, rate, sizeOf(request, after)))
}
