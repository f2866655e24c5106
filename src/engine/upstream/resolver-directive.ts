/**
 * `resolver address ... [valid=time] [ipv4=on|off] [ipv6=on|off]`: the name servers of a block, and how
 * their answers are used.
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseTimeSeconds, timeMsArgument } from '../conf/units.ts'
import type { ValueType } from '../core/module.ts'
import { type Endpoint, parseEndpoint } from './addresses.ts'

export interface ResolverConfig {
  /** Asked in turn. A name among them is looked up by the system. */
  readonly servers: readonly Endpoint[]
  /** How long answers hold; by default as long as their records say. */
  readonly validMs: number | undefined
  readonly ipv4: boolean
  readonly ipv6: boolean
}

export const resolverTimeoutDefaultMs = 30_000

const dnsPort = 53

type Settings = { -readonly [Name in keyof ResolverConfig]: ResolverConfig[Name] }

export const resolverValue: ValueType<ResolverConfig | undefined> = {
  describe: 'address ... [valid=time] [ipv4=on|off] [ipv6=on|off]',
  parse(args) {
    const servers: Endpoint[] = []
    const settings: Settings = { servers, validMs: undefined, ipv4: true, ipv6: true }
    for (const argument of args) {
      if (/^(?:valid|ipv4|ipv6)=/.test(argument)) readOption(settings, argument)
      else servers.push(readServer(argument))
    }
    if (servers.length === 0) throw new ConfError('no name servers defined')
    if (!settings.ipv4 && !settings.ipv6) {
      throw new ConfError('"ipv4" and "ipv6" cannot both be "off"')
    }
    return Object.freeze({ ...settings, servers: Object.freeze(servers) })
  },
}

export const resolverTimeoutValue: ValueType<number> = {
  describe: 'time',
  parse: ([text = ''], { node }) => timeMsArgument(node.name, text),
}

function readServer(text: string): Endpoint {
  const endpoint = parseEndpoint(text, { defaultPort: dnsPort, purpose: 'resolver' })
  // nginx takes the path of a unix socket here and fails when it asks.
  if (endpoint.family === 'unix') throw new ConfError(`invalid host in resolver "${text}"`)
  return endpoint
}

function readOption(settings: Settings, argument: string): void {
  const [name, value = ''] = argument.split('=', 2) as ['valid' | 'ipv4' | 'ipv6', string?]
  const invalid = new ConfError(`invalid parameter: ${argument}`)
  if (name === 'valid') {
    const seconds = parseTimeSeconds(value)
    if (seconds === undefined) throw invalid
    // As in nginx, no time at all means what the records say.
    settings.validMs = seconds === 0 ? undefined : seconds * 1000
    return
  }
  // Unlike other flags of nginx these are read as they stand.
  if (value !== 'on' && value !== 'off') throw invalid
  settings[name] = value === 'on'
}
