/** One kept connection to each worker: what all of them say is asked of each once. */
import { Agent, request } from 'node:http'
import { Agent as SecureAgent, type AgentOptions, request as secureRequest } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { onEnd, type Owner } from '../support/scope.ts'
import { until, within } from '../support/wait.ts'
import { host } from './support.ts'

/** Connections that are opened at the same time until every worker has one. */
const crowd = 8

export interface WorkerAnswer {
  /** The body, or the word of a page that has none; the status where it is none of success. */
  readonly text: string
  /** Serial number of the certificate that was shown. */
  readonly serial: string | undefined
}

/** A connection to a worker, which says in `X-Worker` who it is. */
export class WorkerClient {
  readonly #port: number
  readonly #agent: Agent
  readonly #secure: boolean
  worker = ''

  constructor(port: number, secure?: AgentOptions) {
    const kept = { keepAlive: true, maxSockets: 1 }
    this.#port = port
    this.#secure = secure !== undefined
    this.#agent = secure === undefined ? new Agent(kept) : new SecureAgent({ ...kept, ...secure })
  }

  async get(path: string, name: string): Promise<WorkerAnswer> {
    const options = { host, port: this.#port, path, agent: this.#agent, headers: { host: name } }
    const { promise, resolve, reject } = Promise.withResolvers<WorkerAnswer>()
    const ask = this.#secure ? secureRequest : request
    const asked = ask(options, (response) => {
      const chunks: Buffer[] = []
      const serial = this.#secure
        ? (response.socket as TLSSocket).getPeerCertificate().serialNumber
        : undefined
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        this.worker = String(response.headers['x-worker'])
        const isGood = response.statusCode === 200
        const body = Buffer.concat(chunks).toString() || String(response.headers['x-word'] ?? '')
        const text = isGood ? body : String(response.statusCode)
        resolve({ text, serial })
      })
    })
    asked.on('error', reject)
    asked.end()
    return within(promise, { what: `the page ${path} of ${name}` })
  }

  close(): void {
    this.#agent.destroy()
  }
}

export interface ToWorkers {
  readonly port: number
  readonly workers: number
  /** A page that every worker has. */
  readonly path: string
  readonly name: string
  readonly secure?: AgentOptions
}

/** A client of each worker; the caller closes them. */
export async function connectWorkers(
  owner: Owner,
  to: ToWorkers,
): Promise<readonly WorkerClient[]> {
  const found = new Map<string, WorkerClient>()
  await until(
    async () => {
      const clients = Array.from({ length: crowd }, () => new WorkerClient(to.port, to.secure))
      const asked = clients.map((client) => client.get(to.path, to.name))
      // A worker that is only just there may be one that dies.
      const answers = await Promise.allSettled(asked)
      for (const [i, client] of clients.entries()) {
        if (answers[i]!.status === 'fulfilled' && !found.has(client.worker)) {
          found.set(client.worker, client)
        } else client.close()
      }
      return found.size >= to.workers
    },
    { what: `a connection to each of ${to.workers} workers`, deadlineMs: 40_000 },
  )
  onEnd(owner, () => found.forEach((client) => client.close()))
  return [...found.values()]
}
