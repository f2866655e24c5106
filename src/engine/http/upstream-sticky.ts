/** `sticky` of a group, as requests know it: where a client is sent back to, and how it is told. */
import type { Group } from '../upstream/group.ts'
import type { Peer } from '../upstream/peer.ts'
import type { Request } from './request.ts'

/** Name of the peer that the client is bound to; empty for none. */
export function boundPeer({ sticky }: Group, request: Request): string {
  return sticky === undefined ? '' : sticky.choose(request)
}

/** The head of the peer's response has come, and is about to be sent. */
export function rememberAtHead({ sticky }: Group, request: Request, peer: Peer): void {
  if (sticky === undefined || sticky.atEnd) return
  const cookie = sticky.remember(request, peer)
  if (cookie !== undefined) request.response.add('Set-Cookie', cookie)
}

/** The response is complete. */
export function rememberAtEnd({ sticky }: Group, request: Request, peer: Peer): void {
  if (sticky?.atEnd === true) sticky.remember(request, peer)
}
