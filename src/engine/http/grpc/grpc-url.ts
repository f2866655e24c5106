/**
 * Where `grpc_pass` leads to: `grpc://backend:9000`, `grpcs://backend:9000`, or without a scheme. There is no
 * URI in it: a call keeps the path that names its method.
 */
import type { ProxyUrl } from '../proxy/target.ts'

export function parseGrpcUrl(text: string): ProxyUrl {
  const scheme = /^grpcs?:\/\//i.exec(text)?.[0] ?? ''
  const tls = scheme.length === 'grpcs://'.length
  const target = text.slice(scheme.length)
  const unix = /^unix:/i.test(target)
  return {
    scheme: tls ? 'grpcs://' : 'grpc://',
    tls,
    host: unix ? 'localhost' : target,
    target,
    port: /:(\d+)$/.exec(target)?.[1] ?? '',
    defaultPort: undefined,
    uri: '',
  }
}
