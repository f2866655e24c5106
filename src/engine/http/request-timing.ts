/**
 * Requests begin with a look at the wall clock, whose milliseconds logs want. What counts how long requests
 * take wants more, and a look at the monotonic clock with it, which nobody else has to pay for.
 */

/** True once something in this process wants to know. */
export let timesRequests = false

/** Has requests note from now on when they began. */
export function timeRequests(): void {
  timesRequests = true
}
