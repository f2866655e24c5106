/** The machine's monotonic clock: one scale in all processes, never set back, so that it may be shared. */

const origin = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** Milliseconds since the machine's clock began. */
export function monotonicMs(): number {
  return origin + performance.now()
}
