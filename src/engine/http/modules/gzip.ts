/** `gzip`: packs bodies for clients that can unpack them. */
import { ConfError } from '../../conf/diagnostics.ts'
import { choiceArgument, numberArgument, sizeArgument } from '../../conf/units.ts'
import type { Row, ValueType } from '../../core/module.ts'
import { compileRegex, type Regex } from '../../core/regex.ts'
import { concat, flag, oneOf, size } from '../../modules/value-types.ts'
import { createGzipFilter } from '../compression/formats.ts'
import {
  type GzipRules,
  type ProxiedKind,
  proxiedKinds,
  takesGzip,
} from '../compression/gzip-rules.ts'
import {
  announcePacking,
  isPackable,
  packingBuffers,
  type PackingRules,
} from '../compression/pack-response.ts'
import { packingRatio } from '../compression/packing-filter.ts'
import type { DeflateSettings } from '../compression/zlib-codec.ts'
import { type MimeSet, mimeSet, usualMimeSet } from '../mime-set.ts'
import { defineHttpModule, type HttpModule, type RequestVariables } from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpGzipConf {
  readonly gzip: boolean
  readonly gzip_types: MimeSet
  readonly gzip_min_length: number
  readonly gzip_comp_level: number
  readonly gzip_buffers: number
  readonly gzip_window: number
  readonly gzip_hash: number
  readonly gzip_http_version: '1.0' | '1.1'
  readonly gzip_proxied: ReadonlySet<ProxiedKind>
  readonly gzip_vary: boolean
  readonly gzip_disable: readonly Regex[]
}

const everywhere = ['http', 'http.server', 'http.location'] as const

const levelMax = 9

const level: ValueType<number> = {
  describe: '1 ... 9',
  parse: ([text = ''], { node }) => {
    const value = numberArgument(node.name, text)
    if (value >= 1 && value <= levelMax) return value
    throw new ConfError(`value must be between 1 and ${levelMax}`)
  },
}

/** A size that is a power of two; the value is its logarithm, less `shift`. */
function power(least: number, most: number, shift: number): ValueType<number> {
  return {
    describe: 'size',
    parse: ([text = ''], { node }) => {
      const bits = Math.log2(sizeArgument(node.name, text))
      if (Number.isInteger(bits) && bits >= least && bits <= most) return bits - shift
      throw new ConfError(`"${node.name}" directive must be ${sizesText(least, most)}`)
    },
  }
}

const bitsLeast = 9
const windowBitsMost = 15
const hashBitsMost = 17
/** zlib's number for the memory is six less than the logarithm of its bytes. */
const hashShift = 8

/** `512, 1k, 2k, or 4k`. */
function sizesText(least: number, most: number): string {
  const sizes: string[] = []
  for (let bits = least; bits <= most; bits++) {
    sizes.push(bits < 10 ? String(2 ** bits) : `${2 ** (bits - 10)}k`)
  }
  return `${sizes.slice(0, -1).join(', ')}, or ${sizes.at(-1)}`
}

const proxied: ValueType<ReadonlySet<ProxiedKind>> = {
  describe: proxiedKinds.join(' | '),
  parse: (args) => new Set(args.map((text) => choiceArgument(text, proxiedKinds))),
}

/** nginx's short form, and what it stands for. */
const oldExplorers = 'MSIE [4-6]\\.'

const disable: ValueType<readonly Regex[]> = {
  describe: 'regex ...',
  parse: (args) =>
    args.map((text) => (text === 'msie6' ? msie6 : compileRegex(text, { ignoreCase: true }))),
}

/** Version 6 of a system with its second service pack can do it. */
const msie6: Regex = compileRegex(`^(?!.*(?:Opera|MSIE 6\\..*SV1)).*${oldExplorers}`, {
  ignoreCase: false,
})

function row<T>(syntax: string, value: ValueType<T>, fallback: T, doc: string): Row<T> {
  return { contexts: everywhere, args: [1, 1], syntax, value, default: fallback, doc }
}

