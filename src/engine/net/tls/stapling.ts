/**
 * OCSP stapling: what the authority says of a certificate is sent along with it, so that clients need not
 * ask.
 *
 * An answer is asked for when the first client wants one, and again an hour later; clients who come before
 * there is one get the certificate alone, as in nginx. Every worker asks for itself.
 */
import { request as httpRequest } from 'node:http'
import type { Pointer } from '../openssl/libssl.ts'
import { ocspFault, ocspRequest, type Subject, type Trust } from '../openssl/ocsp.ts'

/** What nginx takes an answer for valid for. */
const validMs: number = 60 * 60 * 1000
/** After a failure. */
const retryMs: number = 5 * 60 * 1000
const responderTimeoutMs = 60_000
const responseBytesMax: number = 64 * 1024

/** Carries a question to a responder. */
export type AskResponder = (url: string, request: Buffer) => Promise<Buffer>

export interface StapleOptions {
  readonly subject: Subject
  readonly trust: Trust
  readonly url: string
  readonly ask?: AskResponder | undefined
  readonly now?: (() => number) | undefined
  readonly onFault?: ((text: string) => void) | undefined
}

export interface StatusSource {
  /** `undefined` while there is none. */
  status(): Buffer | undefined
}

/** The answer for one certificate. */
export class Staple implements StatusSource {
  readonly #options: StapleOptions
  readonly #now: () => number
  #response: Buffer | undefined = undefined
  #validUntil = 0
  #askAgainAt = 0
  #asking = false

  constructor(options: StapleOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  status(): Buffer | undefined {
    const now = this.#now()
    if (!this.#asking && now >= this.#askAgainAt) void this.refresh()
    return now < this.#validUntil ? this.#response : undefined
  }

  /** Asks now; ends when the answer is there or nobody gave one. */
  async refresh(): Promise<void> {
    this.#asking = true
    const { subject, trust, url, ask = askOverHttp, onFault } = this.#options
    try {
      const response = await ask(url, ocspRequest(subject))
      const fault = ocspFault(response, subject, trust)
      if (fault === undefined) this.#take(response)
      else this.#postpone(fault, onFault)
    } catch (error) {
      this.#postpone((error as Error).message, onFault)
    } finally {
      this.#asking = false
    }
  }

  #take(response: Buffer): void {
    this.#response = response
    this.#validUntil = this.#now() + 2 * validMs
    this.#askAgainAt = this.#now() + validMs
  }

  #postpone(fault: string, onFault: ((text: string) => void) | undefined): void {
    this.#askAgainAt = this.#now() + retryMs
    onFault?.(`${fault} while requesting certificate status, responder: ${this.#options.url}`)
  }
}

/** By certificate, as a context may have several. */
export type Staples = ReadonlyMap<Pointer, StatusSource>

/** RFC 6960 A.1. */
function askOverHttp(url: string, question: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const headers = {
    'content-type': 'application/ocsp-request',
    'content-length': question.length,
    connection: 'close',
  }
  const signal = AbortSignal.timeout(responderTimeoutMs)
  const outgoing = httpRequest(url, { method: 'POST', headers, signal, agent: false }, (answer) => {
    const parts: Buffer[] = []
    let length = 0
    answer.on('data', (part: Buffer) => {
      length += part.length
      if (length > responseBytesMax) answer.destroy(new Error('OCSP response is too large'))
      else parts.push(part)
    })
    answer.on('error', reject)
    answer.on('end', () => {
      if (answer.statusCode === 200) resolve(Buffer.concat(parts))
      else reject(new Error(`OCSP responder sent status ${answer.statusCode}`))
    })
  })
  outgoing.on('error', reject)
  outgoing.end(question)
  return promise
}
