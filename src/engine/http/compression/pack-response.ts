/** What all packings do with a head: whether to pack, and what is said of it. */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber, parseSize } from '../../conf/units.ts'
import type { ValueType } from '../../core/module.ts'
import type { MimeSet } from '../mime-set.ts'
import type { Request } from '../request.ts'
import { acceptsCoding } from './accept-encoding.ts'

export interface PackingRules {
  readonly types: MimeSet
  readonly minLength: number
  /** Says so by `Vary`, whether this client gets it packed or not. */
  readonly varies: boolean
}

const packable: ReadonlySet<number> = new Set([200, 403, 404])

/** True when the body may be packed, if only the client takes it. */
export function isPackable({ response }: Request, rules: PackingRules): boolean {
  return (
    packable.has(response.status) &&
    (response.contentLength < 0 || response.contentLength >= rules.minLength) &&
    rules.types.has(response.contentType) &&
    response.get('content-encoding') === undefined
  )
}

/** Announces a packing that needs nothing but the client's consent; false where it is not packed. */
export function packResponse(request: Request, rules: PackingRules, coding: string): boolean {
  if (!isPackable(request, rules)) return false
  request.response.varies ||= rules.varies
  if (request.parent !== undefined || !acceptsCoding(request, coding)) return false
  announcePacking(request, coding)
  return true
}

/** Says that the body comes packed. */
export function announcePacking({ response }: Request, coding: string): void {
  response.add('Content-Encoding', coding)
  response.changeBody()
}

/** `number size`: checked, though one buffer of the process serves all responses. Bytes in all. */
export const packingBuffers: ValueType<number> = {
  describe: 'number size',
  parse: ([count = '', bytes = ''], { node }) => {
    const total = (parseNumber(count) ?? 0) * (parseSize(bytes) ?? 0)
    if (total > 0) return total
    throw new ConfError(`"${node.name}" directive invalid value`)
  },
}
