/** An HTTP server that says which path it was asked for. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onEnd, type Owner } from './scope.ts'

/** Resolves with its address, `127.0.0.1:port`; it answers `backend <path>`, after a while if one is given. */
export async function startHttpBackend(owner: Owner, delayMs = 0): Promise<string> {
  const server = createServer(({ url }, response) => {
    const answer = (): unknown => response.end(`backend ${url}`)
    if (delayMs === 0) answer()
    else setTimeout(answer, delayMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(owner, () => {
    server.close()
    server.closeAllConnections()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
