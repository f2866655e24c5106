/** `zstd`: packs bodies, with the directives of the module that nginx's users know. */
import { ConfError } from '../../conf/diagnostics.ts'
import { numberArgument } from '../../conf/units.ts'
import type { ValueType } from '../../core/module.ts'
import { flag, size } from '../../modules/value-types.ts'
import { createZstdFilter } from '../compression/formats.ts'
import { packResponse, packingBuffers } from '../compression/pack-response.ts'
import { packingRatio } from '../compression/packing-filter.ts'
import { type MimeSet, mimeSet, usualMimeSet } from '../mime-set.ts'
import { defineHttpModule, type HttpModule, type RequestVariables } from '../module.ts'
import { httpGzip } from './gzip.ts'

export interface HttpZstdConf {
  readonly zstd: boolean
  readonly zstd_types: MimeSet
  readonly zstd_buffers: number
  readonly zstd_comp_level: number
  readonly zstd_min_length: number
}

const everywhere = ['http', 'http.server', 'http.location'] as const

const levelMax = 22

const level: ValueType<number> = {
  describe: '1 ... 22',
  parse: ([text = ''], { node }) => {
    const value = numberArgument(node.name, text)
    if (value >= 1 && value <= levelMax) return value
    throw new ConfError(`value must be between 1 and ${levelMax}`)
  },
}

export const httpZstd: HttpModule<HttpZstdConf> = defineHttpModule<HttpZstdConf>({
  id: 'http.zstd',
  idle: true,
  loadNames: ['http_zstd_filter_module'],
  directives: {
    zstd: {
      contexts: [...everywhere, 'http.location.if'],
      args: [1, 1],
      syntax: 'zstd on | off',
      value: flag,
      default: false,
      doc: 'Packs responses with Zstandard for clients that take it.',
    },
    zstd_types: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'zstd_types mime-type ...',
      value: mimeSet,
      default: usualMimeSet,
      doc: 'Sets which types are packed besides text/html; "*" for all.',
    },
    zstd_buffers: {
      contexts: everywhere,
      args: [2, 2],
      syntax: 'zstd_buffers number size',
      value: packingBuffers,
      default: 0,
      doc: 'Accepted: one buffer of the process serves all responses.',
    },
    zstd_comp_level: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'zstd_comp_level level',
      value: level,
      default: 1,
      doc: 'Sets how hard to look for repetitions.',
    },
    zstd_min_length: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'zstd_min_length length',
      value: size,
      default: 20,
      doc: 'Sets from what length on bodies are packed.',
    },
  },
  variables: {
    zstd_ratio: {
      get: (request) => packingRatio(request, 'zstd'),
      doc: 'How many times smaller Zstandard has made the body.',
    },
  } satisfies RequestVariables,
  hooks: {
    headerFilter: (conf, { scope }) => {
      if (!conf.zstd) return undefined
      const { zstd_comp_level: compLevel } = conf
      const rules = {
        types: conf.zstd_types,
        minLength: conf.zstd_min_length,
        varies: scope.conf(httpGzip).gzip_vary,
      }
      return (request) => {
        if (packResponse(request, rules, 'zstd')) {
          request.filterBody(createZstdFilter(request, compLevel))
        }
      }
    },
  },
})
