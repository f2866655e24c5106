/** A filter that packs or unpacks a body, and counts what goes through. */
import type { BodyFilter } from '../body-filter.ts'
import type { Request } from '../request.ts'

export type PackingFormat = 'gzip' | 'gunzip' | 'br' | 'zstd'

export interface PackingFilter extends BodyFilter {
  readonly format: PackingFormat
  /** Bytes of the body before and behind it. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** True when the body has gone through whole. */
  readonly complete: boolean
}

const digits = 2

/** How many times smaller the body has become, as `$gzip_ratio` prints it; `undefined` where it was not packed. */
export function packingRatio({ filters }: Request, format: PackingFormat): string | undefined {
  const filter = filters.find(
    (one): one is PackingFilter => 'format' in one && one.format === format,
  )
  if (filter === undefined || !filter.complete || filter.bytesOut === 0) return undefined
  return (filter.bytesIn / filter.bytesOut).toFixed(digits)
}
