/**
 * Limits of the bus client.
 */
export const busLimits = {
  /** From the attempt to the broker's CONNACK. */
  connectTimeoutMs: 10_000,
  /** The broker is on this machine or near, so the first attempts come fast. */
  reconnectFirstMs: 50,
  reconnectMostMs: 2_000,
  /** A connection that held so long is none that a broker ends each time. */
  settledMs: 5_000,
  /** Messages that wait for the broker or for its acknowledgement. */
  queuedMessagesMax: 10_000,
  queuedBytesMax: 67_108_864,
  /** Sent but not acknowledged at a time; MQTT would allow 65,535. */
  inflightMax: 256,
  subscriptionsMax: 1_000,
  /** How long closing waits for what is queued. */
  closeTimeoutMs: 2_000,
  requestsMax: 1_000,
  /** OpenNJet's default of an RPC. */
  requestTimeoutMs: 2_000,
  configurationBytesMax: 1_048_576,
} as const
