/**
 * Where `proxy_pass` leads to: scheme, group, and the URI that takes the location's place.
 *
 * ```text
 *   http://backend:8080/app/        scheme  http      host with port  backend:8080     uri  /app/
 *   http://unix:/run/x.sock:/app    scheme  http      host            unix:/run/x.sock uri  /app
 * ```
 */
import { ConfError } from '../../conf/diagnostics.ts'

export interface ProxyUrl {
  /** As log messages have it, `http://`. */
  readonly scheme: string
  readonly tls: boolean
  /** As it is written, with its port where it has one: what `Host` says, and `$proxy_host`. */
  readonly host: string
  /** What the group is called or found by. */
  readonly target: string
  /** Port of the URL or of its scheme; empty for unix sockets. */
  readonly port: string
  /** Of the scheme; `undefined` where a port must be said. */
  readonly defaultPort: number | undefined
  /** Empty where the URL ends with the host. */
  readonly uri: string
}

/** `parseProxyUrl` for values of variables: `undefined` for what is no URL of ours. */
export function readProxyUrl(text: string): ProxyUrl | undefined {
  return /^https?:\/\//i.test(text) ? parseProxyUrl(text) : undefined
}

/** Throws `ConfError` in nginx's words. */
export function parseProxyUrl(text: string): ProxyUrl {
  const scheme = /^https?:\/\//i.exec(text)?.[0]
  if (scheme === undefined) throw new ConfError('invalid URL prefix')
  const tls = scheme.length === 'https://'.length
  const rest = text.slice(scheme.length)
  const defaultPort = tls ? 443 : 80
  if (/^unix:/i.test(rest)) return unixUrl(rest, { tls, defaultPort })
  const end = rest.search(/[/?#]/)
  const host = end < 0 ? rest : rest.slice(0, end)
  const uri = end < 0 ? '' : rest.slice(end)
  return {
    scheme: tls ? 'https://' : 'http://',
    tls,
    host,
    target: host,
    port: /:(\d+)$/.exec(host)?.[1] ?? String(defaultPort),
    defaultPort,
    uri: uri.startsWith('/') || uri === '' ? uri : `/${uri}`,
  }
}

/** nginx's `Host` for a socket of the file system is `localhost`. */
function unixUrl(rest: string, scheme: Pick<ProxyUrl, 'tls' | 'defaultPort'>): ProxyUrl {
  const colon = rest.indexOf(':', 'unix:'.length)
  const target = colon < 0 ? rest : rest.slice(0, colon)
  const uri = colon < 0 ? '' : rest.slice(colon + 1)
  return {
    ...scheme,
    scheme: scheme.tls ? 'https://' : 'http://',
    host: 'localhost',
    target,
    port: '',
    uri,
  }
}
