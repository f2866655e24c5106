/**
 * TLS towards clients.
 *
 * The server that answers a handshake is the one that was chosen before (by the original destination), or
 * the one that the client names; a server without a certificate shows the default server's.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { TlsServerSettings } from '../../net/tls/secure-server.ts'
import { compileServerSsl } from '../../modules/server-ssl.ts'
import { type ServerSslConf, serverSslRows } from '../../modules/server-ssl-directives.ts'
import { sslVariablesOf } from '../../modules/ssl-variables.ts'
import { tlsResourcesOf } from '../../modules/tls-contexts.ts'
import type { ClientHello } from '../../net/client-hello.ts'
import { secureServer } from '../../net/tls/secure-server.ts'
import { defineStreamModule, type Outcome, type StreamModule } from '../module.ts'
import { hasTrait } from '../ports.ts'
import type { Session } from '../session.ts'
import { TlsHandshake } from '../tls-handshake.ts'

export const streamSsl: StreamModule<ServerSslConf> = defineStreamModule<ServerSslConf>({
  id: 'stream.ssl',
  directives: serverSslRows(['stream', 'stream.server']),
  variables: sslVariablesOf<Session>(({ facts }) => facts.tls),
  hooks: {
    tls: (conf, { node, scope, services, session, listensWithSsl }) => {
      const log = services.errorLog(scope)
      return compileServerSsl(conf, {
        resources: tlsResourcesOf(services.zoneMemory),
        listensWithSsl,
        warn: (text) => session.warn(text, node),
        onFault: (text) => log.write('error', text),
      })
    },
    ssl: () => startHandshake,
  },
})

const handshakeTimeoutDefaultMs = 60_000

function startHandshake(session: Session): Outcome {
  // Any server of the port may be reached, whether or not its own "listen" says "ssl".
  if (!hasTrait(session.port, 'ssl')) return 'declined'
  const { services, server, client, preread } = session
  session.action = 'SSL handshaking'
  session.preread = Buffer.alloc(0)
  const ms = server.tls?.handshakeTimeoutMs ?? handshakeTimeoutDefaultMs
  client.resume()
  const secure = secureServer(client, new TlsHandshake(session), {
    timeout: { wheel: services.timers, ms },
    head: preread,
    select: (hello, socket) => {
      session.facts.tls = socket
      return chooseServer(session, hello)
    },
  })
  session.client = secure
  session.facts.tls = secure
  return 'again'
}

function chooseServer(
  session: Session,
  hello: ClientHello | undefined,
): TlsServerSettings | 'reject' | 'fail' {
  const match = hello?.serverName && session.port.names.find(hello.serverName)
  if (match) session.switchTo(match.server)
  const { tls } = session.server
  if (tls?.rejectHandshake === true) return 'reject'
  const shown = tls?.settings === undefined ? session.port.fallback?.tls : tls
  if (shown?.settingsFor === undefined) return shown?.settings ?? 'reject'
  try {
    return shown.settingsFor(session)
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    session.log('error', error.message)
    return 'fail'
  }
}
