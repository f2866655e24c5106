/** `geo`: a variable whose value depends on the client's address. */
import { defineGeo, geoBlockRow } from '../../modules/geo.ts'
import { defineStreamModule, type NoConf, type StreamModule } from '../module.ts'

export const streamGeo: StreamModule<NoConf> = defineStreamModule<NoConf>({
  id: 'stream.geo',
  blocks: { geo: geoBlockRow('stream') },
  directives: {},
  variableBlocks: {
    geo: (node, env) => defineGeo(node, env, { addressVariable: '$remote_addr' }),
  },
})
