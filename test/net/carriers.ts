/** Every way a connection can be carried, for suites that must hold on all of them. */
import { join } from 'node:path'
import { silentLog } from '../../src/engine/core/log.ts'
import type { Address } from '../../src/engine/net/address.ts'
import { createTransport } from '../../src/engine/net/create-transport.ts'
import { listenKey, type ListenSpec } from '../../src/engine/net/listen-plan.ts'
import { openListeningSocket } from '../../src/engine/net/listening-socket.ts'
import type { Socket, SocketHandler } from '../../src/engine/net/socket.ts'
import { secureClient } from '../../src/engine/net/tls/secure-client.ts'
import { secureServer } from '../../src/engine/net/tls/secure-server.ts'
import { TlsContexts } from '../../src/engine/net/tls/tls-contexts.ts'
import type { ConnectOptions, Transport } from '../../src/engine/net/transport.ts'
import { certificateFor } from '../support/certificates.ts'
import { onEnd, type Owner } from '../support/scope.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'

export interface Carrier {
  readonly name: string
  readonly kind: Transport['kind']
  readonly family: 'inet' | 'inet6' | 'unix'
  readonly tls: boolean
}

export const carriers: readonly Carrier[] = (['epoll', 'node'] as const).flatMap((kind) => [
  { name: `${kind} tcp`, kind, family: 'inet', tls: false } as const,
  { name: `${kind} tcp6`, kind, family: 'inet6', tls: false } as const,
  { name: `${kind} unix`, kind, family: 'unix', tls: false } as const,
  { name: `${kind} tls`, kind, family: 'inet', tls: true } as const,
])

/** A listener and a way to connect to it, over one carrier. */
export interface Line {
  readonly transport: Transport
  readonly address: Address
  /** `handler.onConnect` comes when bytes can flow; the accepted side's likewise. */
  connect(handler: SocketHandler, options?: ConnectOptions): void
}

export function openTransport(t: Owner, kind: Transport['kind']): Transport {
  const transport = createTransport({ log: silentLog, kind })
  onEnd(t, () => transport.close())
  return transport
}

export function openLine(
  t: Owner,
  carrier: Carrier,
  accept: (socket: Socket) => SocketHandler,
): Line {
  const transport = openTransport(t, carrier.kind)
  const spec = specFor(t, carrier.family)
  const listener = transport.listen(openListeningSocket(spec, silentLog), spec, {
    onAccept: (socket) => serve(carrier, socket, accept(socket)),
  })
  listener.start()
  onEnd(t, () => listener.close())
  const address = spec.address.family === 'unix' ? spec.address : listener.local
  return { transport, address, connect: connector(carrier, transport, address) }
}

function specFor(t: Owner, family: Carrier['family']): ListenSpec {
  const address: Address =
    family === 'unix'
      ? { family: 'unix', path: join(makeTempPrefix(t).path, 'line.sock') }
      : family === 'inet'
        ? { family: 4, host: '127.0.0.1', port: 0 }
        : { family: 6, host: '::1', port: 0 }
  return { key: listenKey('tcp', address), protocol: 'tcp', address, options: {} }
}

const contexts = new TlsContexts()
const tlsBase = { protocols: ['TLSv1.2', 'TLSv1.3'], ciphers: 'HIGH:!aNULL:!MD5' } as const

function serve(carrier: Carrier, socket: Socket, handler: SocketHandler): void {
  if (!carrier.tls) {
    socket.handler = handler
    handler.onConnect(socket)
    return
  }
  const { certFile, keyFile } = certificateFor('localhost')
  const context = contexts.get({
    ...tlsBase,
    certificates: [{ certificate: certFile, key: keyFile }],
  })
  secureServer(socket, handler, {
    select: () => ({ context, requestCertificate: false, alpn: [] }),
  })
}

function connector(carrier: Carrier, transport: Transport, address: Address): Line['connect'] {
  return (handler, options = {}) => {
    if (!carrier.tls) {
      transport.connect(address, options, handler)
      return
    }
    const context = contexts.get({ ...tlsBase, certificates: [] })
    const settings = { context, serverName: 'localhost' }
    transport.connect(address, options, {
      onConnect: (plain) => void secureClient(plain, handler, { settings }),
      onData: () => {},
      onEnd: () => {},
      onDrain: () => {},
      onClose: (socket, error) => handler.onClose(socket, error),
    })
  }
}
