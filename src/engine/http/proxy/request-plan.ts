/**
 * Writes the head of the request that is passed on: composed of constant bytes, of values of variables, and
 * of the client's own lines, neighbours in one piece.
 *
 * ```text
 *   GET /x HTTP/1.1␍␊        method, target, version
 *   Host: backend␍␊           fields that are set, in nginx's order: those of proxy_set_header, then its own
 *   Content-Length: 3␍␊
 *   User-Agent: …␍␊ …         the client's fields, but those that were set and those of its connection
 *   ␍␊
 * ```
 *
 * How long the body is says the engine alone: what is forwarded is one well-formed request, whatever
 * `proxy_set_header` makes of `Content-Length` and `Transfer-Encoding`.
 */
import { ByteSink } from '../../core/byte-sink.ts'
import { type ComplexValue, constantValue } from '../../core/complex-value.ts'
import type { VariableHost } from '../../core/variables.ts'
import { colon, cr, fieldValue, lf } from '../bytes.ts'
import { equalsLower, findNameId, knownNames, unknownName } from '../header-names.ts'
import { methods, methodText } from '../methods.ts'
import type { Request } from '../request.ts'
import type { RequestHead } from '../request-head.ts'
import type { SetHeader } from './directives.ts'

export interface RequestPlanInput {
  readonly version: '1.0' | '1.1'
  readonly method: ComplexValue | undefined
  readonly headers: readonly SetHeader[]
  readonly passHeaders: boolean
  /** `$proxy_host`, for the usual `Host`. */
  readonly host: ComplexValue
}

/** What differs from request to request beside what the plan reads itself. */
export interface OutgoingRequest {
  /** `undefined`: the client's own target. */
  readonly target: string | undefined
  /** Bytes of the body; 0 with `chunked` unset and no `Content-Length` of the client's for none. */
  readonly bodyBytes: number
  readonly chunked: boolean
  /** A length of 0 is said, not left out. */
  readonly saysLength: boolean
}

/** Fields that nginx sets or takes away unless `proxy_set_header` says otherwise. */
const takenAway = ['te', 'keep-alive', 'expect', 'upgrade'] as const
const framing = ['content-length', 'transfer-encoding'] as const

interface Field {
  /** `X-Real-IP: `. */
  readonly front: Buffer
  readonly value: ComplexValue
}

const token = /^[\w!#$%&'*+.^`|~-]+$/
const lengthFront = Buffer.from('Content-Length: ', 'latin1')
const chunkedLine = Buffer.from('Transfer-Encoding: chunked\r\n', 'latin1')
const blank = 0x20
const slash = 0x2f

/** Room for nearly all heads, and for small bodies behind them. */
const scratchBytes = 16 * 1024

/** Where heads are written; its memory is made by the first request. */
const scratch = new ByteSink(Buffer.alloc(0))

export class RequestPlan {
  readonly #version: Buffer
  readonly #method: ComplexValue | undefined
  /** Constant fields and those of variables, in order. */
  readonly #fields: readonly (Buffer | Field)[]
  readonly #passHeaders: boolean
  /** By id of the request's known names: 1 for fields of the client that are not passed on. */
  readonly #dropped: Uint8Array
  /** The same for names without an id, in lower case. */
  readonly #droppedNames: readonly Uint8Array[]

  constructor(input: RequestPlanInput) {
    this.#version = Buffer.from(` HTTP/${input.version}\r\n`, 'latin1')
    this.#method = input.method
    this.#passHeaders = input.passHeaders
    const set = withDefaults(input)
    this.#fields = compileFields(set)
    const names = [...set.map(({ name }) => name.toLowerCase()), ...takenAway, ...framing]
    this.#dropped = Uint8Array.from(knownNames, (name) => (names.includes(name) ? 1 : 0))
    this.#droppedNames = names
      .filter((name) => findNameId(name) === unknownName)
      .map((name) => Buffer.from(name, 'latin1'))
  }

  /** True when what is sent is a HEAD, whose response has no body. */
  isHead(request: Request): boolean {
    const method = this.methodOf(request)
    return method === undefined ? request.method === methods.head : method === 'HEAD'
  }

  /** Writes the head; it lies in a buffer of the process, from its beginning up to the returned length. */
  write(request: Request, outgoing: OutgoingRequest): number {
    const { head } = request
    if (scratch.bytes.length === 0) {
      scratch.bytes = request.connection.engine.services.transport.memory(scratchBytes)
    }
    scratch.length = 0
    this.#writeLine(request, outgoing.target)
    this.#writeFields(request)
    writeFraming(outgoing)
    if (this.#passHeaders) this.#copyFields(head)
    endLine(scratch)
    return scratch.length
  }

  /** Of `proxy_method`; one that is no token would end the request line. */
  methodOf(request: Request): string | undefined {
    const method = this.#method?.evaluate(request)
    return method !== undefined && token.test(method) ? method : undefined
  }

  #writeLine(request: Request, target: string | undefined): void {
    const { head } = request
    const method = this.methodOf(request)
    if (method !== undefined) scratch.text(method)
    else if (request.method === methods.other) {
      scratch.range(head.bytes, head.methodStart, head.methodEnd)
    } else scratch.text(methodText(request.method))
    scratch.byte(blank)
    if (target === undefined) writeTarget(head)
    else writeSafe(target)
    scratch.all(this.#version)
  }

  #writeFields(request: Request): void {
    for (const field of this.#fields) {
      if (field instanceof Uint8Array) scratch.all(field)
      else writeField(scratch, request, field)
    }
  }

  /** The client's lines that go on, neighbours in one piece. */
  #copyFields(head: RequestHead): void {
    const { bytes, count } = head
    let runStart = 0
    let runEnd = 0
    for (let field = 0; field < count; field++) {
      if (this.#drops(head, field)) continue
      const from = head.nameStart(field)
      const plainEnd = plainLineEnd(head, field)
      if (plainEnd >= 0 && from === runEnd) {
        runEnd = plainEnd
        continue
      }
      scratch.range(bytes, runStart, runEnd)
      if (plainEnd < 0) {
        copyField(head, field)
        runStart = runEnd = 0
      } else {
        runStart = from
        runEnd = plainEnd
      }
    }
    scratch.range(bytes, runStart, runEnd)
  }

  #drops(head: RequestHead, field: number): boolean {
    const id = head.idOf(field)
    if (id !== unknownName) return this.#dropped[id] === 1
    const names = this.#droppedNames
    if (names.length === 0) return false
    const [start, end] = [head.nameStart(field), head.nameEnd(field)]
    for (const name of names) if (equalsLower(head.bytes, start, end, name)) return true
    return false
  }
}

