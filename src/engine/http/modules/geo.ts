/** `geo`: a variable whose value depends on the client's address. */
import { defineGeo, type ForwardedLookup, geoBlockRow } from '../../modules/geo.ts'
import { headerValues } from '../core-variables.ts'
import { forwardedAddress } from '../forwarded-address.ts'
import { defineHttpModule, type HttpModule, type NoConf } from '../module.ts'
import type { Request } from '../request.ts'

const forwarded: ForwardedLookup = (host, peer, trusted, recursive) => {
  const text = headerValues((host as Request).head, 'x_forwarded_for', ', ')
  return text === undefined ? undefined : forwardedAddress(peer, [text], trusted, recursive)
}

export const httpGeo: HttpModule<NoConf> = defineHttpModule<NoConf>({
  id: 'http.geo',
  blocks: { geo: geoBlockRow('http') },
  directives: {},
  variableBlocks: {
    geo: (node, env) => defineGeo(node, env, { addressVariable: '$remote_addr', forwarded }),
  },
})
