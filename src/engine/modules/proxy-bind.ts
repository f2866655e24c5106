/** `proxy_bind` and `proxy_socket_keepalive`: how connections to upstreams are made, in both subsystems. */
import { isIPv4, isIPv6 } from 'node:net'
import { ConfError } from '../conf/diagnostics.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { ValueType } from '../core/module.ts'
import type { VariableHost } from '../core/variables.ts'
import type { InetAddress } from '../net/address.ts'
import type { ConnectOptions } from '../net/transport.ts'
import { parseAddress } from '../upstream/addresses.ts'

export interface ProxyBind {
  readonly address: ComplexValue
  readonly transparent: boolean
}

export const bindType: ValueType<ProxyBind | undefined> = {
  describe: 'address [transparent] | off',
  parse: ([text = '', option], env) => {
    if (text === 'off') return undefined
    const address = env.complex(text)
    if (address.constant !== undefined) parseBindAddress(address.constant)
    if (option !== undefined && option !== 'transparent') {
      throw new ConfError(`invalid parameter "${option}"`)
    }
    return { address, transparent: option === 'transparent' }
  },
}

/** An address to connect from, with or without a port. */
function parseBindAddress(text: string): InetAddress {
  if (isIPv4(text)) return { family: 4, host: text, port: 0 }
  if (isIPv6(text)) return { family: 6, host: text, port: 0 }
  const address = /:\d+$/.test(text) ? parseAddress(text) : undefined
  if (address === undefined || address.family === 'unix') {
    throw new ConfError(`invalid address "${text}"`)
  }
  return address
}

export interface ConnectConf {
  readonly proxy_bind: ProxyBind | undefined
  readonly proxy_socket_keepalive: boolean
}

/** Options of each connection; a text of variables that is no address goes to `fault`. */
export function compileConnectOptions<Host extends VariableHost>(
  conf: ConnectConf,
  noDelay: boolean,
  fault: (host: Host, message: string) => void,
): (host: Host) => ConnectOptions {
  const keepAlive = conf.proxy_socket_keepalive ? { keepAlive: { enabled: true } } : {}
  const plain: ConnectOptions = Object.freeze({ noDelay, ...keepAlive })
  const bind = conf.proxy_bind
  if (bind === undefined) return () => plain
  const { address, transparent } = bind
  if (address.constant !== undefined) {
    const fixed = Object.freeze({ ...plain, bind: parseBindAddress(address.constant), transparent })
    return () => fixed
  }
  return (host) => {
    const text = address.evaluate(host)
    if (text === '') return plain
    try {
      return { ...plain, bind: parseBindAddress(text), transparent }
    } catch (error) {
      if (!(error instanceof ConfError)) throw error
      // As nginx, it is logged, and the connection comes from wherever it would.
      fault(host, error.message)
      return plain
    }
  }
}
