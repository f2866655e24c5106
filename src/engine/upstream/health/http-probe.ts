/** Asks a peer by HTTP/1.1, and judges its response. */
import {
  Agent,
  type ClientRequest,
  type ClientRequestArgs,
  type IncomingMessage,
  request,
} from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { probeBodyBytesMax } from '../limits.ts'
import { type CheckedResponse, faultOf, type ResponseRule } from './match-rules.ts'
import { type Probe, ProbeFailure, type ProbeSession, type ProbeTarget } from './probe.ts'
import { openProbeSocket, timedOut, type TlsMemory, toFailure } from './probe-socket.ts'
import type { ProbeTls } from './probe-tls.ts'

export interface HttpProbeOptions {
  readonly uri: string
  /** Value of `Host`. */
  readonly host: string
  readonly rules: readonly ResponseRule[]
  /** It is enough that the peer accepts a connection. */
  readonly onlyPort: boolean
  /** For how long one connection is used again; 0: for one check only. */
  readonly keepaliveMs: number
  readonly tls: ProbeTls | undefined
}

export class HttpProbe implements Probe {
  readonly #options: HttpProbeOptions

  constructor(options: HttpProbeOptions) {
    this.#options = options
  }

  open(target: ProbeTarget): ProbeSession {
    return new HttpSession(this.#options, target)
  }
}

class HttpSession implements ProbeSession {
  readonly #options: HttpProbeOptions
  readonly #target: ProbeTarget
  readonly #memory: TlsMemory = { session: undefined }
  /** Holds the connection that is used again. */
  #agent: ProbeAgent | undefined

  constructor(options: HttpProbeOptions, target: ProbeTarget) {
    this.#options = options
    this.#target = target
  }

  async run(signal: AbortSignal): Promise<void> {
    if (this.#options.onlyPort) {
      const socket = await this.#open(signal)
      socket.destroy()
      return
    }
    const agent = this.#agentNow()
    agent.signal = signal
    try {
      await this.#ask(agent, signal)
    } finally {
      if (this.#options.keepaliveMs === 0) this.close()
    }
  }

  close(): void {
    this.#agent?.destroy()
    this.#agent = undefined
  }

  #agentNow(): ProbeAgent {
    const { keepaliveMs } = this.#options
    if (this.#agent !== undefined && this.#agent.ageMs >= keepaliveMs) this.close()
    this.#agent ??= new ProbeAgent(keepaliveMs > 0, (signal) => this.#open(signal))
    return this.#agent
  }

  #open(signal: AbortSignal): Promise<Socket> {
    const { tls } = this.#options
    return openProbeSocket(this.#target, signal, tls && { tls, memory: this.#memory })
  }

  async #ask(agent: ProbeAgent, signal: AbortSignal): Promise<void> {
    const { uri, host, rules } = this.#options
    const asked = request({ agent, path: uri, setHost: false, headers: { Host: host } })
    const { response, body } = await exchange(asked, signal)
    const fault = faultOf(rules, toChecked(response, body))
    if (fault !== undefined) throw new ProbeFailure(fault)
  }
}

type OnOpen = (error: Error | null, stream: Duplex) => void

/** One connection to one peer. */
class ProbeAgent extends Agent {
  /** Ends the opening of a connection. */
  signal: AbortSignal | undefined
  readonly #open: (signal: AbortSignal) => Promise<Socket>
  readonly #createdAt = performance.now()

  constructor(keepAlive: boolean, open: (signal: AbortSignal) => Promise<Socket>) {
    super({ keepAlive, maxSockets: 1 })
    this.#open = open
  }

  get ageMs(): number {
    return performance.now() - this.#createdAt
  }

  override createConnection(_options: ClientRequestArgs, onOpen?: OnOpen): undefined {
    this.#open(this.signal!).then(
      (socket) => onOpen?.(null, socket),
      // Node's type wants a connection beside an error, too.
      (error: Error) => (onOpen as (error: Error) => void)(error),
    )
  }
}

interface Exchanged {
  readonly response: IncomingMessage
  readonly body: string
}

/** The response with the beginning of its body. */
async function exchange(asked: ClientRequest, signal: AbortSignal): Promise<Exchanged> {
  const { promise, resolve, reject } = Promise.withResolvers<Exchanged>()
  const fail = (error: Error): void => {
    asked.destroy()
    reject(toFailure(error))
  }
  const stop = (): void => fail(new ProbeFailure(timedOut))
  signal.addEventListener('abort', stop, { once: true })
  asked.on('error', fail)
  const lost = (): void => reject(new ProbeFailure('connection closed before a response'))
  asked.on('close', lost)
  asked.on('response', (response) => {
    // A body that is cut off is told of by its stream.
    asked.off('close', lost)
    collect(response).then((body) => resolve({ response, body }), fail)
  })
  asked.end()
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function collect(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= probeBodyBytesMax) break
  }
  return Buffer.concat(chunks).subarray(0, probeBodyBytesMax).toString('latin1')
}

function toChecked({ statusCode = 0, headers }: IncomingMessage, body: string): CheckedResponse {
  return {
    status: statusCode,
    header: (name) => {
      const value = headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    body,
  }
}
