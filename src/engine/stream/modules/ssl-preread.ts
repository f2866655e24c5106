/** `ssl_preread`: reads the ClientHello of TLS that is passed through, without terminating it. */
import { flag } from '../../modules/value-types.ts'
import { offeredProtocol, parseClientHello } from '../../net/client-hello.ts'
import { defineStreamModule, type Outcome, type StreamModule } from '../module.ts'
import type { Session } from '../session.ts'

export interface StreamSslPrereadConf {
  readonly ssl_preread: boolean
}

export const streamSslPreread: StreamModule<StreamSslPrereadConf> =
  defineStreamModule<StreamSslPrereadConf>({
    id: 'stream.ssl_preread',
    directives: {
      ssl_preread: {
        contexts: ['stream', 'stream.server'],
        args: [1, 1],
        syntax: 'ssl_preread on | off',
        value: flag,
        default: false,
        doc: 'Reads the name, protocol and ALPN of a TLS client before it is passed on.',
      },
    },
    variables: {
      ssl_preread_protocol: {
        get: ({ facts }: Session) => facts.hello && offeredProtocol(facts.hello),
        volatile: true,
      },
      ssl_preread_server_name: {
        get: ({ facts }: Session) => facts.hello && (facts.hello.serverName ?? ''),
        volatile: true,
      },
      ssl_preread_alpn_protocols: {
        get: ({ facts }: Session) => facts.hello?.alpn.join(','),
        volatile: true,
      },
    },
    hooks: {
      preread: ({ ssl_preread: on }) => (on ? preread : undefined),
    },
  })

function preread(session: Session): Outcome {
  const { facts } = session
  if (facts.hello !== undefined || session.protocol === 'UDP') return 'declined'
  if (session.preread.length === 0) return 'again'
  const hello = parseClientHello(session.preread)
  if (hello === 'incomplete') return 'again'
  if (hello === 'invalid') return 'declined'
  facts.hello = hello
  const server = hello.serverName && session.port.names.find(hello.serverName)?.server
  if (server) session.switchTo(server)
  return 'declined'
}
