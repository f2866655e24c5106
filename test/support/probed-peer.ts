/** An HTTP server that answers checks and clients apart, counts both, and can be made ill. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onEnd, type Owner } from './scope.ts'
import { until } from './wait.ts'

/** Where checks go, so that they are told from clients. */
export const healthPath = '/health'

export class ProbedPeer {
  readonly #server: Server
  /** Status of answers to checks. */
  health = 200
  /** Status of answers to clients. */
  status = 200
  /** How long a client waits. */
  delayMs = 0
  checks = 0
  requests = 0

  constructor() {
    this.#server = createServer({ keepAlive: true }, (request, response) => {
      const isCheck = request.url === healthPath
      if (isCheck) this.checks += 1
      else this.requests += 1
      response.statusCode = isCheck ? this.health : this.status
      if (isCheck || this.delayMs === 0) response.end(`${this.port}`)
      else setTimeout(() => response.end(`${this.port}`), this.delayMs)
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  /** Resolves when so many more checks were answered. */
  async checked(count = 1): Promise<void> {
    const before = this.checks
    await until(() => this.checks >= before + count, { what: `${count} checks` })
  }
}

export async function startProbedPeer(owner: Owner, port = 0): Promise<ProbedPeer> {
  const peer = new ProbedPeer()
  await peer.listen(port)
  onEnd(owner, () => peer.close())
  return peer
}
