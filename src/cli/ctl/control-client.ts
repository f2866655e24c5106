/** Requests to a control plane, over TCP or a unix socket, with or without TLS. */
import { type IncomingMessage, request as requestPlain, type RequestOptions } from 'node:http'
import { request as requestSecure } from 'node:https'
import { text } from 'node:stream/consumers'
import { readNamed } from './options.ts'

interface Reach {
  readonly secure: boolean
  /** Location of the interface: `/api`. */
  readonly base: string
}

export type ControlAddress =
  | (Reach & { readonly kind: 'tcp'; readonly host: string; readonly port: number })
  | (Reach & { readonly kind: 'unix'; readonly path: string })

export interface Credentials {
  readonly token: string | undefined
  /** Paths of PEM files. */
  readonly caCert: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
}

export interface ControlRequest {
  readonly method: string
  /** Below the interface: `/v2/config?format=json`. */
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface ControlAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Nobody answers there, or not as HTTP does: exit code 3. */
export class UnreachableError extends Error {
  constructor(address: ControlAddress, cause: Error) {
    const { code, message } = cause as NodeJS.ErrnoException
    super(`no answer from control at ${formatAddress(address)}: ${code ?? message}`, { cause })
    this.name = 'UnreachableError'
  }
}

export class ControlClient {
  readonly #address: ControlAddress
  readonly #credentials: Credentials

  constructor(address: ControlAddress, credentials: Credentials) {
    this.#address = address
    this.#credentials = credentials
  }

  /** @throws UnreachableError */
  async ask(request: ControlRequest): Promise<ControlAnswer> {
    const message = await this.open(request)
    try {
      const body = await text(message)
      return { status: message.statusCode ?? 0, headers: message.headers, body }
    } catch (error) {
      throw new UnreachableError(this.#address, error as Error)
    }
  }

  /** The answer as it comes, for streams. @throws UnreachableError */
  async open(request: ControlRequest): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const send = this.#address.secure ? requestSecure : requestPlain
    const outgoing = send(this.#options(request), resolve)
    outgoing.once('error', (error) => reject(new UnreachableError(this.#address, error)))
    outgoing.end(request.body)
    return promise
  }

  #options({ method, path, body, headers }: ControlRequest): RequestOptions {
    const address = this.#address
    const { token } = this.#credentials
    return {
      method,
      path: `${address.base}${path}`,
      headers: {
        ...headers,
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(address.kind === 'unix'
        ? { socketPath: address.path, host: 'localhost' }
        : { host: address.host.replace(/^\[|\]$/g, ''), port: address.port }),
      ...this.#tls(),
    }
  }

  #tls(): object {
    const { caCert, cert, key } = this.#credentials
    if (!this.#address.secure) return {}
    return {
      ...(caCert !== undefined && { ca: readNamed(caCert) }),
      ...(cert !== undefined && { cert: readNamed(cert) }),
      ...(key !== undefined && { key: readNamed(key) }),
    }
  }
}

export function formatAddress(address: ControlAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  return `${address.secure ? 'https' : 'http'}://${address.host}:${address.port}`
}
