/**
 * Waiting for something, with a deadline that names what did not come.
 *
 * Deadlines are generous: they end a hanging test, they never measure.
 */
import { setTimeout as delay } from 'node:timers/promises'

export const waitLimits = {
  /** A busy two-core machine starts a process in a second; ten times that, and some. */
  deadlineMs: 20_000,
  pollEveryMs: 10,
} as const

export interface WaitOptions {
  /** What is waited for, for the message of the failure. */
  readonly what?: string
  readonly deadlineMs?: number
}

/** The promise's value, or an error that says what did not come in time. */
export async function within<T>(promise: Promise<T>, options: WaitOptions = {}): Promise<T> {
  const { what = 'a promise', deadlineMs = waitLimits.deadlineMs } = options
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new Error(`waited ${deadlineMs} ms for ${what}`)),
    deadlineMs,
  )
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Polls until the probe gives anything but `undefined` or `false`, and returns that. */
export async function until<T>(
  probe: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, undefined | false>> {
  const { what = 'a condition', deadlineMs = waitLimits.deadlineMs } = options
  const giveUpAt = performance.now() + deadlineMs
  for (;;) {
    const found = await probe()
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>
    if (performance.now() > giveUpAt) throw new Error(`waited ${deadlineMs} ms for ${what}`)
    await delay(waitLimits.pollEveryMs)
  }
}
