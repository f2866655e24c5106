/** TLS towards clients. */
import { compileServerSsl } from '../../modules/server-ssl.ts'
import { type ServerSslConf, serverSslRows } from '../../modules/server-ssl-directives.ts'
import { sslVariablesOf } from '../../modules/ssl-variables.ts'
import { tlsResourcesOf } from '../../modules/tls-contexts.ts'
import { flag, size } from '../../modules/value-types.ts'
import { SecureSocket } from '../../net/tls/secure-socket.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'
import { httpCore } from './core.ts'

/** Two directives of the stream module have no place here: HTTP settles both by itself. */
type Shared = Omit<ServerSslConf, 'ssl_alpn' | 'ssl_handshake_timeout'>

export interface HttpSslConf extends Shared {
  readonly ssl_buffer_size: number
  readonly ssl_early_data: boolean
}

/** What is agreed on with clients that ask (RFC 7301). */
const protocols = ['http/1.1', 'http/1.0', 'http/0.9'] as const

const contexts = ['http', 'http.server'] as const
const { ssl_alpn: _alpn, ssl_handshake_timeout: _timeout, ...rows } = serverSslRows(contexts)

export const httpSsl: HttpModule<HttpSslConf> = defineHttpModule<HttpSslConf>({
  id: 'http.ssl',
  directives: {
    ...rows,
    ssl_buffer_size: {
      contexts,
      args: [1, 1],
      syntax: 'ssl_buffer_size size',
      value: size,
      default: 16_384,
      doc: 'Most bytes of a response in one record.',
    },
    ssl_early_data: {
      contexts,
      args: [1, 1],
      syntax: 'ssl_early_data on | off',
      value: flag,
      default: false,
      doc: 'Takes requests that clients send before the handshake is done; see $ssl_early_data.',
    },
  },
  variables: sslVariablesOf<Request>(({ connection }) =>
    connection.socket instanceof SecureSocket ? connection.socket : undefined,
  ),
  hooks: {
    tls: (conf, { node, scope, services, session }) => {
      const core = scope.conf(httpCore)
      const settings = {
        ...conf,
        ssl_alpn: protocols,
        ssl_handshake_timeout: core.client_header_timeout,
      }
      const log = services.errorLog(scope)
      const ssl = compileServerSsl(settings, {
        resources: tlsResourcesOf(services.zoneMemory),
        // The message about a missing key is the one of servers without "listen … ssl", always.
        listensWithSsl: false,
        recordBytes: conf.ssl_buffer_size,
        earlyData: conf.ssl_early_data,
        warn: (text) => session.warn(text, node),
        onFault: (text) => log.write('error', text),
      })
      return (
        ssl && {
          ...ssl,
          http2Settings: ssl.settings && { ...ssl.settings, alpn: ['h2', ...protocols] },
          verifies: conf.ssl_verify_client !== 'off',
          requiresCertificate: conf.ssl_verify_client === 'on',
        }
      )
    },
  },
})
