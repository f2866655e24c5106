/** `early_hints`: responses 103 of an upstream (RFC 8297) go on to the client. */
import type { Request } from '../request.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import type { ProxySettings } from './settings.ts'

const earlyHints = 103

/** Passes an interim head on where the location wants it; others are for the connection to us alone. */
export function passInterim(request: Request, head: UpstreamHead, settings: ProxySettings): void {
  if (head.status !== earlyHints || !wanted(request, settings)) return
  const [names, values]: [string[], string[]] = [[], []]
  for (let field = 0; field < head.count; field++) {
    const id = head.idOf(field)
    if (id >= 0 && settings.hidden[id] === 1) continue
    names.push(head.name(field))
    values.push(head.value(field))
  }
  request.carrier.sendInterim(request, earlyHints, names, values)
}

function wanted(request: Request, { earlyHints: conditions }: ProxySettings): boolean {
  if (conditions.length === 0) return false
  return conditions.every((condition) => {
    const value = condition.evaluate(request)
    return value !== '' && value !== '0'
  })
}
