import type { Datagram, DatagramListener } from '../net/datagram.ts'
import type { StreamEngine } from './engine.ts'
import type { Port } from './ports.ts'

export class DatagramSessions {
  constructor(_engine: StreamEngine) {}
  receive(_listener: DatagramListener, _datagram: Datagram, _port: Port): void {}
}
