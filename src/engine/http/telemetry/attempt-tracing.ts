/**
 * The spans of the tries to pass a request on, by the semantic conventions of OpenTelemetry for HTTP
 * clients: one for each server that is asked, below the span of the request.
 *
 * ```text
 *   server span  ├──────────────────────────────────────────────────┤
 *     first try    ├─ connect, 502 ─┤                                 a record as soon as it is over
 *     second try                     ├─ connect, 200, body ──────┤    resends 1
 *       upstream's own span              ├──────────────────┤         its parent is the second try
 * ```
 *
 * A location that is not traced has none of this.
 */
import type { Peer } from '../../upstream/peer.ts'
import { methods, methodText } from '../methods.ts'
import type { Request } from '../request.ts'
import type { UpstreamAttempt, UpstreamTrail } from '../upstream-trail.ts'
import { type AttemptFacts, type SpanId, writeAttempt } from './attempt-record.ts'
import { telemetryLimits } from './limits.ts'
import { randomIds } from './random-ids.ts'
import type { RecordBytes } from './record-bytes.ts'
import type { RequestSpan } from './request-span.ts'
import type { SpanSink } from './span-sink.ts'

export interface AttemptTracingOptions {
  readonly sink: SpanSink
  /** The span that a request belongs to; `undefined` where nothing is traced. */
  readonly spanOf: (request: Request) => RequestSpan | undefined
  /** Of the protocol that upstreams are spoken to in: `1.1`. */
  readonly version: string
  /** Of the method that is sent in place of the client's, where that is so. */
  readonly methodOf: (request: Request) => string | undefined
}

const knownMethods: ReadonlySet<string> = new Set(Object.values(methods).slice(1).map(methodText))

/** Filled for each record. */
const facts: AttemptFacts = {
  status: 0,
  resends: 0,
  startMs: 0,
  durationMs: 0,
  method: '',
  original: '',
  scheme: '',
  version: '',
  server: '',
  peer: '',
  fault: '',
}

export class AttemptTracing {
  readonly #options: AttemptTracingOptions

  constructor(options: AttemptTracingOptions) {
    this.#options = options
  }

  /** A server is about to be asked; `peer` is none where none is alive, and then there is no span either. */
  begin(request: Request, attempt: UpstreamAttempt, peer: Peer | undefined): void {
    const span = this.#options.spanOf(request)
    attempt.span0 = 0
    attempt.span1 = 0
    attempt.fault = ''
    if (peer === undefined || span?.recorded !== true) return
    const random = randomIds()
    attempt.span0 = random.next()
    // Never zeros only.
    attempt.span1 = random.next() | 1
    attempt.begunAt = performance.now()
  }

  /** The last attempt of the trail is over. */
  end(request: Request, trail: UpstreamTrail, peer: Peer | undefined): void {
    const { sink, version, methodOf } = this.#options
    const { last } = trail
    const { span } = request.main
    if (peer === undefined || last.span1 === 0 || span?.recorded !== true) return
    const room = sink.begin(request)
    if (room === undefined) return
    facts.status = trail.hasHead ? trail.head.status : 0
    facts.resends = resendsOf(trail)
    measure(request, last)
    takeMethod(request, methodOf(request))
    facts.scheme = trail.scheme
    facts.version = version
    facts.server = peer.server
    facts.peer = peer.name
    facts.fault = last.fault
    writeAttempt(room, facts, { parent: span, own: last })
    writeTarget(room, request, trail.target)
    sink.end()
  }
}

/** The span that an upstream is told of as its parent. */
export function parentFor({ trail }: Request, span: RequestSpan): SpanId {
  const attempt = trail === undefined || trail.count === 0 ? undefined : trail.last
  return attempt === undefined || attempt.span1 === 0 ? span : attempt
}

/** The first try behind an internal redirect is none of the same request. */
function resendsOf({ attempts, count }: UpstreamTrail): number {
  let first = count - 1
  while (first > 0 && !attempts[first]!.redirected) first -= 1
  return count - 1 - first
}

/** By the clock of the request, so that the one lies within the other. */
function measure({ startedAt, begunAt }: Request, attempt: UpstreamAttempt): void {
  const now = performance.now()
  facts.durationMs = now - attempt.begunAt
  // Requests of the first moment were begun before anybody wanted to know it exactly.
  facts.startMs =
    begunAt > 0 ? startedAt + (attempt.begunAt - begunAt) : Date.now() - facts.durationMs
}

/** The set of values has to be small: clients make up methods. */
function takeMethod(request: Request, set: string | undefined): void {
  const method = set ?? request.methodName
  const known = knownMethods.has(method)
  facts.method = known ? method : '_OTHER'
  facts.original = known ? '' : method
}

/** Path and query as they were sent. */
function writeTarget(room: RecordBytes, { head }: Request, target: string | undefined): void {
  if (target !== undefined) room.text(target, telemetryLimits.textBytesMax)
  else if (head.pathEnd === head.pathStart) room.text('/', telemetryLimits.textBytesMax)
  else room.range(head.bytes, head.pathStart, head.targetEnd)
}
