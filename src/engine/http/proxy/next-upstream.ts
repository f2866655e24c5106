/** `proxy_next_upstream`: which failures another server is asked after. */
import { someOf } from '../../modules/value-types.ts'
import type { ValueType } from '../../core/module.ts'

/** What may go wrong with one server; each is a bit. */
export const failures = {
  error: 1,
  timeout: 2,
  invalid_header: 4,
  http_500: 8,
  http_502: 16,
  http_503: 32,
  http_504: 64,
  http_403: 128,
  http_404: 256,
  http_429: 512,
  non_idempotent: 1024,
  off: 2048,
} as const

export type Failure = keyof typeof failures

/** Bits of `failures`. */
export type NextUpstream = number

const words = someOf(...(Object.keys(failures) as Failure[]))

const type: ValueType<NextUpstream> = {
  describe: words.describe,
  parse: (args, env) => {
    const bits = words.parse(args, env).reduce((sum, name) => sum | failures[name], 0)
    return (bits & failures.off) === 0 ? bits : 0
  },
}

export const nextUpstream: {
  readonly type: ValueType<NextUpstream>
  readonly usual: NextUpstream
} = { type, usual: failures.error | failures.timeout }

/** The bit of a status that counts as a failure; 0 for one that does not. */
export function failureOfStatus(status: number): number {
  switch (status) {
    case 500:
      return failures.http_500
    case 502:
      return failures.http_502
    case 503:
      return failures.http_503
    case 504:
      return failures.http_504
    case 403:
      return failures.http_403
    case 404:
      return failures.http_404
    case 429:
      return failures.http_429
    default:
      return 0
  }
}

/** Status that a client is told after the last failure. */
export function statusOfFailure(failure: number): number {
  switch (failure) {
    case failures.timeout:
    case failures.http_504:
      return 504
    case failures.http_500:
      return 500
    case failures.http_503:
      return 503
    case failures.http_403:
      return 403
    case failures.http_404:
      return 404
    case failures.http_429:
      return 429
    default:
      return 502
  }
}

/** Methods whose requests are not sent twice without being told so: what they do may have been done. */
const onceOnly: ReadonlySet<string> = new Set(['POST', 'LOCK', 'PATCH'])

/** True when another server may be asked after a failure; `sent` is the method of what one has got already. */
export function takesNext(next: NextUpstream, failure: number, sent: string): boolean {
  const wanted = onceOnly.has(sent) ? failure | failures.non_idempotent : failure
  return (next & wanted) === wanted
}
