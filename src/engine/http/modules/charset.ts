/** `charset`: names the character set of texts in `Content-Type`, and turns them into it where it is another. */
import type { BlockRow, Row } from '../../core/module.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import { constantValue } from '../../core/complex-value.ts'
import { complexValue, flag } from '../../modules/value-types.ts'
import { createCharsetFilter } from '../charset/charset-filter.ts'
import {
  charsetTableOf,
  charsetVariable,
  defineCharsetMap,
  missingMap,
} from '../charset/charset-map.ts'
import { MimeSet, mimeSet } from '../mime-set.ts'
import {
  defineHttpModule,
  type HeaderFilter,
  type HttpModule,
  type LocationEnv,
} from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpCharsetConf {
  readonly charset: ComplexValue
  readonly source_charset: ComplexValue
  readonly override_charset: boolean
  readonly charset_types: MimeSet
}

const everywhere = ['http', 'http.server', 'http.location'] as const
const inLocations = [...everywhere, 'http.location.if'] as const
const off = constantValue('off')

const usualTypes = new MimeSet([
  'text/html',
  'text/xml',
  'text/plain',
  'text/vnd.wap.wml',
  'application/javascript',
  'application/rss+xml',
])

function charsetRow(syntax: string, doc: string): Row<ComplexValue> {
  return { contexts: inLocations, args: [1, 1], syntax, value: complexValue, default: off, doc }
}

const charsetMapRow: BlockRow = {
  contexts: ['http'],
  args: [2, 2],
  syntax: 'charset_map charset1 charset2 { ... }',
  opens: 'free',
  repeated: true,
  doc: 'Says how the characters of one set become those of another.',
}

export const httpCharset: HttpModule<HttpCharsetConf> = defineHttpModule<HttpCharsetConf>({
  id: 'http.charset',
  idle: true,
  blocks: { charset_map: charsetMapRow },
  directives: {
    charset: charsetRow('charset charset | off', 'Sets the character set of responses.'),
    source_charset: charsetRow(
      'source_charset charset',
      'Sets the character set that texts are in; they are turned into that of "charset".',
    ),
    override_charset: {
      contexts: inLocations,
      args: [1, 1],
      syntax: 'override_charset on | off',
      value: flag,
      default: false,
      doc: 'Turns also responses that name their character set themselves.',
    },
    charset_types: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'charset_types mime-type ...',
      value: mimeSet,
      default: usualTypes,
      doc: 'Sets which types have a character set; "*" for all.',
    },
  },
  variableBlocks: { charset_map: defineCharsetMap },
  hooks: { headerFilter: composeFilter },
})

function composeFilter(conf: HttpCharsetConf, env: LocationEnv): HeaderFilter | undefined {
  const { charset, source_charset: source } = conf
  if (charset.constant === 'off') return undefined
  checkMap(conf, env)
  return (request) => {
    const { response } = request
    if (!isConcerned(request, conf)) return
    const to = charset.evaluate(request)
    if (to === '') return
    if (response.status === 301 || response.status === 302) {
      // Old browsers take it for that of the page they go to.
      response.charset = undefined
      return
    }
    const from = response.charset ?? (source.constant === 'off' ? to : source.evaluate(request))
    if (from.toLowerCase() === to.toLowerCase()) response.charset = to
    else convert(request, from, to)
  }
}

function isConcerned({ response }: Request, conf: HttpCharsetConf): boolean {
  if (response.contentType === undefined) return false
  return response.charset === undefined
    ? conf.charset_types.has(response.contentType)
    : conf.override_charset
}

/** What is known beforehand is refused beforehand. */
function checkMap({ charset, source_charset: source }: HttpCharsetConf, env: LocationEnv): void {
  const [from, to] = [source.constant, charset.constant]
  if (from === undefined || to === undefined || from === 'off') return
  if (from.toLowerCase() === to.toLowerCase()) return
  env.variables.use(charsetVariable(from, to), env.node, missingMap(from, to))
}

function convert(request: Request, from: string, to: string): void {
  const { response } = request
  const name = charsetVariable(from, to).slice(1)
  const table = charsetTableOf(request.variables.find(name))
  if (table === undefined) {
    request.logError(missingMap(from, to))
    return
  }
  response.charset = to
  if (table.kind !== 'bytes') response.contentLength = -1
  if (!response.headOnly) request.filterBody(createCharsetFilter(request, table))
}
