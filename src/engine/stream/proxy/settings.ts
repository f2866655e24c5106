/**
 * The settings of a proxy as its sessions use them: values that are texts with variables are read per
 * session, everything else is looked up once.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseSize } from '../../conf/units.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { InetAddress } from '../../net/address.ts'
import type { Socket, SocketHandler } from '../../net/socket.ts'
import type { ConnectOptions } from '../../net/transport.ts'
import type { Peer } from '../../upstream/peer.ts'
import type { Session } from '../session.ts'
import { parseBindAddress, type ProxyConf } from './directives.ts'

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
  readonly requests: number
  /** `undefined`: any number. */
  readonly responses: number | undefined
  /** Bytes a second; 0: no limit. */
  uploadRate(session: Session): number
  downloadRate(session: Session): number
  /** Options of the connection to an upstream; `undefined` where the session's address to bind is none. */
  connectOptions(session: Session): ConnectOptions
  /** Begins to connect; what must come before the client's bytes is seen to. */
  connect(session: Session, peer: Peer, handler: SocketHandler): Socket
}

export function compileSettings(
  conf: ProxyConf,
  tcpNoDelay: boolean,
): Omit<ProxySettings, 'connect'> {
  return {
    connectTimeoutMs: conf.proxy_connect_timeout,
    idleTimeoutMs: conf.proxy_timeout,
    bufferBytes: conf.proxy_buffer_size,
    nextUpstream: conf.proxy_next_upstream,
    tries: conf.proxy_next_upstream_tries,
    nextTimeoutMs: conf.proxy_next_upstream_timeout,
    halfClose: conf.proxy_half_close,
    requests: conf.proxy_requests,
    responses: conf.proxy_responses,
    uploadRate: compileRate(conf.proxy_upload_rate),
    downloadRate: compileRate(conf.proxy_download_rate),
    connectOptions: compileConnectOptions(conf, tcpNoDelay),
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

function compileConnectOptions(
  conf: ProxyConf,
  noDelay: boolean,
): (session: Session) => ConnectOptions {
  const keepAlive = conf.proxy_socket_keepalive ? { keepAlive: { enabled: true } } : {}
  const plain: ConnectOptions = Object.freeze({ noDelay, ...keepAlive })
  const bind = conf.proxy_bind
  if (bind === undefined) return () => plain
  const { address, transparent } = bind
  if (address.constant !== undefined) {
    const fixed = Object.freeze({ ...plain, bind: parseBindAddress(address.constant), transparent })
    return () => fixed
  }
  return (session) => {
    const from = bindAddressOf(address.evaluate(session), session)
    return from === undefined ? plain : { ...plain, bind: from, transparent }
  }
}

/** As nginx, a text that is no address is logged, and the connection comes from wherever it would. */
function bindAddressOf(text: string, session: Session): InetAddress | undefined {
  if (text === '') return undefined
  try {
    return parseBindAddress(text)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    session.log('error', error.message)
    return undefined
  }
}
