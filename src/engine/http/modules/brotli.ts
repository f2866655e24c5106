/** `brotli`: packs bodies, with the directives of the module that nginx's users know. */
import { ConfError } from '../../conf/diagnostics.ts'
import { numberArgument, sizeArgument } from '../../conf/units.ts'
import type { ValueType } from '../../core/module.ts'
import { flag, size } from '../../modules/value-types.ts'
import type { BrotliSettings } from '../compression/brotli-codec.ts'
import { createBrotliFilter } from '../compression/formats.ts'
import { packResponse, packingBuffers } from '../compression/pack-response.ts'
import { packingRatio } from '../compression/packing-filter.ts'
import { type MimeSet, mimeSet, usualMimeSet } from '../mime-set.ts'
import { defineHttpModule, type HttpModule, type RequestVariables } from '../module.ts'
import { httpGzip } from './gzip.ts'

export interface HttpBrotliConf {
  readonly brotli: boolean
  readonly brotli_types: MimeSet
  readonly brotli_buffers: number
  readonly brotli_comp_level: number
  readonly brotli_window: number
  readonly brotli_min_length: number
}

const everywhere = ['http', 'http.server', 'http.location'] as const

const levelMax = 11
const windowBitsLeast = 10
const windowBitsMost = 24
const usualWindowBits = 19

const level: ValueType<number> = {
  describe: '0 ... 11',
  parse: ([text = ''], { node }) => {
    const value = numberArgument(node.name, text)
    if (value <= levelMax) return value
    throw new ConfError(`value must be between 0 and ${levelMax}`)
  },
}

/** The logarithm of a size that is a power of two. */
const window: ValueType<number> = {
  describe: 'size',
  parse: ([text = ''], { node }) => {
    const bits = Math.log2(sizeArgument(node.name, text))
    if (Number.isInteger(bits) && bits >= windowBitsLeast && bits <= windowBitsMost) return bits
    throw new ConfError(`"${node.name}" directive must be a power of two from 1k to 16m`)
  },
}

export const httpBrotli: HttpModule<HttpBrotliConf> = defineHttpModule<HttpBrotliConf>({
  id: 'http.brotli',
  idle: true,
  loadNames: ['http_brotli_filter_module'],
  directives: {
    brotli: {
      contexts: [...everywhere, 'http.location.if'],
      args: [1, 1],
      syntax: 'brotli on | off',
      value: flag,
      default: false,
      doc: 'Packs responses with Brotli for clients that take it.',
    },
    brotli_types: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'brotli_types mime-type ...',
      value: mimeSet,
      default: usualMimeSet,
      doc: 'Sets which types are packed besides text/html; "*" for all.',
    },
    brotli_buffers: {
      contexts: everywhere,
      args: [2, 2],
      syntax: 'brotli_buffers number size',
      value: packingBuffers,
      default: 0,
      doc: 'Accepted: one buffer of the process serves all responses.',
    },
    brotli_comp_level: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'brotli_comp_level level',
      value: level,
      default: 6,
      doc: 'Sets how hard to look for repetitions.',
    },
    brotli_window: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'brotli_window size',
      value: window,
      default: usualWindowBits,
      doc: 'Sets how far back repetitions are looked for.',
    },
    brotli_min_length: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'brotli_min_length length',
      value: size,
      default: 20,
      doc: 'Sets from what length on bodies are packed.',
    },
  },
  variables: {
    brotli_ratio: {
      get: (request) => packingRatio(request, 'br'),
      doc: 'How many times smaller Brotli has made the body.',
    },
  } satisfies RequestVariables,
  hooks: {
    headerFilter: (conf, { scope }) => {
      if (!conf.brotli) return undefined
      const settings = settingsOf(conf)
      const rules = {
        types: conf.brotli_types,
        minLength: conf.brotli_min_length,
        varies: scope.conf(httpGzip).gzip_vary,
      }
      return (request) => {
        if (packResponse(request, rules, 'br')) {
          request.filterBody(createBrotliFilter(request, settings))
        }
      }
    },
  },
})

function settingsOf(conf: HttpBrotliConf): BrotliSettings {
  return { level: conf.brotli_comp_level, windowBits: conf.brotli_window }
}
