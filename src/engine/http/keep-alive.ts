/** Whether a client's connection may serve another request, as the location of the present one has it. */
import { agentOf, isOldExplorer, isSafari } from './browser.ts'
import { methods } from './methods.ts'
import type { Request } from './request.ts'

export function staysOpen(request: Request): boolean {
  const { connection } = request
  const { core } = request.location
  return (
    core.keepalive_timeout.ms > 0 &&
    connection.requests < core.keepalive_requests &&
    request.startedAt - connection.openedAt <= core.keepalive_time &&
    !isDisabled(request)
  )
}

/** `keepalive_disable`: old browsers lose requests on connections that are kept. */
function isDisabled(request: Request): boolean {
  const { keepalive_disable: browsers } = request.location.core
  if (browsers.includes('safari') && isSafari(agentOf(request))) return true
  return (
    request.method === methods.post && browsers.includes('msie6') && isOldExplorer(agentOf(request))
  )
}
