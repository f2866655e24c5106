/** Bodies of requests that add or change a member, checked field by field. */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseTimeSeconds } from '../../conf/units.ts'
import { parseEndpoint } from '../../upstream/addresses.ts'
import { routeBytesMax, weightMax } from '../../upstream/limits.ts'
import { type Fields, isObject } from '../instruction-request.ts'
import type { SubsystemName } from '../server-index.ts'
import { memberDefaults, type MemberFields } from './member-fields.ts'
import { MemberFault } from './member-fault.ts'

/** What a request says of a member, each part as a directive has it. */
export type MemberSettings = Partial<Omit<MemberFields, 'resolve'>> & {
  readonly id?: number
  /** Of addresses that were looked up: shown, never changed. */
  readonly parent?: number
  readonly host?: string
}

type Reader = (value: unknown, name: string) => unknown

const readers: Readonly<Record<keyof MemberSettings, Reader>> = {
  id: (value, name) => integer(value, name, 0),
  server: (value) => readAddress(value),
  service: (value, name) => word(value, name),
  weight: (value) => readWeight(value),
  max_conns: (value, name) => integer(value, name, 0),
  max_fails: (value, name) => integer(value, name, 0),
  fail_timeout: (value, name) => readTime(value, name),
  slow_start: (value, name) => readTime(value, name),
  route: (value, name) => readRoute(value, name),
  backup: (value, name) => flag(value, name),
  down: (value, name) => flag(value, name),
  drain: (value, name) => flag(value, name),
  parent: (value, name) => integer(value, name, 0),
  host: (value, name) => word(value, name),
}

/** What streams have not: nobody is bound to a member there. */
const httpOnly: ReadonlySet<string> = new Set(['route', 'drain'])

/** Reads the body. Throws `MemberFault`. */
export function readSettings(body: string | undefined, subsystem: SubsystemName): MemberSettings {
  if (body === undefined) throw new MemberFault('TooLargePostBody')
  const fields = parseObject(body)
  const settings: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    const known = Object.hasOwn(readers, name) && !(subsystem === 'stream' && httpOnly.has(name))
    if (!known) throw malformed(`unknown parameter "${name}"`)
    settings[name] = readers[name as keyof MemberSettings](value, name)
  }
  return settings
}

/** A whole member, of what a request says and defaults. */
export function newMember(settings: MemberSettings, resolve: boolean): MemberFields {
  const { id: _id, parent: _parent, host: _host, server, ...given } = settings
  if (server === undefined) {
    throw malformed('missing "server" argument')
  }
  return { ...memberDefaults, server, ...given, resolve }
}

/** True for a host name, which has to be looked up. Throws `MemberFault` for what is neither that nor an address. */
export function isName(server: string, service: string | undefined): boolean {
  const options = service === undefined ? {} : { defaultPort: 0 }
  const endpoint = parseServerText(server, options)
  if (endpoint.family !== 'name') {
    if (service !== undefined) throw new MemberFault('UpstreamBadAddress')
    return false
  }
  const hasPort = endpoint.port !== 0
  if (service === undefined && !hasPort) throw noPort()
  if (service !== undefined && hasPort) {
    throw malformed(`service upstream "${server}" may not have port`)
  }
  return true
}

function parseServerText(
  server: string,
  options: { readonly defaultPort?: number },
): ReturnType<typeof parseEndpoint> {
  try {
    return parseEndpoint(server, options)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    throw error.message === 'no port' ? noPort() : new MemberFault('UpstreamBadAddress')
  }
}

function noPort(): MemberFault {
  return new MemberFault('UpstreamBadAddress', 'no port in server')
}

function parseObject(body: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw new MemberFault('JsonError')
  }
  if (!isObject(value)) throw new MemberFault('InvalidJsonBody')
  return value
}

/** What needs no quotes in a configuration, and cannot end a directive. */
const plainWord = /^[^\s"'{};\\$\p{Cc}]+$/u
const wordCharsMax = 1024

function word(value: unknown, name: string): string {
  if (typeof value === 'string' && value.length <= wordCharsMax && plainWord.test(value))
    return value
  throw invalid(name)
}

function readAddress(value: unknown): string {
  if (typeof value === 'string' && value.length <= wordCharsMax && plainWord.test(value))
    return value
  throw new MemberFault('UpstreamBadAddress')
}

function readWeight(value: unknown): number {
  const isWeight = Number.isInteger(value) && Number(value) >= 1 && Number(value) <= weightMax
  if (!isWeight) throw new MemberFault('UpstreamBadWeight')
  return Number(value)
}

/** An empty route is none. */
function readRoute(value: unknown, name: string): string {
  if (value === '') return ''
  const route = word(value, name)
  if (Buffer.byteLength(route) > routeBytesMax) throw new MemberFault('UpstreamBadRoute')
  return route
}

function readTime(value: unknown, name: string): string {
  const text = Number.isInteger(value) ? String(value) : value
  const seconds = typeof text === 'string' ? parseTimeSeconds(text) : undefined
  if (seconds === undefined) throw invalid(name)
  return `${seconds}s`
}

const integerMax = 2_147_483_647

function integer(value: unknown, name: string, min: number): number {
  if (Number.isInteger(value) && Number(value) >= min && Number(value) <= integerMax) {
    return Number(value)
  }
  throw invalid(name)
}

function flag(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw invalid(name)
  return value
}

function invalid(name: string): MemberFault {
  return malformed(`invalid value of "${name}"`)
}

function malformed(text: string): MemberFault {
  return new MemberFault('UpstreamConfFormatError', text)
}
