/**
 * Checks of what callers give to a store, the same for all implementations.
 */
import { storeLimits } from './limits.ts'
import { StoreError, type Change, type Expectation } from './store.ts'

/**
 * Control characters and lone surrogates have no place in keys; U+10FFFF is kept free because it sorts
 * after every other character and so ends the range of a prefix.
 */
// oxlint-disable-next-line no-control-regex
const forbidden = /[\p{Cc}\p{Cs}\u{10FFFF}]/u

export function checkKey(key: string): void {
  if (key === '') throw new StoreError('TRIJET_STORE_KEY', 'the key is empty')
  checkPrefix(key)
}

/** A prefix is a key that may be empty, which stands for all keys. */
export function checkPrefix(prefix: string): void {
  if (Buffer.byteLength(prefix) > storeLimits.keyBytesMax) {
    throw new StoreError(
      'TRIJET_STORE_KEY',
      `the key is longer than ${storeLimits.keyBytesMax} bytes: "${prefix.slice(0, 64)}…"`,
    )
  }
  if (forbidden.test(prefix)) {
    throw new StoreError(
      'TRIJET_STORE_KEY',
      `the key holds a forbidden character: ${JSON.stringify(prefix)}`,
    )
  }
}

export function checkCommit(
  changes: readonly Change[],
  expectations: readonly Expectation[],
): void {
  const most = storeLimits.changesPerCommitMax
  if (changes.length > most || expectations.length > most) {
    throw new StoreError('TRIJET_STORE_SIZE', `a commit takes at most ${most} changes`)
  }
  for (const { key } of expectations) checkKey(key)
  const seen = new Set<string>()
  let bytes = 0
  for (const change of changes) {
    checkKey(change.key)
    if (seen.has(change.key)) {
      throw new StoreError('TRIJET_STORE_KEY', `the commit changes "${change.key}" twice`)
    }
    seen.add(change.key)
    bytes += Buffer.byteLength(change.key) + valueBytes(change)
  }
  if (bytes > storeLimits.commitBytesMax) {
    throw new StoreError(
      'TRIJET_STORE_SIZE',
      `the commit has ${bytes} bytes, at most ${storeLimits.commitBytesMax} are allowed`,
    )
  }
}

export function checkTtl(ttlMs: number): void {
  const { leaseTtlMsMin: least, leaseTtlMsMax: most } = storeLimits
  if (!(ttlMs >= least && ttlMs <= most)) {
    throw new StoreError('TRIJET_STORE_SIZE', `a lease lasts ${least} to ${most} ms, not ${ttlMs}`)
  }
}

/** How many entries a page may hold. */
export function pageLimit(asked: number | undefined): number {
  if (asked === undefined) return storeLimits.rangeEntriesMax
  if (!Number.isInteger(asked) || asked < 1) {
    throw new StoreError('TRIJET_STORE_SIZE', `the limit of a range is not positive: ${asked}`)
  }
  return Math.min(asked, storeLimits.rangeEntriesMax)
}

/** A copy of the value as bytes, so that later changes of the caller's buffer do not reach the store. */
export function toBytes(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? new TextEncoder().encode(value) : value.slice()
}

function valueBytes(change: Change): number {
  if (change.kind === 'delete') return 0
  const bytes =
    typeof change.value === 'string' ? Buffer.byteLength(change.value) : change.value.byteLength
  if (bytes > storeLimits.valueBytesMax) {
    throw new StoreError(
      'TRIJET_STORE_SIZE',
      `the value of "${change.key}" has ${bytes} bytes, at most ${storeLimits.valueBytesMax} are allowed`,
    )
  }
  return bytes
}
