/**
 * Limits of the broker. It serves the processes of one installation, so they are wide; they are there to
 * keep a client that runs wild from taking the bus down with it.
 */
export const brokerLimits = {
  connectionsMax: 4_096,
  /** From accepting a connection to its CONNECT. */
  connectTimeoutMs: 30_000,
  /** The largest configuration patch is 1 MB; MQTT itself allows 256 MB. */
  packetBytesMax: 4_194_304,
  /** A subscriber whose unread bytes in our memory exceed this is cut off. */
  sendBufferBytesMax: 33_554_432,
  retainedMessagesMax: 200_000,
  retainedBytesMax: 268_435_456,
  /** Sessions that outlive their connection (clean session false). */
  sessionsMax: 1_000,
  subscriptionsPerSessionMax: 1_000,
  /**
   * Messages that wait for a session's client; further ones are dropped for that session. Counted before a
   * group of writes, which may so exceed it once.
   */
  queuedPerSessionMax: 10_000,
  queuedBytesPerSessionMax: 67_108_864,
  /** Writes that share one flush of the disk. */
  writesPerCommitMax: 1_000,
  /** Retained messages that are on their way to one new subscriber at a time. */
  replayedTogetherMax: 100,
  configurationBytesMax: 1_048_576,
  /** Time that a stale socket's owner has to answer before its file is removed. */
  socketProbeTimeoutMs: 1_000,
} as const
