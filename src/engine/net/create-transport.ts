/** Picks the driver for this machine. */
import type { Log } from '../core/log.ts'
import { EpollTransport } from './epoll/epoll-transport.ts'
import { ffiAvailable } from './ffi/libc.ts'
import { NodeTransport } from './node/node-transport.ts'
import type { Transport } from './transport.ts'

export interface TransportOptions {
  readonly log: Log
  /** For tests and comparisons; otherwise the fastest that works here. */
  readonly kind?: Transport['kind']
}

export function createTransport({ log, kind }: TransportOptions): Transport {
  const chosen = kind ?? (ffiAvailable() ? 'epoll' : 'node')
  return chosen === 'epoll' ? new EpollTransport(log) : new NodeTransport(log)
}
