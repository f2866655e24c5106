/** What the kernel knows of a TCP connection (tcp(7), `struct tcp_info`). */
import { SOL_TCP, TCP_INFO } from './ffi/constants.ts'
import { ffiAvailable } from './ffi/libc.ts'
import { getWordsOption } from './ffi/socket-calls.ts'
import type { Socket } from './socket.ts'

export interface TcpInfo {
  /** Smoothed round-trip time and its variance, microseconds. */
  readonly rtt: number
  readonly rttVariance: number
  /** Congestion window towards the client, segments. */
  readonly sendWindow: number
  /** Room for what the client sends, bytes. */
  readonly receiveSpace: number
}

/** Places of the fields, in words of four bytes. */
const words = { rtt: 17, rttVariance: 18, sendWindow: 20, receiveSpace: 24 } as const
const structWords = 25

/** Undefined where the socket is closed or is no TCP socket. */
export function tcpInfo(socket: Socket): TcpInfo | undefined {
  if (!ffiAvailable() || socket.descriptor === -1 || socket.local.family === 'unix')
    return undefined
  const found = getWordsOption(socket.descriptor, SOL_TCP, TCP_INFO, structWords)
  if (found === undefined) return undefined
  const at = (place: keyof typeof words): number => found[words[place]]!
  return {
    rtt: at('rtt'),
    rttVariance: at('rttVariance'),
    sendWindow: at('sendWindow'),
    receiveSpace: at('receiveSpace'),
  }
}
