/** How variables of requests are written down in tables. */
import type { ByteSink } from '../core/byte-sink.ts'
import type { RequestVariables } from './module.ts'
import type { Request } from './request.ts'

export type Reader = (request: Request, name: string) => string | undefined

/** Cannot change while the request lives. */
export function fixed(get: Reader, doc: string): RequestVariables[string] {
  return { get, doc }
}

/** Read anew each time. */
export function live(get: Reader, doc: string): RequestVariables[string] {
  return { get, doc, volatile: true }
}

/** Has a way to be written that makes no text of it. */
export function direct(
  definition: RequestVariables[string],
  append: (request: Request, sink: ByteSink) => boolean,
): RequestVariables[string] {
  return { ...definition, append }
}

/** `1.042` */
export function seconds(ms: number): string {
  return (Math.max(ms, 0) / 1000).toFixed(3)
}
