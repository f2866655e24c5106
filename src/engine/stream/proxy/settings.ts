/**
 * The settings of a proxy as its sessions use them: values that are texts with variables are read per
 * session, everything else is looked up once.
 */
import { parseSize } from '../../conf/units.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import { compileConnectOptions } from '../../modules/proxy-bind.ts'
import type { SecureUpstream } from '../../modules/proxy-ssl.ts'
import type { DatagramHandler, DatagramSocket } from '../../net/datagram.ts'
import { writeProxyV1, writeProxyV2 } from '../../net/proxy-protocol.ts'
import type { Socket, SocketHandler } from '../../net/socket.ts'
import type { SecureSocket } from '../../net/tls/secure-socket.ts'
import type { Peer } from '../../upstream/peer.ts'
import type { Session } from '../session.ts'
import type { ProxyConf } from './directives.ts'

export interface ProxySettings {
  readonly connectTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly bufferBytes: number
  readonly nextUpstream: boolean
  /** 0: as many as the group has. */
  readonly tries: number
  /** 0: no limit. */
  readonly nextTimeoutMs: number
  readonly halfClose: boolean
  /** Off lets the kernel collect small writes, towards the client as well. */
  readonly noDelay: boolean
  readonly requests: number
  /** `undefined`: any number. */
  readonly responses: number | undefined
  /** Bytes a second; 0: no limit. */
  uploadRate(session: Session): number
  downloadRate(session: Session): number
  /** Begins to connect; what must come before the client's bytes is seen to. */
  connect(session: Session, peer: Peer, handler: SocketHandler): Socket
  /** Set where TLS follows once the connection stands; it does what must come before that. */
  readonly secure:
    | ((session: Session, peer: Peer, socket: Socket, handler: SocketHandler) => SecureSocket)
    | undefined
  /** Opens a socket towards an upstream; throws when the system has none for us. */
  connectDatagrams(session: Session, peer: Peer, handler: DatagramHandler): DatagramSocket
}

export function compileSettings(
  conf: ProxyConf,
  tcpNoDelay: boolean,
  tls: SecureUpstream<Session> | undefined,
): ProxySettings {
  const connectOptions = compileConnectOptions<Session>(conf, tcpNoDelay, (session, message) =>
    session.log('error', message),
  )
  const headerOf = conf.proxy_protocol ? compileProxyHeader(conf) : undefined
  return {
    connectTimeoutMs: conf.proxy_connect_timeout,
    idleTimeoutMs: conf.proxy_timeout,
    bufferBytes: conf.proxy_buffer_size,
    nextUpstream: conf.proxy_next_upstream,
    tries: conf.proxy_next_upstream_tries,
    nextTimeoutMs: conf.proxy_next_upstream_timeout,
    halfClose: conf.proxy_half_close,
    noDelay: tcpNoDelay,
    requests: conf.proxy_requests,
    responses: conf.proxy_responses,
    uploadRate: compileRate(conf.proxy_upload_rate),
    downloadRate: compileRate(conf.proxy_download_rate),
    connect(session, { address }, handler) {
      const { transport } = session.services
      const socket = transport.connect(address, connectOptions(session), handler)
      // Queued until the connection stands, and before everything else.
      if (headerOf !== undefined && tls === undefined) socket.write(headerOf(session))
      return socket
    },
    secure:
      tls &&
      ((session, peer, socket, handler) => {
        if (headerOf !== undefined) socket.write(headerOf(session))
        return tls.start(tls.nameFor(session), peer, socket, handler)
      }),
    connectDatagrams(session, { address }, handler) {
      const { transport } = session.services
      const socket = transport.connectDatagrams(address, connectOptions(session), handler)
      if (headerOf !== undefined) socket.send(headerOf(session))
      return socket
    },
  }
}

function compileProxyHeader(conf: ProxyConf): (session: Session) => Buffer {
  if (!conf.proxy_pp2) return ({ remote, client }) => writeProxyV1(remote, client.local)
  const tlvs = conf.proxy_pp2_set_tlv
  return (session) => {
    const values = tlvs.map(({ type, value }) => ({
      type,
      value: Buffer.from(value.evaluate(session)),
    }))
    const transport = session.protocol === 'TCP' ? 'tcp' : 'udp'
    return writeProxyV2(session.remote, session.client.local, values, transport)
  }
}

function compileRate(rate: ComplexValue | undefined): (session: Session) => number {
  if (rate === undefined) return () => 0
  if (rate.constant !== undefined) {
    const bytes = parseSize(rate.constant) ?? 0
    return () => bytes
  }
  return (session) => parseSize(rate.evaluate(session)) ?? 0
}
