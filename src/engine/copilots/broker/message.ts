/**
 * The packets as aedes hands them to its persistence and wants them back.
 */
import type { QoS } from 'mqtt-packet'

/** A message as it was published. */
export interface Message {
  readonly cmd?: 'publish'
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos: QoS
  readonly retain: boolean
  readonly dup?: boolean
}

/** A message on its way through this broker: the number tells copies of one message from repetitions. */
export interface NumberedMessage extends Message {
  readonly brokerId: string
  readonly brokerCounter: number
  clientId?: string
}

/** A message that waits in a session until its client has acknowledged it. */
export interface QueuedMessage extends NumberedMessage {
  readonly cmd: 'publish'
  messageId: number | undefined
}

/** The second half of QoS 2: the message has arrived, the client has not confirmed its release. */
export interface QueuedRelease {
  readonly cmd: 'pubrel'
  readonly messageId: number
  readonly brokerId?: string
  readonly brokerCounter?: number
}

export type Queued = QueuedMessage | QueuedRelease

/** A client's last will; published when the client goes without a word. */
export interface Will extends Message {
  brokerId?: string
  clientId?: string
}

export interface Subscription {
  readonly topic: string
  readonly qos: QoS
}

/** What identifies a client to the persistence. */
export interface ClientRef {
  readonly id: string
}

/** A copy that keeps no more than the payload in memory: packets are slices of large read buffers. */
export function ownPayload(payload: Buffer | string): Buffer | string {
  return typeof payload === 'string' ? payload : Buffer.from(payload)
}

export function payloadBytes(payload: Buffer | string): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
}

export function samePayload(a: Buffer | string, b: Buffer | string): boolean {
  return Buffer.from(a as string).equals(Buffer.from(b as string))
}