/** The bytes that `RequestPlan.write` wrote, and room behind them. */
export function planBytes(): Buffer {
  return scratch.bytes
}

/** `proxy_set_header` first, then what nginx sets by itself. */
function withDefaults({ headers, host }: RequestPlanInput): readonly SetHeader[] {
  const has = (name: string): boolean => headers.some((one) => one.name.toLowerCase() === name)
  return [
    ...headers,
    ...(has('host') ? [] : [{ name: 'Host', value: host }]),
    ...(has('connection') ? [] : [{ name: 'Connection', value: closeValue }]),
  ]
}

const closeValue = constantValue('close')

/** Neighbours that are constant are one piece. */
function compileFields(set: readonly SetHeader[]): readonly (Buffer | Field)[] {
  const fields: (Buffer | Field)[] = []
  for (const { name, value } of set) {
    if ((framing as readonly string[]).includes(name.toLowerCase())) continue
    const field = { front: Buffer.from(`${name}: `, 'latin1'), value }
    if (value.constant === undefined) {
      fields.push(field)
      continue
    }
    const line = new ByteSink(Buffer.alloc(0))
    writeField(line, noRequest, field)
    const bytes = line.bytes.subarray(0, line.length)
    const last = fields.at(-1)
    if (Buffer.isBuffer(last)) fields[fields.length - 1] = Buffer.concat([last, bytes])
    else if (bytes.length > 0) fields.push(bytes)
  }
  return fields
}

/** For values that are constant. */
const noRequest: VariableHost = { get: () => undefined, append: () => false }

/** A field whose value is empty is not sent. */
function writeField(into: ByteSink, request: VariableHost, { front, value }: Field): void {
  const start = into.length
  into.all(front)
  const valueStart = into.length
  value.append(request, into)
  if (into.length === valueStart) into.length = start
  else {
    blankControls(into, valueStart)
    endLine(into)
  }
}

function writeFraming({ bodyBytes, chunked, saysLength }: OutgoingRequest): void {
  if (chunked) scratch.all(chunkedLine)
  else if (bodyBytes > 0 || saysLength) {
    scratch.all(lengthFront)
    scratch.number(bodyBytes)
    endLine(scratch)
  }
}

/** Path and query as they came; an absolute form without a path means the root. */
function writeTarget(head: RequestHead): void {
  if (head.pathEnd === head.pathStart) scratch.byte(slash)
  scratch.range(head.bytes, head.pathStart, head.targetEnd)
}

function writeSafe(text: string): void {
  const start = scratch.length
  scratch.text(text)
  blankControls(scratch, start)
}

/** Control characters become blanks: values may hold anything, and a line break would end the line. */
function blankControls({ bytes, length }: ByteSink, start: number): void {
  for (let at = start; at < length; at++) {
    if (fieldValue[bytes[at]!] !== 1) bytes[at] = blank
  }
}

function endLine(into: ByteSink): void {
  into.byte(cr)
  into.byte(lf)
}

/** Where the line ends that is written as we write lines; -1 for one that is not. */
function plainLineEnd(head: RequestHead, field: number): number {
  const { bytes } = head
  const valueStart = head.valueStart(field)
  const valueEnd = head.valueEnd(field)
  const plain =
    valueStart === head.nameEnd(field) + 2 &&
    bytes[valueStart - 1] === 0x20 &&
    bytes[valueEnd] === 0x0d
  return plain ? valueEnd + 2 : -1
}

function copyField(head: RequestHead, field: number): void {
  const { bytes } = head
  scratch.range(bytes, head.nameStart(field), head.nameEnd(field))
  scratch.byte(colon)
  scratch.byte(blank)
  scratch.range(bytes, head.valueStart(field), head.valueEnd(field))
  endLine(scratch)
}
