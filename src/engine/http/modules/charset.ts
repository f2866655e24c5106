/** `charset`: names the character set in `Content-Type` of texts. */
import { defineHttpModule, type HttpModule } from '../module.ts'
import { text } from '../../modules/value-types.ts'

export interface HttpCharsetConf {
  readonly charset: string
  readonly charset_types: readonly string[]
}

const everywhere = ['http', 'http.server', 'http.location'] as const

const usualTypes = [
  'text/html',
  'text/xml',
  'text/plain',
  'text/vnd.wap.wml',
  'application/javascript',
  'application/rss+xml',
]

export const httpCharset: HttpModule<HttpCharsetConf> = defineHttpModule<HttpCharsetConf>({
  id: 'http.charset',
  idle: true,
  directives: {
    charset: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'charset charset | off',
      value: text,
      default: 'off',
      doc: 'Adds a character set to the type of responses.',
    },
    charset_types: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'charset_types mime-type ...',
      value: { describe: 'mime-type ...', parse: (args) => ['text/html', ...args] },
      default: usualTypes,
      doc: 'Sets to which types it is added; "*" for all.',
    },
  },
  hooks: {
    headerFilter: ({ charset, charset_types: types }) => {
      if (charset === 'off') return undefined
      const all = types.includes('*')
      const set = new Set(types)
      return ({ response }) => {
        if (response.contentType === undefined || response.charset !== undefined) return
        if (all || set.has(response.contentType)) response.charset = charset
      }
    },
  },
})
