/** Keys of fixed length at most, for records of shared tables. */
import { createHash } from 'node:crypto'

/**
 * The key itself where it has fewer than `bytesMax` bytes, else a digest of exactly so many characters,
 * which no key that stands for itself can equal. Six bits a character: 22 are as good as 128 bits.
 */
export function shortKey(key: string, bytesMax: number): string {
  return Buffer.byteLength(key) < bytesMax
    ? key
    : createHash('sha256').update(key).digest('base64url').slice(0, bytesMax).padEnd(bytesMax, '=')
}
