/**
 * A member of an upstream group as the API shows it, and as a `server` directive.
 *
 * ```text
 *   {"server":"10.0.0.1:80","weight":5,"max_fails":1,…,"backup":true}  ⇄  server 10.0.0.1:80 weight=5 backup
 * ```
 */
import { isDeepStrictEqual } from 'node:util'
import type { Context } from '../../core/module.ts'
import { formatAddress } from '../../net/address.ts'
import { parseServer, type ServerConfig } from '../../upstream/server-directive.ts'
import type { SubsystemName } from '../server-index.ts'

export interface MemberFields {
  /** Address or name, as the directive has it. */
  readonly server: string
  readonly service?: string
  readonly weight: number
  readonly max_conns: number
  readonly max_fails: number
  readonly fail_timeout: string
  readonly slow_start: string
  readonly route: string
  readonly backup: boolean
  readonly down: boolean
  readonly drain: boolean
  /** A name that is looked up again and again. */
  readonly resolve: boolean
}

/** Of a server of which nothing but the address is said. */
export const memberDefaults: Omit<MemberFields, 'server'> = Object.freeze({
  weight: 1,
  max_conns: 0,
  max_fails: 1,
  fail_timeout: '10s',
  slow_start: '0s',
  route: '',
  backup: false,
  down: false,
  drain: false,
  resolve: false,
})

/** Arguments of the `server` directive; what is said anyway is left out. */
export function toArgs(fields: MemberFields): readonly string[] {
  const { server, service, resolve, backup, down, drain } = fields
  const valued = (
    ['weight', 'max_conns', 'max_fails', 'fail_timeout', 'slow_start', 'route'] as const
  )
    .filter((name) => fields[name] !== memberDefaults[name])
    .map((name) => `${name}=${fields[name]}`)
  const flags = Object.entries({ resolve, backup, down, drain }).filter(([, on]) => on)
  const named = service === undefined ? [] : [`service=${service}`]
  return [server, ...valued, ...named, ...flags.map(([name]) => name)]
}

/** What a directive says that the configuration check has found right. */
export function fromArgs(args: readonly string[], subsystem: SubsystemName): MemberFields {
  const config = readServer(args, subsystem)
  const { text, weight, maxConns, maxFails, failTimeoutMs, slowStartMs, service } = config
  const { backup, down, drain, resolve, route = '' } = config
  return {
    server: text,
    ...(service !== undefined && { service }),
    weight,
    max_conns: maxConns,
    max_fails: maxFails,
    fail_timeout: `${failTimeoutMs / 1000}s`,
    slow_start: `${slowStartMs / 1000}s`,
    route,
    backup,
    down,
    drain,
    resolve,
  }
}

export function sameFields(a: MemberFields, b: MemberFields): boolean {
  return isDeepStrictEqual(a, b)
}

export function readServer(args: readonly string[], subsystem: SubsystemName): ServerConfig {
  return parseServer(args, contextOf(subsystem))
}

/** The address with its port, `name` or `name:port`. */
export function serverText({ endpoint, text }: ServerConfig): string {
  if (endpoint.family !== 'name') return formatAddress(endpoint)
  return endpoint.port === 0 ? text : `${endpoint.host}:${endpoint.port}`
}

function contextOf(subsystem: SubsystemName): Context {
  return subsystem === 'http' ? 'http.upstream' : 'stream.upstream'
}
