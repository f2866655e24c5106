/** What an error line of a request ends with: whose it is, and what was asked for, in the words of nginx. */
import { formatHost } from '../net/address.ts'
import { nameId } from './header-names.ts'
import type { Request } from './request.ts'

const hostId = nameId('host')
const refererId = nameId('referer')

export function errorContext(request: Request): string {
  const { head, remote, server, parent, trail } = request
  let context = `client: ${formatHost(remote)}, server: ${server.name}`
  context += `, request: "${head.text(head.methodStart, head.lineEnd)}"`
  if (parent !== undefined) context += `, subrequest: "${request.uri}"`
  const upstream = trail?.urlFor(head) ?? ''
  if (upstream !== '') context += `, upstream: "${upstream}"`
  const host = head.value(hostId)
  if (host !== undefined) context += `, host: "${host}"`
  const referrer = head.value(refererId)
  return referrer === undefined ? context : `${context}, referrer: "${referrer}"`
}
