/** `add_more_header`: a field with several values, a line for each, beside those of `add_header`. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ValueType } from '../../core/module.ts'
import { concat } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import { type AddedField, addingFilter } from './headers.ts'

export interface HttpMoreHeadersConf {
  readonly add_more_header: readonly AddedField[]
}

const moreFields: ValueType<readonly AddedField[]> = {
  describe: 'name value ... [always]',
  parse: ([name = '', ...values], env) => {
    if (name === '') throw new ConfError('"add_more_header" without a name')
    const always = values.length > 1 && values.at(-1) === 'always'
    const texts = always ? values.slice(0, -1) : values
    return texts.map((text) => ({ name, value: env.complex(text), always }))
  },
}

export const httpMoreHeaders: HttpModule<HttpMoreHeadersConf> =
  defineHttpModule<HttpMoreHeadersConf>({
    id: 'http.more_headers',
    directives: {
      add_more_header: {
        contexts: ['http', 'http.server', 'http.location', 'http.location.if'],
        args: [2, Infinity],
        syntax: 'add_more_header name value ... [always]',
        secret: 'field',
        value: moreFields,
        default: [],
        merge: concat,
        doc: 'Adds a field to responses, a line for each value; those of add_header stay.',
      },
    },
    idle: true,
    hooks: { headerFilter: ({ add_more_header: fields }) => addingFilter(fields) },
  })
