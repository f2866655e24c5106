/** `secure_link`: links that carry a hash of themselves, and the time until which they hold. */
import { hash, timingSafeEqual } from 'node:crypto'
import { parseNumber } from '../../conf/units.ts'
import type { CompileSession } from '../../core/compile-session.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { Scope } from '../../core/scope.ts'
import { complexValue, text } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpSecureLinkConf {
  /** Gives `hash` or `hash,expires`. */
  readonly secure_link: ComplexValue | undefined
  /** The text that is hashed. */
  readonly secure_link_md5: ComplexValue | undefined
  /** The older form: `/prefix/hash/link` with a secret behind the link. */
  readonly secure_link_secret: string | undefined
}

const everywhere = ['http', 'http.server', 'http.location'] as const

export const httpSecureLink: HttpModule<HttpSecureLinkConf> = defineHttpModule<HttpSecureLinkConf>({
  id: 'http.secure_link',
  directives: {
    secure_link: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'secure_link expression',
      value: complexValue,
      default: undefined,
      doc: 'Sets where the hash of a link stands, and behind a comma the time until which it holds.',
    },
    secure_link_md5: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'secure_link_md5 expression',
      secret: 'words',
      value: complexValue,
      default: undefined,
      doc: 'Sets the text whose MD5 the hash of a link must be.',
    },
    secure_link_secret: {
      contexts: ['http.location'],
      args: [1, 1],
      syntax: 'secure_link_secret word',
      secret: 'words',
      value: text,
      default: undefined,
      doc: 'Sets the secret of links that carry their hash as a part of the path.',
    },
  },
  variables: {
    secure_link: { get: secureLink, doc: 'Whether the link is genuine: "1", "0" when it is over.' },
    secure_link_expires: { get: expiresOf, doc: 'Until when the link holds, as it says itself.' },
  },
  check: checkForms,
})

const hashBytes = 16
/** Base64 of 16 bytes. */
const hashCharsMax = 24

function secureLink(request: Request): string | undefined {
  const { scope } = request.location
  const { secure_link: link, secure_link_md5: md5, secure_link_secret } = scope.conf(httpSecureLink)
  if (usesSecret(scope)) return linkOfSecret(request, secure_link_secret!)
  if (link === undefined || md5 === undefined) return undefined
  const [given, expires] = splitLink(link.evaluate(request))
  const until = expires === undefined ? 0 : (parseNumber(expires) ?? -1)
  if (given.length > hashCharsMax || (expires !== undefined && until <= 0)) return undefined
  const bytes = Buffer.from(given, 'base64url')
  if (!isHash(bytes, md5.evaluate(request))) return undefined
  return until > 0 && until < Math.floor(Date.now() / 1000) ? '0' : '1'
}

function expiresOf(request: Request): string | undefined {
  const { secure_link: link } = request.location.scope.conf(httpSecureLink)
  const expires = link && splitLink(link.evaluate(request))[1]
  return expires !== undefined && (parseNumber(expires) ?? 0) > 0 ? expires : undefined
}

function splitLink(value: string): readonly [given: string, expires: string | undefined] {
  const comma = value.indexOf(',')
  return comma < 0 ? [value, undefined] : [value.slice(0, comma), value.slice(comma + 1)]
}

/** `/prefix/hash/link`: the link, where the hash is that of the link and the secret. */
function linkOfSecret({ head }: Request, secret: string): string | undefined {
  const path = head.text(head.pathStart, head.targetEnd)
  const match = /^\/[^/]*\/([0-9a-fA-F]{32})\/(.+)$/s.exec(path)
  if (match === null) return undefined
  const [, given = '', link = ''] = match
  return isHash(Buffer.from(given, 'hex'), link + secret) ? link : undefined
}

function isHash(bytes: Buffer, of: string): boolean {
  return bytes.length === hashBytes && timingSafeEqual(bytes, hash('md5', of, 'buffer'))
}

function checkForms(scope: Scope, session: CompileSession): void {
  const [secret] = scope.own('secure_link_secret')
  if (secret === undefined || !hasLink(scope)) return
  session.fail(
    '"secure_link_secret" cannot be mixed with "secure_link" and "secure_link_md5"',
    secret,
  )
}

function hasLink(scope: Scope): boolean {
  return scope.own('secure_link').length + scope.own('secure_link_md5').length > 0
}

/** Of the two forms the one that stands nearest. */
function usesSecret(scope: Scope): boolean {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    if (at.own('secure_link_secret').length > 0) return true
    if (hasLink(at)) return false
  }
  return false
}
