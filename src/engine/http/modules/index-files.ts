/** `index`: files that stand for the folders they lie in. */
import { bySettings } from '../by-settings.ts'
import { type ComplexValue, constantValue } from '../../core/complex-value.ts'
import { complexValue, concat } from '../../modules/value-types.ts'
import { findIndex } from '../file-index.ts'
import { methods } from '../methods.ts'
import {
  defineHttpModule,
  type Handler,
  type HttpModule,
  type LocationEnv,
  outcomes,
} from '../module.ts'
import { openerOf } from './files.ts'

export interface HttpIndexConf {
  readonly index: readonly ComplexValue[]
}

export const httpIndex: HttpModule<HttpIndexConf> = defineHttpModule<HttpIndexConf>({
  id: 'http.index',
  directives: {
    index: {
      contexts: ['http', 'http.server', 'http.location'],
      args: [1, Infinity],
      syntax: 'index file ...',
      value: {
        describe: 'file ...',
        parse: (args, env) => args.map((text) => complexValue.parse([text], env)),
      },
      default: [constantValue('index.html')],
      merge: concat,
      doc: 'Sets files that stand for a folder.',
    },
  },
  hooks: {
    fallbackContent: bySettings(({ index }, env: LocationEnv): Handler => {
      const opener = openerOf(env)
      return (request) => {
        if (!request.uri.endsWith('/')) return outcomes.next
        const { method } = request
        const reads = method === methods.get || method === methods.head || method === methods.post
        return reads ? findIndex(request, index, opener) : outcomes.next
      }
    }, openerOf),
  },
})
