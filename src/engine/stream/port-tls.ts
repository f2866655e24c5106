/** Whether every server of a port with TLS has something to show to a client. */
import type { CompileSession } from '../core/compile-session.ts'
import type { Port } from './ports.ts'

/** Reports a default server that has neither a certificate nor the order to refuse. */
export function checkPortTls({ fallback, key }: Port, session: CompileSession): void {
  if (fallback === undefined || fallback.tls !== undefined) return
  const at = fallback.listens.findIndex((listen) => listen.key === key)
  const node = fallback.scope.own('listen')[at] ?? fallback.node
  session.fail('no "ssl_certificate" is defined for the "listen ... ssl" directive', node)
}
