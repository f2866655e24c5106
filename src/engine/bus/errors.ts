/**
 * The ways in which the bus refuses or fails.
 */
export const busErrorCodes = {
  TRIJET_BUS_OFFLINE: 'not connected, and the message is not of a kind that waits',
  TRIJET_BUS_FULL: 'too many messages, requests or subscriptions are pending',
  TRIJET_BUS_CLOSED: 'the client is closed',
  TRIJET_BUS_REFUSED: 'the broker refused a subscription',
  TRIJET_BUS_TOPIC: 'a topic or a filter is not valid',
  TRIJET_BUS_TIMEOUT: 'no reply came in time',
  TRIJET_BUS_REMOTE: 'the other side failed to serve the request',
} as const

export type BusErrorCode = keyof typeof busErrorCodes

export class BusError extends Error {
  readonly code: BusErrorCode

  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BusError'
    this.code = code
  }
}
