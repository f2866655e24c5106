/** `allow` and `deny`: which addresses may make requests. */
import { accessRules, accessSource, judge } from '../../modules/access-rules.ts'
import { concat } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import { httpCore } from './core.ts'

export interface HttpAccessConf {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

const row = {
  contexts: ['http', 'http.server', 'http.location', 'http.limit_except'],
  args: [1, 1],
  value: accessSource,
  default: [],
  merge: concat,
} as const

export const httpAccess: HttpModule<HttpAccessConf> = defineHttpModule<HttpAccessConf>({
  id: 'http.access',
  idle: true,
  directives: {
    allow: {
      ...row,
      syntax: 'allow address | CIDR | unix: | all',
      doc: 'Allows access from an address or network.',
    },
    deny: {
      ...row,
      syntax: 'deny address | CIDR | unix: | all',
      doc: 'Denies access from an address or network.',
    },
  },
  hooks: {
    access: (_conf, { scope, session }) => {
      const rules = accessRules(scope, session)
      if (rules.length === 0) return undefined
      const { satisfy } = scope.conf(httpCore)
      return (request) => {
        const verdict = judge(rules, request.remote)
        if (verdict !== false) return verdict === true ? outcomes.allowed : outcomes.next
        // With "any", another check may still let it in; who asks them all writes the line then.
        if (satisfy === 'all') request.logError('access forbidden by rule')
        return 403
      }
    },
  },
})
