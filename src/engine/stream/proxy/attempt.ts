/** What both proxies note of an attempt at an upstream. */
import type { Address } from '../../net/address.ts'
import type { UpstreamAttempt } from '../session-facts.ts'

export function newAttempt(peer: string): UpstreamAttempt {
  return {
    peer,
    connectMs: -1,
    firstByteMs: -1,
    sessionMs: 0,
    bytesSent: 0,
    bytesReceived: 0,
  }
}

/** What balancing by address goes by. */
export function clientKey(address: Address): string {
  return address.family === 'unix' ? '' : address.host
}
