/** Limits of what the telemetry copilot holds, and of how long it tries. */
export const exportLimits = {
  /** How often the rings are looked into: they hold what the fastest worker records meanwhile. */
  pollMs: 50,
  /** First and longest wait after an export that failed. */
  retryMsMin: 1_000,
  retryMsMax: 30_000,
  /** For the last exports when the engine ends; within the time that the master gives a copilot. */
  flushMs: 3_500,
  /** Lost records are spoken of once in so long. */
  lossNoticeMs: 10_000,
} as const
