/** `allow` and `deny`: which addresses may connect. */
import { accessRules, accessSource, isAllowed } from '../../modules/access-rules.ts'
import { concat } from '../../modules/value-types.ts'
import { defineStreamModule, type StreamModule } from '../module.ts'

export interface StreamAccessConf {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

const row = {
  contexts: ['stream', 'stream.server'],
  args: [1, 1],
  value: accessSource,
  default: [],
  merge: concat,
} as const

export const streamAccess: StreamModule<StreamAccessConf> = defineStreamModule<StreamAccessConf>({
  id: 'stream.access',
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
      return (client) => {
        if (isAllowed(rules, client.remote)) return 'declined'
        client.log('error', 'access forbidden by rule')
        return 403
      }
    },
  },
})
