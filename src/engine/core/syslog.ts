/**
 * Lines for a syslog server, as `error_log` and `access_log` send them (RFC 3164):
 *
 * ```text
 *   <187>Nov 22 14:30:54 host tag: message
 *    └ facility × 8 + severity
 * ```
 */
import { hostname } from 'node:os'
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber } from '../conf/units.ts'
import { syslogTime } from './clock.ts'

export type SyslogAddress =
  | { readonly kind: 'udp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

export interface SyslogServer {
  readonly address: SyslogAddress
  readonly facility: number
  /** Of access logs; errors have that of their level. */
  readonly severity: number
  readonly tag: string
  readonly withHostname: boolean
}

/** What carries datagrams to a server. A line that cannot be sent now is lost: logging never waits. */
export interface SyslogTransport {
  send(address: SyslogAddress, datagram: Buffer): void
}

/** Order gives the numbers; two of them have no name. */
const facilities =
  'kern user mail daemon auth intern lpr news uucp clock authpriv ftp ntp audit alert cron local0 local1 local2 local3 local4 local5 local6 local7'.split(
    ' ',
  )
const severities = 'emerg alert crit error warn notice info debug'.split(' ')

const usualFacility = facilities.indexOf('local7')
const usualSeverity = severities.indexOf('info')
const usualTag = 'trijet'
const usualPort = 514
const portMax = 65_535
const tagCharsMax = 32
/** What the system's address of a unix socket holds. */
const unixPathBytesMax = 107

/** Parses `syslog:server=address[,facility=…][,tag=…][,severity=…][,nohostname]`. */
export function parseSyslog(text: string): SyslogServer {
  const given = new Map<string, string>()
  for (const parameter of text.slice('syslog:'.length).split(',')) {
    const [name, value] = splitParameter(parameter)
    if (given.has(name) && name !== 'nohostname') throw new ConfError(`duplicate syslog "${name}"`)
    given.set(name, value)
  }
  const address = given.get('server')
  if (address === undefined) throw new ConfError('no syslog server specified')
  return {
    address: parseAddress(address),
    facility: indexIn(facilities, given.get('facility'), 'facility') ?? usualFacility,
    severity: indexIn(severities, given.get('severity'), 'severity') ?? usualSeverity,
    tag: parseTag(given.get('tag')),
    withHostname: !given.has('nohostname'),
  }
}

const names: ReadonlySet<string> = new Set(['server', 'facility', 'severity', 'tag'])

function splitParameter(parameter: string): readonly [name: string, value: string] {
  if (parameter === 'nohostname') return [parameter, '']
  const equals = parameter.indexOf('=')
  const name = parameter.slice(0, Math.max(equals, 0))
  if (!names.has(name)) throw new ConfError(`unknown syslog parameter "${parameter}"`)
  return [name, parameter.slice(equals + 1)]
}

function indexIn(
  known: readonly string[],
  text: string | undefined,
  what: string,
): number | undefined {
  if (text === undefined) return undefined
  const index = known.indexOf(text)
  if (index < 0) throw new ConfError(`unknown syslog ${what} "${text}"`)
  return index
}

function parseTag(text: string | undefined): string {
  if (text === undefined) return usualTag
  if (text.length > tagCharsMax) throw new ConfError(`syslog tag length exceeds ${tagCharsMax}`)
  if (!/^\w*$/.test(text)) {
    throw new ConfError('syslog "tag" only allows alphanumeric characters and underscore')
  }
  return text
}

function parseAddress(text: string): SyslogAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    if (path === '') refuseAddress('no path in the unix domain socket', text)
    if (Buffer.byteLength(path) > unixPathBytesMax) {
      refuseAddress('too long path in the unix domain socket', text)
    }
    return { kind: 'unix', path }
  }
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  if (host === '') refuseAddress('no host', text)
  const port = match?.[3] === undefined ? usualPort : (parseNumber(match[3]) ?? 0)
  if (port < 1 || port > portMax) refuseAddress('invalid port', text)
  return { kind: 'udp', host, port }
}

function refuseAddress(problem: string, text: string): never {
  throw new ConfError(`${problem} in syslog server "${text}"`)
}

const ownName = hostname()

/** One datagram. */
export function formatSyslog(server: SyslogServer, severity: number, message: string): Buffer {
  const { facility, tag, withHostname } = server
  const name = withHostname ? `${ownName} ` : ''
  return Buffer.from(`<${facility * 8 + severity}>${syslogTime()} ${name}${tag}: ${message}`)
}
