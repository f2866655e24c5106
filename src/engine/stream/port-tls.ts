/** Whether every server of a port with TLS has something to show to a client. */
import type { CompileSession } from '../core/compile-session.ts'
import type { StreamPort } from './ports.ts'
import type { VirtualServer } from './virtual-server.ts'

/** Reports a default server that has neither a certificate nor the order to refuse. */
export function checkPortTls({ fallback, key }: StreamPort, session: CompileSession): void {
  if (fallback !== undefined && fallback.tls === undefined) reportMissing(fallback, key, session)
}

/** Reports a server without a certificate where the default server has none to lend. */
export function checkServerTls(
  server: VirtualServer,
  port: StreamPort,
  session: CompileSession,
): void {
  if (server.tls === undefined && port.fallback?.tls?.settings === undefined) {
    reportMissing(server, port.key, session)
  }
}

function reportMissing(server: VirtualServer, key: string, session: CompileSession): void {
  const at = server.listens.findIndex((listen) => listen.key === key)
  const node = server.scope.own('listen')[at] ?? server.node
  session.fail('no "ssl_certificate" is defined for the "listen ... ssl" directive', node)
}
