/** `add_before_body`, `add_after_body`: responses of other locations around a body. */
import { text } from '../../modules/value-types.ts'
import { AdditionFilter } from '../addition-filter.ts'
import { type MimeSet, mimeSet, usualMimeSet } from '../mime-set.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'

export interface HttpAdditionConf {
  readonly add_before_body: string
  readonly add_after_body: string
  readonly addition_types: MimeSet
}

const everywhere = ['http', 'http.server', 'http.location'] as const

export const httpAddition: HttpModule<HttpAdditionConf> = defineHttpModule<HttpAdditionConf>({
  id: 'http.addition',
  idle: true,
  directives: {
    add_before_body: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'add_before_body uri',
      value: text,
      default: '',
      doc: 'Puts the response of a location before the body; "" for none.',
    },
    add_after_body: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'add_after_body uri',
      value: text,
      default: '',
      doc: 'Puts the response of a location behind the body; "" for none.',
    },
    addition_types: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'addition_types mime-type ...',
      value: mimeSet,
      default: usualMimeSet,
      doc: 'Sets to which types, besides text/html, something is added; "*" for all.',
    },
  },
  hooks: {
    headerFilter: ({ add_before_body: before, add_after_body: after, addition_types: types }) => {
      if (before === '' && after === '') return undefined
      return (request) => {
        const { response } = request
        if (response.status !== 200 || request.parent !== undefined) return
        if (!types.has(response.contentType)) return
        response.changeBody()
        if (!response.headOnly) request.filterBody(new AdditionFilter(request, before, after))
      }
    },
  },
})
