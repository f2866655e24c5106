/** `sub_filter`: puts texts in the place of others in responses. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ValueType } from '../../core/module.ts'
import { concat, flag } from '../../modules/value-types.ts'
import { type MimeSet, mimeSet, usualMimeSet } from '../mime-set.ts'
import { defineHttpModule, type HeaderFilter, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'
import { SubFilter, type Substitution } from '../sub/sub-filter.ts'

export interface HttpSubConf {
  readonly sub_filter: readonly Substitution[]
  readonly sub_filter_types: MimeSet
  readonly sub_filter_once: boolean
  readonly sub_filter_last_modified: boolean
}

const everywhere = ['http', 'http.server', 'http.location'] as const

const substitution: ValueType<readonly Substitution[]> = {
  describe: 'string replacement',
  parse: ([text = '', replacement = ''], env) => {
    if (text === '') throw new ConfError('empty search pattern')
    return [{ text: env.complex(text), replacement: env.complex(replacement) }]
  },
}

export const httpSub: HttpModule<HttpSubConf> = defineHttpModule<HttpSubConf>({
  id: 'http.sub',
  idle: true,
  directives: {
    sub_filter: {
      contexts: everywhere,
      args: [2, 2],
      syntax: 'sub_filter string replacement',
      value: substitution,
      default: [],
      merge: concat,
      doc: 'Puts a text in the place of another, which is found in any case.',
    },
    sub_filter_types: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'sub_filter_types mime-type ...',
      value: mimeSet,
      default: usualMimeSet,
      doc: 'Sets in which types, besides text/html, texts are replaced; "*" for all.',
    },
    sub_filter_once: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'sub_filter_once on | off',
      value: flag,
      default: true,
      doc: 'Replaces each text once, or wherever it stands.',
    },
    sub_filter_last_modified: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'sub_filter_last_modified on | off',
      value: flag,
      default: false,
      doc: 'Keeps "Last-Modified" of responses in which texts are replaced.',
    },
  },
  hooks: { headerFilter: composeFilter },
})

function composeFilter(conf: HttpSubConf): HeaderFilter | undefined {
  const { sub_filter: all, sub_filter_types: types, sub_filter_once: once } = conf
  if (all.length === 0) return undefined
  const constant = all.every(({ text }) => text.constant !== undefined)
  return (request) => {
    const { response } = request
    if (response.contentLength === 0 || !types.has(response.contentType)) return
    const wanted = constant ? all : all.filter(({ text }) => text.evaluate(request) !== '')
    if (wanted.length === 0) return
    if (request.parent === undefined) describe(request, conf)
    if (!response.headOnly) request.filterBody(new SubFilter(request, wanted, once))
  }
}

/** The body is another one now, and nobody knows since when. */
function describe({ response }: Request, conf: HttpSubConf): void {
  response.changeBody()
  if (conf.sub_filter_last_modified) return
  response.lastModified = -1
  response.etag = undefined
}
