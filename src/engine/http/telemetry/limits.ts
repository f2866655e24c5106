/** Limits of what requests leave for the copilot that exports it. */
export const telemetryLimits = {
  /** Room for some two thousand spans of one worker: a tenth of a second of the fastest. */
  ringBytes: 1_048_576,
  /** One request’s record, with all attributes and captured fields. */
  recordBytesMax: 16_384,
  /** Longer texts are cut; collectors cut earlier. */
  textBytesMax: 4_096,
  nameBytesMax: 256,
  /** That records are lost is said once in so long. */
  noRoomNoticeMs: 10_000,
} as const
