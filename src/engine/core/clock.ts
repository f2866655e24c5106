/**
 * Time strings, made once a second and shared by everything that prints a time.
 */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

interface Cached {
  readonly second: number
  /** `2026/11/22 10:25:32`, local, for error logs. */
  readonly stamp: string
  /** `22/Nov/2026:10:25:32 +0000`, local, for `$time_local`. */
  readonly local: string
  /** `2026-11-22T10:25:32+00:00`, local, for `$time_iso8601`. */
  readonly iso: string
  /** `Nov  2 10:25:32`, local, for syslog (RFC 3164 §4.1.2). */
  readonly syslog: string
  /** `Sun, 22 Nov 2026 10:25:32 GMT`, for `Date` (RFC 9110 §5.6.7). */
  readonly http: string
}

let cached: Cached = format(0)

export function stamp(): string {
  return current().stamp
}

export function timeLocal(): string {
  return current().local
}

export function timeIso8601(): string {
  return current().iso
}

export function httpDate(): string {
  return current().http
}

export function syslogTime(): string {
  return current().syslog
}

function current(): Cached {
  const second = Math.floor(Date.now() / 1000)
  if (cached.second !== second) cached = format(second)
  return cached
}

function format(second: number): Cached {
  const date = new Date(second * 1000)
  const year = date.getFullYear()
  const month = two(date.getMonth() + 1)
  const day = two(date.getDate())
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  const offset = -date.getTimezoneOffset()
  const sign = offset < 0 ? '-' : '+'
  const hours = two(Math.floor(Math.abs(offset) / 60))
  const minutes = two(Math.abs(offset) % 60)
  return {
    second,
    stamp: `${year}/${month}/${day} ${time}`,
    local: `${day}/${months[date.getMonth()]}/${year}:${time} ${sign}${hours}${minutes}`,
    iso: `${year}-${month}-${day}T${time}${sign}${hours}:${minutes}`,
    syslog: `${months[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${time}`,
    http: date.toUTCString(),
  }
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
