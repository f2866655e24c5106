/** Name and password of basic authentication (RFC 7617). */
import { nameId } from '../header-names.ts'
import type { Request } from '../request.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
}

const authorizationId = nameId('authorization')

/** Base64 up to its padding; what stands behind that is passed over, as by nginx. */
const basicPattern = /^basic +([A-Za-z0-9+/]+)(?:=.*)?$/i

/** What the client has sent; `undefined` where it has sent nothing of that kind, or nothing that can be read. */
export function credentialsOf({ head }: Request): Credentials | undefined {
  const field = head.value(authorizationId)
  const encoded = field === undefined ? undefined : basicPattern.exec(field)?.[1]
  // One character of a group of four is less than a byte.
  if (encoded === undefined || encoded.length % 4 === 1) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon <= 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}
