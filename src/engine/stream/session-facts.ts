/**
 * What the phases of a session find out, for later phases and for variables. One shape, set as it comes.
 */
import type { Address, InetAddress } from '../net/address.ts'
import type { ClientHello } from '../net/client-hello.ts'
import type { SecureSocket } from '../net/tls/secure-socket.ts'
import type { SniffedProtocol } from '../net/protocol-sniff.ts'
import type { ProxyHeader } from '../net/proxy-protocol.ts'

/** One attempt at an upstream, for `$upstream_*`. Times are in milliseconds; -1 where it did not come to that. */
export interface UpstreamAttempt {
  peer: string
  /** The group it is of; empty where no server was to be had. */
  group: string
  connectMs: number
  firstByteMs: number
  sessionMs: number
  bytesSent: number
  bytesReceived: number
}

export type LimitConnStatus = 'PASSED' | 'REJECTED' | 'REJECTED_DRY_RUN'

export class SessionFacts {
  /** The address the connection came from, where `realip` has put the client's in its place. */
  connectedFrom: Address | undefined = undefined
  /** What the client's PROXY protocol header said. */
  proxyHeader: ProxyHeader | undefined = undefined
  /** On listeners with `mesh`: where the client meant to go, and whether that was elsewhere. */
  original: InetAddress | undefined = undefined
  intercepted: boolean = false
  /** What the first bytes say the client speaks. */
  sniffed: SniffedProtocol | undefined = undefined
  /** Of TLS that is passed through. */
  hello: ClientHello | undefined = undefined
  /** True when `$mesh_server_name` has been asked for once. */
  meshSwitched: boolean = false
  /** The client's connection under TLS. */
  tls: SecureSocket | undefined = undefined
  limitConn: LimitConnStatus | undefined = undefined
  attempts: UpstreamAttempt[] | undefined = undefined
}
