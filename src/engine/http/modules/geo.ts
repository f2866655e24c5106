/** `geo`: a variable whose value depends on the client's address. */
import { defineGeo, geoBlockRow } from '../../modules/geo.ts'
import { defineHttpModule, type NoConf, type HttpModule } from '../module.ts'

export const httpGeo: HttpModule<NoConf> = defineHttpModule<NoConf>({
  id: 'http.geo',
  blocks: { geo: geoBlockRow('http') },
  directives: {},
  variableBlocks: {
    geo: (node, env) => defineGeo(node, env, { addressVariable: '$remote_addr' }),
  },
})