export const httpGzip: HttpModule<HttpGzipConf> = defineHttpModule<HttpGzipConf>({
  id: 'http.gzip',
  idle: true,
  directives: {
    gzip: {
      contexts: [...everywhere, 'http.location.if'],
      args: [1, 1],
      syntax: 'gzip on | off',
      value: flag,
      default: false,
      doc: 'Packs responses with gzip for clients that take it.',
    },
    gzip_types: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'gzip_types mime-type ...',
      value: mimeSet,
      default: usualMimeSet,
      doc: 'Sets which types are packed besides text/html; "*" for all.',
    },
    gzip_min_length: row(
      'gzip_min_length length',
      size,
      20,
      'Sets from what length on bodies are packed.',
    ),
    gzip_comp_level: row(
      'gzip_comp_level level',
      level,
      1,
      'Sets how hard to look for repetitions.',
    ),
    gzip_buffers: {
      contexts: everywhere,
      args: [2, 2],
      syntax: 'gzip_buffers number size',
      value: packingBuffers,
      default: 0,
      doc: 'Accepted: one buffer of the process serves all responses.',
    },
    gzip_window: row(
      'gzip_window size',
      power(bitsLeast, windowBitsMost, 0),
      15,
      'Sets how far back repetitions are looked for.',
    ),
    gzip_hash: row(
      'gzip_hash size',
      power(bitsLeast, hashBitsMost, hashShift),
      8,
      'Sets the memory for looking for repetitions.',
    ),
    gzip_http_version: row(
      'gzip_http_version 1.0 | 1.1',
      oneOf('1.0', '1.1'),
      '1.1',
      'Sets the least version of requests whose responses are packed.',
    ),
    gzip_proxied: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: `gzip_proxied ${proxiedKinds.join(' | ')} ...`,
      value: proxied,
      default: new Set<ProxiedKind>(['off']),
      doc: 'Sets what is packed for requests that came through a proxy.',
    },
    gzip_vary: row(
      'gzip_vary on | off',
      flag,
      false,
      'Adds "Vary: Accept-Encoding" to what may come packed.',
    ),
    gzip_disable: {
      contexts: everywhere,
      args: [1, Infinity],
      syntax: 'gzip_disable regex ...',
      value: disable,
      default: [],
      merge: concat,
      doc: 'Sets clients, by "User-Agent", that are not sent gzip.',
    },
  },
  variables: {
    gzip_ratio: {
      get: (request) => packingRatio(request, 'gzip'),
      doc: 'How many times smaller gzip has made the body.',
    },
  } satisfies RequestVariables,
  hooks: {
    headerFilter: (conf) => {
      if (!conf.gzip) return undefined
      const packing = packingOf(conf)
      const rules = gzipRulesOf(conf)
      return (request) => {
        if (isPackable(request, packing)) pack(request, conf, { packing, rules })
      }
    },
  },
})

interface Rules {
  readonly packing: PackingRules
  readonly rules: GzipRules
}

function packingOf(conf: HttpGzipConf): PackingRules {
  return { types: conf.gzip_types, minLength: conf.gzip_min_length, varies: conf.gzip_vary }
}

/** Who is sent gzip in a block; `gunzip` and `gzip_static` go by it too. */
export function gzipRulesOf(conf: HttpGzipConf): GzipRules {
  return {
    minorVersion: conf.gzip_http_version === '1.1' ? 1 : 0,
    proxied: conf.gzip_proxied,
    disabled: conf.gzip_disable,
  }
}

function pack(request: Request, conf: HttpGzipConf, { packing, rules }: Rules): void {
  const { response } = request
  response.varies ||= packing.varies
  if (!takesGzip(request, rules)) return
  const settings = settingsFor(response.contentLength, conf)
  announcePacking(request, 'gzip')
  if (!response.headOnly) request.filterBody(createGzipFilter(request, settings))
}

/** Room that zlib wants in the window beside the data. */
const lookAheadBytes = 262

/** Short bodies need neither a large window nor much memory. */
function settingsFor(length: number, conf: HttpGzipConf): DeflateSettings {
  const { gzip_comp_level: compLevel, gzip_window: most, gzip_hash: memory } = conf
  const needed = length < 0 ? most : Math.ceil(Math.log2(length + lookAheadBytes + 1))
  const windowBits = Math.max(bitsLeast, Math.min(most, needed))
  return { level: compLevel, windowBits, memoryLevel: Math.max(memory - (most - windowBits), 1) }
}
