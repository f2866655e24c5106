/** `$upstream_*`: one value for each server that was tried, joined by commas, as nginx prints them. */
import type { SessionVariables } from '../module.ts'
import type { UpstreamAttempt } from '../session-facts.ts'
import { seconds } from '../core-variables.ts'
import type { Session } from '../session.ts'

type Read = (attempt: UpstreamAttempt) => string

const milliseconds = (ms: number): string => (ms < 0 ? '-' : seconds(ms))

const readers: Readonly<Record<string, Read>> = {
  upstream_addr: ({ peer }) => peer,
  upstream_bytes_sent: ({ bytesSent }) => String(bytesSent),
  upstream_bytes_received: ({ bytesReceived }) => String(bytesReceived),
  upstream_connect_time: ({ connectMs }) => milliseconds(connectMs),
  upstream_first_byte_time: ({ firstByteMs }) => milliseconds(firstByteMs),
  upstream_session_time: ({ sessionMs }) => milliseconds(sessionMs),
}

export const upstreamVariables: SessionVariables = Object.fromEntries(
  Object.entries(readers).map(([name, read]) => [
    name,
    {
      get: ({ facts }: Session) => facts.attempts?.map(read).join(', '),
      volatile: true,
    },
  ]),
)
