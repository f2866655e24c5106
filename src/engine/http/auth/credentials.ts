/** Name and password of basic authentication (RFC 7617). */
import { nameId } from '../header-names.ts'
import type { Request } from '../request.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
}

const authorizationId = nameId('authorization')

/** What the client has sent; `undefined` where it has sent nothing of that kind, or nothing that can be read. */
export function credentialsOf({ head }: Request): Credentials | undefined {
  const field = head.value(authorizationId)
  const match = field === undefined ? null : /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(field)
  if (match === null) return undefined
  const text = Buffer.from(match[1]!, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}
