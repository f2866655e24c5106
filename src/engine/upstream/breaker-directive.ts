/** `circuit_breaker` and `retry_budget` as they are written. */
import { ConfError } from '../conf/diagnostics.ts'
import type { ValueType } from '../core/module.ts'
import type { BreakerConfig } from './breaker.ts'
import { atLeast, percent, positiveTime, readNamed } from './named-parameters.ts'
import type { RetryBudgetConfig } from './retry-budget.ts'

const breakerReaders = {
  error_ratio: percent,
  slow: positiveTime,
  slow_ratio: percent,
  consecutive: atLeast(1),
  window: positiveTime,
  min_requests: atLeast(1),
  open: positiveTime,
  half_open: atLeast(1),
  max_ejection: percent,
} as const

export const breakerValue: ValueType<BreakerConfig | undefined> = {
  describe:
    '[error_ratio=percent] [slow=time slow_ratio=percent] [consecutive=number] [window=time] ' +
    '[min_requests=number] [open=time] [half_open=number] [max_ejection=percent]',
  parse(words) {
    const { error_ratio, slow, slow_ratio, consecutive, ...rest } = readNamed(words, breakerReaders)
    if ((slow === undefined) !== (slow_ratio === undefined)) {
      throw new ConfError('"slow" and "slow_ratio" of "circuit_breaker" need each other')
    }
    if (error_ratio === undefined && slow === undefined && consecutive === undefined) {
      throw new ConfError(
        '"circuit_breaker" needs "error_ratio", "slow" with "slow_ratio", or "consecutive"',
      )
    }
    return Object.freeze({
      errorRatio: error_ratio ?? 0,
      slowMs: slow ?? 0,
      slowRatio: slow_ratio ?? 0,
      consecutive: consecutive ?? 0,
      windowMs: rest.window ?? 10_000,
      requestsMin: rest.min_requests ?? 20,
      openMs: rest.open ?? 30_000,
      trials: rest.half_open ?? 1,
      ejectionMax: rest.max_ejection ?? 100,
    })
  },
}

const budgetReaders = { percent, min: atLeast(0), window: positiveTime } as const

export const retryBudgetValue: ValueType<RetryBudgetConfig | undefined> = {
  describe: '[percent=number] [min=number] [window=time]',
  parse(words) {
    const { percent: share, min, window } = readNamed(words, budgetReaders)
    return Object.freeze({ percent: share ?? 20, retriesMin: min ?? 3, windowMs: window ?? 10_000 })
  },
}
