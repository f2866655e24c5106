/** `set_real_ip_from`, `real_ip_header`: the client's address is taken from what a trusted proxy says. */
import { isAllowed, type AccessRule } from '../../modules/access-rules.ts'
import { trustedSource, trustedSources } from '../../modules/trusted-sources.ts'
import { concat, flag, text } from '../../modules/value-types.ts'
import type { Address } from '../../net/address.ts'
import { forwardedAddress } from '../forwarded-address.ts'
import { equalsLower } from '../header-names.ts'
import {
  defineHttpModule,
  type Handler,
  type HttpEnv,
  type HttpModule,
  outcomes,
} from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpRealipConf {
  readonly set_real_ip_from: readonly string[]
  readonly real_ip_header: string
  readonly real_ip_recursive: boolean
}

const contexts = ['http', 'http.server', 'http.location'] as const

export const httpRealip: HttpModule<HttpRealipConf> = defineHttpModule<HttpRealipConf>({
  id: 'http.realip',
  directives: {
    set_real_ip_from: {
      contexts,
      args: [1, 1],
      syntax: 'set_real_ip_from address | CIDR | unix:',
      value: trustedSource,
      default: [],
      merge: concat,
      doc: 'Names peers that are trusted to tell the address of the client.',
    },
    real_ip_header: {
      contexts,
      args: [1, 1],
      syntax: 'real_ip_header field | X-Real-IP | X-Forwarded-For | proxy_protocol',
      value: text,
      default: 'X-Real-IP',
      doc: 'Sets where the address of the client stands.',
    },
    real_ip_recursive: {
      contexts,
      args: [1, 1],
      syntax: 'real_ip_recursive on | off',
      value: flag,
      default: false,
      doc: 'Passes over addresses that are trusted themselves.',
    },
  },
  idle: true,
  hooks: { postRead: compose, preaccess: compose },
})

/** Who knows the address: the PROXY protocol, or a field by its name in lower case. */
type Source = 'proxy_protocol' | Buffer

function compose(conf: HttpRealipConf, { scope, session }: HttpEnv): Handler | undefined {
  const trusted = trustedSources(scope, session)
  if (trusted.length === 0) return undefined
  const name = conf.real_ip_header.toLowerCase()
  const source = name === 'proxy_protocol' ? name : Buffer.from(name, 'latin1')
  return (request) => {
    takeAddress(request, source, trusted, conf.real_ip_recursive)
    return outcomes.next
  }
}

/** Once a request: who was found is not asked again. */
function takeAddress(
  request: Request,
  source: Source,
  trusted: readonly AccessRule[],
  recursive: boolean,
): void {
  const { connection } = request
  if (request.remote !== connection.remote) return
  const found =
    source === 'proxy_protocol'
      ? proxiedAddress(request, trusted)
      : forwardedAddress(connection.remote, valuesOf(request, source), trusted, recursive)
  if (found !== undefined) request.remote = found
}

function proxiedAddress(
  { connection }: Request,
  trusted: readonly AccessRule[],
): Address | undefined {
  const source = connection.proxy?.source
  return source !== undefined && isAllowed(trusted, connection.remote) ? source : undefined
}

/** `X-Forwarded-For` may stand in several fields; of any other the first counts. */
function valuesOf({ head }: Request, name: Buffer): readonly string[] {
  const values: string[] = []
  const many = name.equals(forwardedFor)
  for (let field = 0; field < head.count; field++) {
    if (!equalsLower(head.bytes, head.nameStart(field), head.nameEnd(field), name)) continue
    values.push(head.text(head.valueStart(field), head.valueEnd(field)))
    if (!many) break
  }
  return values
}

const forwardedFor = Buffer.from('x-forwarded-for')
