/** What both proxies note of an attempt at an upstream. */
import type { Address } from '../../net/address.ts'
import type { PeerWalk } from '../../upstream/walk.ts'
import type { UpstreamAttempt } from '../session-facts.ts'

/** At a server of a group or, where none was to be had, at the group as such. */
export function newAttempt(group: string, peer: string | undefined): UpstreamAttempt {
  return {
    peer: peer ?? group,
    group: peer === undefined ? '' : group,
    connectMs: -1,
    firstByteMs: -1,
    sessionMs: 0,
    bytesSent: 0,
    bytesReceived: 0,
  }
}

/** For methods that go by times; a peer that was not reached took none. */
export function recordTimes(walk: PeerWalk, attempt: UpstreamAttempt): void {
  walk.recordTime('connect', attempt.connectMs)
  walk.recordTime('header', attempt.firstByteMs)
  if (attempt.firstByteMs >= 0) walk.recordTime('last_byte', attempt.sessionMs)
}

/** What balancing by address goes by. */
export function clientKey(address: Address): string {
  return address.family === 'unix' ? '' : address.host
}
