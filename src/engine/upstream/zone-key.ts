/** Keys of records in zones: as they are where they fit, a digest where they do not. */
import { createHash } from 'node:crypto'

/** The key itself, or a digest of it when it has more than `bytesMax` bytes. */
export function shortKey(key: string, bytesMax: number): string {
  return Buffer.byteLength(key) <= bytesMax
    ? key
    : createHash('sha256').update(key).digest('base64url')
}
