/**
 * `expires`: how long clients may keep a response, told by `Expires` and `Cache-Control` (RFC 9111 §5).
 */
import { ConfError } from '../conf/diagnostics.ts'
import { parseTimeSeconds } from '../conf/units.ts'
import { httpDate } from '../core/clock.ts'
import type { Response } from './response.ts'

/**
 * - `access`: so many seconds from now;
 * - `modified`: from when the file was changed last;
 * - `daily`: at a time of the day;
 * - the others say it by themselves.
 */
export interface Expiry {
  readonly kind: 'access' | 'modified' | 'daily' | 'epoch' | 'max' | 'off'
  readonly seconds: number
}

const secondsPerDay = 86_400

const words: Readonly<Record<string, Expiry>> = {
  epoch: { kind: 'epoch', seconds: 0 },
  max: { kind: 'max', seconds: 0 },
  off: { kind: 'off', seconds: 0 },
}

/** Parses a time; `modified` where the directive says so. Throws `ConfError` in nginx's words. */
export function parseExpiry(text: string, modified: boolean): Expiry {
  const word = modified ? undefined : words[text]
  if (word !== undefined) return word
  const daily = text.startsWith('@')
  if (daily && modified) {
    throw new ConfError('daily time cannot be used with "modified" parameter')
  }
  const seconds = parseTimeSeconds(text.replace(/^[@+-]/, ''))
  if (seconds === undefined) throw new ConfError('invalid value')
  if (daily && seconds > secondsPerDay) {
    throw new ConfError('daily time value must be less than 24 hours')
  }
  const kind = daily ? 'daily' : modified ? 'modified' : 'access'
  return { kind, seconds: text.startsWith('-') ? -seconds : seconds }
}

/** Writes the fields; `now` in milliseconds. */
export function writeExpiry(response: Response, expiry: Expiry, now: number): void {
  if (expiry.kind === 'off') return
  const [expires, control] = fieldsOf(response, expiry, Math.floor(now / 1000))
  response.remove('expires')
  response.remove('cache-control')
  response.add('Expires', expires)
  response.add('Cache-Control', control)
}

function fieldsOf(
  response: Response,
  { kind, seconds }: Expiry,
  now: number,
): readonly [expires: string, cacheControl: string] {
  if (kind === 'epoch') return ['Thu, 01 Jan 1970 00:00:01 GMT', 'no-cache']
  if (kind === 'max') return ['Thu, 31 Dec 2037 23:55:55 GMT', 'max-age=315360000']
  if (seconds === 0 && kind !== 'daily') return [httpDate(), 'max-age=0']
  const at = expiryTime(response, { kind, seconds }, now)
  const age = at - now
  const control = seconds < 0 || age < 0 ? 'no-cache' : `max-age=${age}`
  return [new Date(at * 1000).toUTCString(), control]
}

/** Seconds since the epoch. */
function expiryTime({ lastModified }: Response, { kind, seconds }: Expiry, now: number): number {
  if (kind === 'daily') return nextTime(seconds, now)
  const from = kind === 'access' || lastModified < 0 ? now : Math.floor(lastModified / 1000)
  return from + seconds
}

/** When it is so many seconds after midnight next, by the local clock. */
function nextTime(seconds: number, now: number): number {
  const at = new Date(now * 1000)
  at.setHours(0, 0, seconds, 0)
  if (at.getTime() <= now * 1000) at.setDate(at.getDate() + 1)
  return Math.floor(at.getTime() / 1000)
}
