/**
 * Keys of a zone's records.
 *
 * ```text
 *   backend ⏎                        the group's own record
 *   backend ⏎ 10.0.0.1:80            a peer: its address
 *   backend ⏎ 10.0.0.1:80 2          the second one with that address
 * ```
 *
 * Groups of one zone are told apart by their names; a name that is too long for a key stands there as a digest.
 */
import { shortKey } from '../core/shared-key.ts'
import { type Address, formatAddress } from '../net/address.ts'
import { zoneGroupBytesMax } from './limits.ts'

export function groupKey(group: string): string {
  return `${shortKey(group, zoneGroupBytesMax)}\n`
}

/** Key of a peer within its group. */
export function peerKeys(addresses: readonly Address[]): readonly string[] {
  const seen = new Map<string, number>()
  return addresses.map((address) => {
    const name = formatAddress(address)
    const count = (seen.get(name) ?? 0) + 1
    seen.set(name, count)
    return count === 1 ? name : `${name} ${count}`
  })
}

/** The address that a peer's key stands for; another one of the same address says the same. */
export function addressOf(key: string): string {
  const at = key.lastIndexOf(' ')
  return at > 0 && /^[0-9]+$/.test(key.slice(at + 1)) ? key.slice(0, at) : key
}
