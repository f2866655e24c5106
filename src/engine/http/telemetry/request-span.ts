/**
 * The span of one request: its identifiers, and whether it is recorded.
 *
 * ```text
 *   none ──begin──▶ ignored                        a path that is not traced
 *              ├──▶ passed      ─── its context ──▶ upstream        known to the trace, not recorded
 *              └──▶ recorded    ─── that of each attempt ──▶ upstream ──▶ records for the collector
 * ```
 *
 * It belongs to its request and is used again with it.
 */
import { ByteSink } from '../../core/byte-sink.ts'
import type { Request } from '../request.ts'
import type { SpanId } from './attempt-record.ts'
import { appendHex } from './hex.ts'
import { type RandomIds, randomIds } from './random-ids.ts'
import { isSampled } from './sampler.ts'
import type { SamplerSettings } from './settings-file.ts'
import { type Propagation, readParent, type TraceParent } from './trace-context.ts'

export const spanStates = { none: 0, ignored: 1, passed: 2, recorded: 3 } as const

/** What is asked of a request's surroundings when its span begins. */
export interface SpanRules {
  readonly sampler: SamplerSettings
  /** How callers say where they stand. */
  readonly propagation: Propagation
  readonly trustsCallers: boolean
  readonly ignores: (request: Request) => boolean
}

const front = Buffer.from('00-')
const hyphen = 0x2d
const zero = 0x30

/** Where texts for variables are put together. */
const scratch = new ByteSink(Buffer.alloc(64))

const parent: TraceParent = {
  trace0: 0,
  trace1: 0,
  trace2: 0,
  trace3: 0,
  span0: 0,
  span1: 0,
  sampled: false,
}

export class RequestSpan {
  state: number = spanStates.none
  trace0: number = 0
  trace1: number = 0
  trace2: number = 0
  trace3: number = 0
  span0: number = 0
  span1: number = 0
  /** Both 0 for a trace that begins here. */
  parent0: number = 0
  parent1: number = 0

  /** True when it has identifiers. */
  get known(): boolean {
    return this.state >= spanStates.passed
  }

  get recorded(): boolean {
    return this.state === spanStates.recorded
  }

  /** True when a caller has begun the trace. */
  get continued(): boolean {
    return (this.parent0 | this.parent1) !== 0
  }

  begin(request: Request, rules: SpanRules): void {
    if (rules.ignores(request)) {
      this.state = spanStates.ignored
      return
    }
    const random = randomIds()
    const called = rules.trustsCallers && readParent(request.head, rules.propagation, parent)
    if (called) this.#continue(parent)
    else this.#start(random)
    this.span0 = random.next()
    // Never zeros only.
    this.span1 = random.next() | 1
    const recorded = isSampled(rules.sampler, this, called ? parent.sampled : undefined)
    this.state = recorded ? spanStates.recorded : spanStates.passed
  }

  clear(): void {
    this.state = spanStates.none
  }

  copyFrom(other: RequestSpan): void {
    Object.assign(this, other)
  }

  /** 32 digits. */
  appendTraceId(sink: ByteSink): void {
    appendHex(sink, this.trace0)
    appendHex(sink, this.trace1)
    appendHex(sink, this.trace2)
    appendHex(sink, this.trace3)
  }

  /** 16 digits; like those below, of another span of the same trace where one is given. */
  appendSpanId(sink: ByteSink, { span0, span1 }: SpanId = this): void {
    appendHex(sink, span0)
    appendHex(sink, span1)
  }

  /** `1` or `0`. */
  appendSampled(sink: ByteSink): void {
    sink.byte(zero + Number(this.recorded))
  }

  /** `00-<trace>-<span>-01` */
  appendTraceparent(sink: ByteSink, of: SpanId = this): void {
    sink.all(front)
    this.appendTraceId(sink)
    sink.byte(hyphen)
    this.appendSpanId(sink, of)
    sink.byte(hyphen)
    sink.byte(zero)
    this.appendSampled(sink)
  }

  /** `<trace>-<span>-1` */
  appendB3(sink: ByteSink, of: SpanId = this): void {
    this.appendTraceId(sink)
    sink.byte(hyphen)
    this.appendSpanId(sink, of)
    sink.byte(hyphen)
    this.appendSampled(sink)
  }

  #continue(caller: TraceParent): void {
    this.trace0 = caller.trace0
    this.trace1 = caller.trace1
    this.trace2 = caller.trace2
    this.trace3 = caller.trace3
    this.parent0 = caller.span0
    this.parent1 = caller.span1
  }

  #start(ids: RandomIds): void {
    this.trace0 = ids.next()
    this.trace1 = ids.next()
    this.trace2 = ids.next()
    this.trace3 = ids.next()
    // Never zeros only; of the first word, as the others decide on the share that is recorded.
    this.trace0 |= Number((this.trace0 | this.trace1 | this.trace2 | this.trace3) === 0)
    this.parent0 = 0
    this.parent1 = 0
  }
}

/** What one of the above appends, as a text. */
export function spanText(span: RequestSpan, append: AppendSpan): string {
  scratch.length = 0
  append(span, scratch)
  return scratch.bytes.toString('latin1', 0, scratch.length)
}

export type AppendSpan = (span: RequestSpan, sink: ByteSink) => void
