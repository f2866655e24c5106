/** `limit_req_zone key zone=name:size rate=rate` and `limit_req zone=name [burst=number] [nodelay | delay=number]`. */
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseSize } from '../conf/units.ts'
import type { ValueType } from '../core/module.ts'
import type { LimitReqZone } from './limit-req.ts'
import { zoneBytesMin } from './limit-conn.ts'

/** One `limit_req`, before its zone is looked up. */
export interface LimitReqSetting {
  readonly zone: string
  /** Thousandths of a request. */
  readonly burst: number
  readonly delay: number
}

const thousandths = 1000
const secondsPerMinute = 60

export const limitReqZone: ValueType<readonly LimitReqZone[]> = {
  describe: 'key zone=name:size rate=rate',
  parse: ([key = '', ...parameters], env) => {
    let zone: { readonly name: string; readonly bytes: number } | undefined
    let rate = thousandths
    for (const parameter of parameters) {
      if (parameter.startsWith('zone=')) zone = parseZone(parameter)
      else if (parameter.startsWith('rate=')) rate = parseRate(parameter)
      else throw new ConfError(`invalid parameter "${parameter}"`)
    }
    if (zone === undefined) throw new ConfError(`"${env.node.name}" must have "zone" parameter`)
    return [{ ...zone, key: env.complex(key), rate }]
  },
}

function parseZone(parameter: string): { readonly name: string; readonly bytes: number } {
  const [, name = '', size] = /^zone=([^:]*)(?::(.*))?$/.exec(parameter) ?? []
  const bytes = size === undefined ? undefined : parseSize(size)
  if (bytes === undefined || name === '') throw new ConfError(`invalid zone size "${parameter}"`)
  if (bytes < zoneBytesMin) throw new ConfError(`zone "${parameter}" is too small`)
  return { name, bytes }
}

function parseRate(parameter: string): number {
  const match = /^rate=(.*?)(?:r\/([sm]))?$/.exec(parameter)
  const rate = parseNumber(match?.[1] ?? '') ?? 0
  if (rate <= 0) throw new ConfError(`invalid rate "${parameter}"`)
  const scale = match?.[2] === 'm' ? secondsPerMinute : 1
  return Math.floor((rate * thousandths) / scale)
}

export const limitReq: ValueType<readonly LimitReqSetting[]> = {
  describe: 'zone=name [burst=number] [nodelay | delay=number]',
  parse: (parameters, { node }) => {
    let zone = ''
    let burst = 0
    let delay = 0
    for (const parameter of parameters) {
      const [name, value = ''] = splitOnce(parameter)
      if (name === 'zone') zone = value
      else if (name === 'burst') burst = positive(value, `invalid burst value "${parameter}"`)
      else if (name === 'delay') delay = positive(value, `invalid delay value "${parameter}"`)
      else if (parameter === 'nodelay') delay = Infinity
      else throw new ConfError(`invalid parameter "${parameter}"`)
    }
    if (zone === '') throw new ConfError(`"${node.name}" must have "zone" parameter`)
    return [{ zone, burst: burst * thousandths, delay: delay * thousandths }]
  },
}

function splitOnce(text: string): readonly [string, string | undefined] {
  const equals = text.indexOf('=')
  return equals < 0 ? ['', undefined] : [text.slice(0, equals), text.slice(equals + 1)]
}

function positive(text: string, message: string): number {
  const value = parseNumber(text) ?? 0
  if (value <= 0) throw new ConfError(message)
  return value
}
