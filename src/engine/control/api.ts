/**
 * The dynamic API behind `dyn_module_api`: finds the endpoint of a request and answers in the documented forms.
 *
 * ```text
 *   /api/v1/stream_srv?dry_run=1
 *    │   └──────┴── key "/v1/stream_srv" of an endpoint; what follows is the endpoint's own path
 *    └───────────── whatever the location is called
 * ```
 */
import type { Operation } from './operation.ts'
import { bodyBytesMax, changeTimeoutMs, inFlightMax } from './limits.ts'
import type { Actor, ChangeResult, ControlPlane } from './plane.ts'
import { formatReply, type Reply, success } from './refusal.ts'

export interface ApiRequest {
  readonly method: string
  /** Segments below the key: `['http_log']` of `/api/v1/config/http_log`. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
  readonly headers: Headers
  /** Empty when there is none; `undefined` when it is longer than a body may be. */
  readonly body: string | undefined
  /** Method and path, for the history. */
  readonly action: string
  readonly actor: Actor
  readonly dryRun: boolean
  readonly timeoutMs: number
}

export interface Endpoint {
  /** `/v1/kv` */
  readonly key: string
  /** What it offers, for the OpenAPI document. */
  readonly operations: readonly Operation[]
  handle(request: ApiRequest, plane: ControlPlane): Promise<Response>
}

export type ApiHandler = (
  request: Request,
  caller: { readonly remoteAddress: string },
) => Promise<Response>

export interface ApiOptions {
  /** How long a change may take before the requester is told so. */
  readonly timeoutMs: number
  /** Requests that may wait at the same time. */
  readonly inFlightMax: number
}

const optionsDefault: ApiOptions = { timeoutMs: changeTimeoutMs, inFlightMax }

/** Composes the API over a set of endpoints; done once, when the control configuration is compiled. */
export function createApi(
  endpoints: readonly Endpoint[],
  plane: ControlPlane,
  options: ApiOptions = optionsDefault,
): ApiHandler {
  const byKey = new Map(endpoints.map((endpoint) => [endpoint.key, endpoint]))
  let inFlight = 0
  return async (request, { remoteAddress }) => {
    const url = new URL(request.url)
    const [, version = '', name = '', ...path] = segmentsOf(url.pathname)
    const endpoint = byKey.get(`/${version}/${name}`)
    if (endpoint === undefined) return json(404, { code: 404, msg: ' not register api module' })
    if (inFlight >= options.inFlightMax)
      return json(503, { code: 503, msg: 'too many requests in flight' })
    inFlight += 1
    try {
      const { timeoutMs } = options
      const peer = remoteAddress
      return await endpoint.handle(
        await toApiRequest(request, { url, path, peer, timeoutMs }),
        plane,
      )
    } finally {
      inFlight -= 1
    }
  }
}

/** A JSON reply on one line. */
export function json(status: number, value: unknown): Response {
  const text = isReply(value) ? formatReply(value) : JSON.stringify(value)
  return new Response(text, { status, headers: { 'content-type': 'application/json' } })
}

export function plain(status: number, text: string): Response {
  return new Response(text, { status, headers: { 'content-type': 'text/plain' } })
}

/** `{"code":404,"msg":"not found error"}`, for a method or path that an endpoint does not have. */
export function notFound(): Response {
  return json(404, { code: 404, msg: 'not found error' })
}

/** How a change is answered; the time-out's text has the form that clients know (reference §0.3). */
export function changeResponse(result: ChangeResult): Response {
  if (result.kind === 'done') return json(200, success)
  if (result.kind === 'refused') return json(200, result.reply)
  return new Response('{\n  "code": 500,\n  "msg": "rpc timeout"\n}', {
    status: 500,
    headers: { 'content-type': 'application/json' },
  })
}

function isReply(value: unknown): value is Reply {
  return typeof value === 'object' && value !== null && 'code' in value && 'msg' in value
}

function segmentsOf(pathname: string): readonly string[] {
  return pathname.split('/').filter((segment) => segment !== '')
}

async function toApiRequest(
  request: Request,
  {
    url,
    path,
    peer,
    timeoutMs,
  }: {
    readonly url: URL
    readonly path: readonly string[]
    readonly peer: string
    readonly timeoutMs: number
  },
): Promise<ApiRequest> {
  return {
    method: request.method,
    path,
    query: url.searchParams,
    headers: request.headers,
    body: await readBody(request),
    action: `${request.method} ${url.pathname}`,
    actor: { peer, name: undefined },
    dryRun: ['1', 'true', 'on'].includes(url.searchParams.get('dry_run') ?? ''),
    timeoutMs,
  }
}

async function readBody(request: Request): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > bodyBytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
