/**
 * The dynamic API behind `dyn_module_api`: finds the endpoint of a request and answers in the documented forms.
 *
 * ```text
 *   /api/v1/stream_srv?dry_run=1
 *    │   └──────┴── key "/v1/stream_srv" of an endpoint; what follows is the endpoint's own path
 *    └───────────── whatever the location is called
 * ```
 */
import type { Directive } from '../conf/tree.ts'
import type { Actor } from './actor.ts'
import { type Access, type AccessScope, everything, objectionOf } from './access/grant.ts'
import { type AuditLog, silentAudit } from './access/audit-log.ts'
import { hiddenObjection, Redaction } from './access/redaction.ts'
import { TextResponse } from '../http/text-response.ts'
import { auditEntry, type AuditSubject, isDryRun, revisionField } from './audit-entry.ts'
import type { Operation } from './operation.ts'
import { bodyBytesMax, changeTimeoutMs, doorTimeoutMs, inFlightMax } from './limits.ts'
import type { ChangeResult, ControlPlane } from './plane.ts'
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
  /** What whoever asks may do; that the request itself is among it was seen to. */
  readonly access: Access
  /** A tree as whoever asks may see it. */
  readonly visible: (tree: Directive) => Directive
  readonly dryRun: boolean
  readonly timeoutMs: number
}

export interface Endpoint {
  /** `/v1/kv` */
  readonly key: string
  /** What it offers, for the OpenAPI document. */
  readonly operations: readonly Operation[]
  /** Scope that all of it needs, where that is more than `read` for looking and `change` for the rest. */
  readonly scope?: AccessScope
  handle(request: ApiRequest, plane: ControlPlane): Promise<Response>
}

export type ApiHandler = (
  request: Request,
  caller: { readonly remoteAddress: string; readonly access?: Access },
) => Promise<Response>

export interface ApiOptions {
  /** How long a change may take before the requester is told so. */
  readonly timeoutMs: number
  /** Requests that may wait at the same time. */
  readonly inFlightMax: number
  readonly audit?: AuditLog
  /** What whoever is no admin is not shown. */
  readonly redaction?: Redaction
}

const optionsDefault: ApiOptions = { timeoutMs: changeTimeoutMs, inFlightMax }

/** Whoever reaches an interface without a door in front. */
const nobody: Access = { name: undefined, grant: everything }

/** Composes the API over a set of endpoints; done once, when the control configuration is compiled. */
export function createApi(
  endpoints: readonly Endpoint[],
  plane: ControlPlane,
  options: ApiOptions = optionsDefault,
): ApiHandler {
  const byKey = new Map(endpoints.map((endpoint) => [endpoint.key, endpoint]))
  const { audit = silentAudit, redaction = new Redaction([]) } = options
  let inFlight = 0
  const deny = async (subject: AuditSubject, msg: string): Promise<Response> => {
    const denial = json(403, { code: 403, msg })
    audit.write({ ...(await auditEntry(subject, denial)), outcome: 'denied' })
    return denial
  }
  return async (request, { remoteAddress: peer, access = nobody }) => {
    // Whoever asks for the head alone is answered like everybody; the body is left out further down.
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const url = new URL(request.url)
    const [, ...segments] = segmentsOf(url.pathname)
    const endpoint = byKey.get(`/${segments.slice(0, 2).join('/')}`)
    if (endpoint === undefined) return json(404, { code: 404, msg: ' not register api module' })
    const wrongMethod = methodObjection(endpoint, segments, method)
    if (wrongMethod !== undefined) return wrongMethod
    const subject = { url, method, actor: { peer, name: access.name } }
    const scope = endpoint.scope ?? (isLook(method) ? 'read' : 'change')
    const objection = objectionOf(access.grant, { scope, method, path: `/${segments.join('/')}` })
    if (objection !== undefined) return deny(subject, objection)
    if (inFlight >= options.inFlightMax)
      return json(503, { code: 503, msg: 'too many requests in flight' })
    inFlight += 1
    try {
      const body = await readBody(request)
      const hidden = hiddenObjection(access, body)
      if (hidden !== undefined) return await deny(subject, hidden)
      const visible = (tree: Directive): Directive => redaction.visibleTree(access, tree)
      const path = segments.slice(2)
      const timeoutMs = isGeneral(endpoint)
        ? Math.max(options.timeoutMs, doorTimeoutMs)
        : options.timeoutMs
      const known = { ...subject, path, body, access, visible, timeoutMs }
      const response = await endpoint.handle(toApiRequest(request.headers, known), plane)
      if (isLook(method)) return await redaction.visibleResponse(access, response)
      audit.write(await auditEntry(subject, response))
      return response
    } catch (error) {
      const failure = new Response(null, { status: 500 })
      if (!isLook(method)) audit.write(await auditEntry(subject, failure))
      throw error
    } finally {
      inFlight -= 1
    }
  }
}

