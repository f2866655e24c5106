/** Whether a client, and whoever stands between, can be sent gzip: nginx's rules. */
import type { Regex } from '../../core/regex.ts'
import { parseHttpDate } from '../conditions.ts'
import { nameId } from '../header-names.ts'
import type { Request } from '../request.ts'
import { acceptsCoding } from './accept-encoding.ts'

/** For requests that came through a proxy, which says so by `Via`. */
export const proxiedKinds = [
  'off',
  'expired',
  'no-cache',
  'no-store',
  'private',
  'no_last_modified',
  'no_etag',
  'auth',
  'any',
] as const

export type ProxiedKind = (typeof proxiedKinds)[number]

export interface GzipRules {
  /** 0 or 1: what stands behind the dot of the least version. */
  readonly minorVersion: number
  readonly proxied: ReadonlySet<ProxiedKind>
  /** Clients that are not sent gzip. */
  readonly disabled: readonly Regex[]
}

const viaId = nameId('via')
const userAgentId = nameId('user-agent')
const authorizationId = nameId('authorization')

export function takesGzip(request: Request, rules: GzipRules): boolean {
  const { head } = request
  if (request.parent !== undefined || !acceptsCoding(request, 'gzip')) return false
  if (head.minor < rules.minorVersion) return false
  if (head.first[viaId]! >= 0 && !isAllowedThroughProxy(request, rules.proxied)) return false
  if (rules.disabled.length === 0) return true
  const agent = head.value(userAgentId)
  return agent === undefined || rules.disabled.every((regex) => !regex.test(agent))
}

function isAllowedThroughProxy(request: Request, kinds: ReadonlySet<ProxiedKind>): boolean {
  if (kinds.has('off')) return false
  if (kinds.has('any')) return true
  if (kinds.has('auth') && request.head.first[authorizationId]! >= 0) return true
  const { response } = request
  const expires = response.get('expires')
  if (expires !== undefined) return kinds.has('expired') && isExpired(request, expires)
  const control = response.get('cache-control')?.toLowerCase()
  if (control !== undefined) {
    return (['no-cache', 'no-store', 'private'] as const).some(
      (kind) => kinds.has(kind) && control.includes(kind),
    )
  }
  if (kinds.has('no_last_modified') && response.lastModified >= 0) return false
  return !(kinds.has('no_etag') && response.etag !== undefined)
}

function isExpired({ response }: Request, expires: string): boolean {
  const time = parseHttpDate(expires)
  const date = response.get('date')
  const now = date === undefined ? Date.now() : parseHttpDate(date)
  return time < now
}
