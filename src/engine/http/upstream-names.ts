/** Names of response fields that say something to a proxy, by id. */
import { NameIndex } from './name-index.ts'

/** Order gives the ids. */
export const upstreamNames = [
  'content-type',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'date',
  'server',
  'last-modified',
  'etag',
  'location',
  'refresh',
  'set-cookie',
  'upgrade',
  'trailer',
  'x-pad',
  'x-accel-expires',
  'x-accel-redirect',
  'x-accel-limit-rate',
  'x-accel-buffering',
  'x-accel-charset',
  'accept-ranges',
  'content-range',
  'www-authenticate',
] as const

export type UpstreamName = (typeof upstreamNames)[number]

const ids = Object.fromEntries(upstreamNames.map((name, id) => [name, id])) as Record<
  UpstreamName,
  number
>

/** Id of a name; for use when modules are loaded. */
export function upstreamNameId(name: UpstreamName): number {
  return ids[name]
}

/** Id of a name that may be among them, in lower case; -1 otherwise. */
export function findUpstreamNameId(name: string): number {
  return (ids as Record<string, number | undefined>)[name] ?? -1
}

export const upstreamNameIndex: NameIndex = new NameIndex(upstreamNames)
