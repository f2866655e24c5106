/** SO_KEEPALIVE and its times, on any descriptor. */
import {
  SO_KEEPALIVE,
  SOL_SOCKET,
  SOL_TCP,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from './ffi/constants.ts'
import { setOption } from './ffi/socket-calls.ts'
import type { KeepAliveOptions } from './listen-plan.ts'

export function applyKeepAlive(fd: number, options: KeepAliveOptions): void {
  setOption(fd, SOL_SOCKET, SO_KEEPALIVE, options.enabled ? 1 : 0)
  if (!options.enabled) return
  const { idleSeconds, intervalSeconds, count } = options
  if (idleSeconds !== undefined) setOption(fd, SOL_TCP, TCP_KEEPIDLE, idleSeconds)
  if (intervalSeconds !== undefined) setOption(fd, SOL_TCP, TCP_KEEPINTVL, intervalSeconds)
  if (count !== undefined) setOption(fd, SOL_TCP, TCP_KEEPCNT, count)
}
