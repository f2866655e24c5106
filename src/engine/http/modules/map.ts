/** `map`: a variable whose value depends on another's. */
import { defineMap, mapBlockRow } from '../../modules/map.ts'
import { count } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'

export interface HttpMapConf {
  readonly map_hash_bucket_size: number
  readonly map_hash_max_size: number
}

export const httpMap: HttpModule<HttpMapConf> = defineHttpModule<HttpMapConf>({
  id: 'http.map',
  blocks: { map: mapBlockRow('http') },
  directives: {
    map_hash_bucket_size: {
      contexts: ['http'],
      args: [1, 1],
      syntax: 'map_hash_bucket_size size',
      value: count,
      default: 64,
      doc: 'Accepted: tables of maps size themselves.',
    },
    map_hash_max_size: {
      contexts: ['http'],
      args: [1, 1],
      syntax: 'map_hash_max_size size',
      value: count,
      default: 2048,
      doc: 'Accepted: tables of maps size themselves.',
    },
  },
  variableBlocks: { map: defineMap },
})