function isLook(method: string): boolean {
  return method === 'GET'
}

/** OpenNJet's own endpoints say 404 to other methods, as its clients know it. */
function methodObjection(
  endpoint: Endpoint,
  segments: readonly string[],
  method: string,
): Response | undefined {
  if (!isGeneral(endpoint)) return undefined
  const methods = endpoint.operations
    .filter(({ path }) => isPath(segmentsOf(path), segments))
    .map((operation) => operation.method.toUpperCase())
  if (methods.length === 0 || methods.includes(method)) return undefined
  const allow = [...(methods.includes('GET') ? ['HEAD'] : []), ...methods, 'OPTIONS'].join(', ')
  if (method === 'OPTIONS') return new Response(null, { status: 204, headers: { allow } })
  const objection = json(405, { code: 405, msg: 'method not allowed' })
  objection.headers.set('allow', allow)
  return objection
}

/** True for what is no part of OpenNJet's interface. */
function isGeneral({ key }: Endpoint): boolean {
  return key.startsWith('/v2/')
}

function isPath(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((part, i) => part.startsWith('{') || part === segments[i])
  )
}

/** A JSON reply on one line. */
export function json(status: number, value: unknown): Response {
  const text = isReply(value) ? formatReply(value) : JSON.stringify(value)
  return new TextResponse(text, { status, headers: { 'content-type': 'application/json' } })
}

export function plain(status: number, text: string): Response {
  return new TextResponse(text, { status, headers: { 'content-type': 'text/plain' } })
}

/** `{"code":404,"msg":"not found error"}`, for a method or path that an endpoint does not have. */
export function notFound(): Response {
  return json(404, { code: 404, msg: 'not found error' })
}

/** How a change is answered; the time-out's text has the form that clients know (reference §0.3). */
export function changeResponse(result: ChangeResult, done: Reply = success): Response {
  if (result.kind === 'done') return withRevision(json(200, done), result.revision)
  if (result.kind === 'refused') return json(200, result.reply)
  return new Response('{\n  "code": 500,\n  "msg": "rpc timeout"\n}', {
    status: 500,
    headers: { 'content-type': 'application/json' },
  })
}

/** Tells which revision of the history an answer is about, beside the body that clients know. */
export function withRevision(response: Response, revision: number): Response {
  response.headers.set(revisionField, `${revision}`)
  return response
}

function isReply(value: unknown): value is Reply {
  return typeof value === 'object' && value !== null && 'code' in value && 'msg' in value
}

function segmentsOf(pathname: string): readonly string[] {
  return pathname.split('/').filter((segment) => segment !== '')
}

type Known = Pick<
  ApiRequest,
  'method' | 'path' | 'body' | 'actor' | 'access' | 'visible' | 'timeoutMs'
> & {
  readonly url: URL
}

function toApiRequest(headers: Headers, { url, ...known }: Known): ApiRequest {
  return {
    ...known,
    query: url.searchParams,
    headers,
    action: `${known.method} ${url.pathname}`,
    dryRun: isDryRun(url),
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
