/** Which traces are recorded: decided once, where a request comes in. */
import type { SamplerSettings } from './settings-file.ts'
import type { TraceParent } from './trace-context.ts'

/** Of the 56 random bits that the last words of an identifier hold (OpenTelemetry, probability sampling). */
const randomness = 2 ** 56
const upperMask = 0xff_ffff
const wordValues = 2 ** 32

/**
 * True for a request that is recorded. `callerSampled` is what a trusted caller has decided.
 *
 * Shares are taken by the identifier, so that every part of a system takes the same traces.
 */
export function isSampled(
  { name, ratio, parentBased }: SamplerSettings,
  { trace2, trace3 }: Pick<TraceParent, 'trace2' | 'trace3'>,
  callerSampled: boolean | undefined,
): boolean {
  if (parentBased && callerSampled !== undefined) return callerSampled
  switch (name) {
    case 'AlwaysOn':
      return true
    case 'AlwaysOff':
      return false
    case 'TraceIdRatioBased':
      return (trace2 & upperMask) * wordValues + trace3 >= (1 - ratio) * randomness
  }
}
