/** What the dynamic API says of a port that could not be had (reference §2.3). */
import type { ListenError } from '../net/listening-socket.ts'
import { type Reply, replyCodes } from './refusal.ts'

/**
 * `Port 23333 is already in use in checking port`; anything else is told as the system told it:
 * `bind failed in checking port: bind() to 192.0.2.1:80 failed (99: Cannot assign requested address)`.
 */
export function portReply({ code, port, message }: ListenError): Reply {
  const taken = code === 'EADDRINUSE' && port !== undefined
  const msg = taken
    ? `Port ${port} is already in use in checking port`
    : `bind failed in checking port: ${message}`
  return { code: replyCodes.failure, msg }
}
