/**
 * Who comes in, and as whom.
 *
 * ```text
 *   Authorization: Bearer …            the token's grant, or 401
 *   verified client certificate        the grant of its `api_certificate`
 *   unix socket                        root and the engine's own user are admins, else 401
 *   this machine                       the scope of `api_loopback` (admin), or 401
 *   elsewhere                          401
 * ```
 *
 * All but tokens come by themselves with whatever a browser sends, so pages of other sites are kept out
 * there (`guard.ts`). A token that is not good is refused even where none is needed.
 */
import { browserObjection, type Caller, isOfThisMachine } from '../guard.ts'
import type { PeerCredentials } from '../../net/peer-credentials.ts'
import { type Access, everything, type Grant } from './grant.ts'
import { TokenError, type Tokens } from './tokens.ts'

/** What is known of a caller before it has shown anything. */
export interface Visitor extends Caller {
  /** Of a unix socket. */
  readonly credentials: PeerCredentials | undefined
  /** Subject of a certificate that was verified (RFC 2253). */
  readonly certificateSubject: string | undefined
}

export interface CertificateRule {
  /** `*` for every certificate that was verified. */
  readonly subject: string
  readonly grant: Grant
}

export interface DoorPolicy {
  readonly serverNames: readonly string[]
  readonly certificates: readonly CertificateRule[]
  /** Of programs of this machine that show nothing; `undefined` when they must. */
  readonly loopback: Grant | undefined
}

export interface Door {
  readonly tokens: Tokens
  /** Users that may do all: root, and the engine's own. */
  isAdmin(uid: number): boolean
}

export type Admission =
  | { readonly kind: 'admitted'; readonly access: Access }
  | {
      readonly kind: 'denied'
      readonly status: 401 | 403
      readonly msg: string
      readonly name?: string
    }

const bearerPattern = /^bearer +(\S+) *$/i

export async function admit(
  request: Request,
  visitor: Visitor,
  { door, policy }: { readonly door: Door; readonly policy: DoorPolicy },
): Promise<Admission> {
  const token = bearerPattern.exec(request.headers.get('authorization') ?? '')?.[1]
  if (token !== undefined) return admitToken(token, door.tokens)
  const objection = browserObjection(request, visitor, policy.serverNames)
  if (objection !== undefined) return { kind: 'denied', status: 403, msg: objection }
  return admitUntokened(visitor, door, policy)
}

async function admitToken(token: string, tokens: Tokens): Promise<Admission> {
  try {
    const { id, name, scope, paths, methods } = await tokens.verify(token)
    const grant = { scope, paths, methods }
    return { kind: 'admitted', access: { name: `token ${name} (${id})`, grant } }
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    return { kind: 'denied', status: 401, msg: error.message }
  }
}

function admitUntokened(visitor: Visitor, door: Door, policy: DoorPolicy): Admission {
  const { certificateSubject: subject, peer } = visitor
  if (subject !== undefined) {
    const name = `certificate ${subject}`
    const rule = policy.certificates.find((one) => one.subject === subject || one.subject === '*')
    if (rule !== undefined) return admitted(name, rule.grant)
    if (policy.certificates.length > 0) {
      return { kind: 'denied', status: 403, msg: `nothing is granted to ${name}`, name }
    }
  }
  if (peer === 'unix:') return admitUser(visitor, door)
  if (!isOfThisMachine(visitor)) {
    return needsToken(`control answers programs of this machine only, and ${peer} is not on it`)
  }
  return policy.loopback === undefined
    ? needsToken('programs of this machine must show who they are')
    : admitted(undefined, policy.loopback)
}

function admitUser({ credentials }: Visitor, door: Door): Admission {
  if (credentials === undefined) return needsToken('the system does not tell who is calling')
  const name = `user ${credentials.uid}`
  if (door.isAdmin(credentials.uid)) return admitted(name, everything)
  return { ...needsToken(`${name} is neither root nor the engine's own`), name }
}

function admitted(name: string | undefined, grant: Grant): Admission {
  return { kind: 'admitted', access: { name, grant } }
}

function needsToken(reason: string): Extract<Admission, { kind: 'denied' }> {
  const msg = `${reason}; a token or a client certificate is needed`
  return { kind: 'denied', status: 401, msg }
}
