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
import type { ComplexValue } from '../../core/complex-value.ts'
import { copyAll, copyRange } from '../copy-range.ts'
import { equalsLower, findNameId, knownNames, unknownName } from '../header-names.ts'
import { methods, methodText } from '../methods.ts'
import type { Request } from '../request.ts'
import type { RequestHead } from '../request-head.ts'
import type { SetHeader } from './directives.ts'
import { roomFor, writeText } from './write-text.ts'

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
const crlf = Buffer.from('\r\n', 'latin1')
const lengthFront = Buffer.from('Content-Length: ', 'latin1')
const chunkedLine = Buffer.from('Transfer-Encoding: chunked\r\n', 'latin1')
const fixedBytes = 128

/** Room for nearly all heads, and for small bodies behind them. */
const scratchBytes = 16 * 1024

/** Where heads are written; made by the first request. */
let scratch: Buffer = Buffer.alloc(0)

export class RequestPlan {
  readonly #version: Buffer
  readonly #method: ComplexValue | undefined
  /** Constant fields and those of variables, in order. */
  readonly #fields: readonly (Buffer | Field)[]
  readonly #constantBytes: number
  readonly #texts: string[]
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
    this.#constantBytes = this.#fields.reduce(
      (sum, field) => sum + (Buffer.isBuffer(field) ? field.length : field.front.length + 2),
      0,
    )
    this.#texts = this.#fields.map(() => '')
    const names = [...set.map(({ name }) => name.toLowerCase()), ...takenAway, ...framing]
    this.#dropped = Uint8Array.from(knownNames, (name) => (names.includes(name) ? 1 : 0))
    this.#droppedNames = names
      .filter((name) => findNameId(name) === unknownName)
      .map((name) => Buffer.from(name, 'latin1'))
  }

  /** True when what is sent is a HEAD, whose response has no body. */
  isHead(request: Request): boolean {
    const method = this.#methodOf(request)
    return method === undefined ? request.method === methods.head : method === 'HEAD'
  }

  /** Writes the head; it lies in a buffer of the process, from its beginning up to the returned length. */
  write(request: Request, outgoing: OutgoingRequest): number {
    const { head } = request
    const method = this.#methodOf(request)
    let room = fixedBytes + this.#constantBytes + head.end + head.count * 4
    if (method !== undefined) room += roomFor(method)
    if (outgoing.target !== undefined) room += roomFor(outgoing.target)
    room += this.#evaluate(request)
    if (room > scratch.length) scratch = makeScratch(request, room)
    let at = this.#writeLine(request, method, outgoing.target)
    at = this.#writeFields(at)
    at = writeFraming(at, outgoing)
    if (this.#passHeaders) at = this.#copyFields(head, at)
    scratch[at++] = 0x0d
    scratch[at++] = 0x0a
    return at
  }

  /** Of `proxy_method`; one that is no token would end the request line. */
  #methodOf(request: Request): string | undefined {
    const method = this.#method?.evaluate(request)
    return method !== undefined && token.test(method) ? method : undefined
  }

  #evaluate(request: Request): number {
    let room = 0
    for (let i = 0; i < this.#fields.length; i++) {
      const field = this.#fields[i]!
      if (Buffer.isBuffer(field)) continue
      const text = field.value.evaluate(request)
      this.#texts[i] = text
      room += roomFor(text)
    }
    return room
  }

  #writeLine(request: Request, method: string | undefined, target: string | undefined): number {
    const { head } = request
    let at = 0
    if (method !== undefined) at = writeText(scratch, at, method)
    else if (request.method === methods.other) {
      at = copyRange(head.bytes, head.methodStart, head.methodEnd, scratch, at)
    } else at = writeText(scratch, at, methodText(request.method))
    scratch[at++] = 0x20
    if (target !== undefined) at = writeText(scratch, at, target)
    else at = copyTarget(head, at)
    return copyAll(this.#version, scratch, at)
  }

  #writeFields(start: number): number {
    let at = start
    for (let i = 0; i < this.#fields.length; i++) {
      const field = this.#fields[i]!
      if (Buffer.isBuffer(field)) {
        at = copyAll(field, scratch, at)
        continue
      }
      const text = this.#texts[i]!
      if (text === '') continue
      at = copyAll(field.front, scratch, at)
      at = writeText(scratch, at, text)
      scratch[at++] = 0x0d
      scratch[at++] = 0x0a
    }
    return at
  }

  /** The client's lines that go on, neighbours in one piece. */
  #copyFields(head: RequestHead, start: number): number {
    const { bytes, count } = head
    let at = start
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
      if (runEnd > runStart) at = copyRange(bytes, runStart, runEnd, scratch, at)
      if (plainEnd < 0) {
        at = writeField(head, field, at)
        runStart = runEnd = 0
      } else {
        runStart = from
        runEnd = plainEnd
      }
    }
    if (runEnd > runStart) at = copyRange(bytes, runStart, runEnd, scratch, at)
    return at
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

function makeScratch({ connection }: Request, room: number): Buffer {
  if (room > scratchBytes) return Buffer.allocUnsafeSlow(room * 2)
  return connection.engine.services.transport.memory(scratchBytes)
}

/** The bytes that `RequestPlan.write` wrote, and room behind them. */
export function planBytes(): Buffer {
  return scratch
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

const closeValue: ComplexValue = {
  text: 'close',
  constant: 'close',
  slots: [],
  evaluate: () => 'close',
}

function compileFields(set: readonly SetHeader[]): readonly (Buffer | Field)[] {
  const fields: (Buffer | Field)[] = []
  for (const { name, value } of set) {
    if ((framing as readonly string[]).includes(name.toLowerCase())) continue
    if (value.constant === '') continue
    if (value.constant === undefined) {
      fields.push({ front: Buffer.from(`${name}: `, 'latin1'), value })
      continue
    }
    const line = Buffer.alloc(name.length + 4 + roomFor(value.constant))
    const front = line.write(`${name}: `, 'latin1')
    const end = writeText(line, front, value.constant)
    const bytes = Buffer.concat([line.subarray(0, end), crlf])
    const last = fields.at(-1)
    if (Buffer.isBuffer(last)) fields[fields.length - 1] = Buffer.concat([last, bytes])
    else fields.push(bytes)
  }
  return fields
}

function writeFraming(start: number, { bodyBytes, chunked, saysLength }: OutgoingRequest): number {
  if (chunked) return start + chunkedLine.copy(scratch, start)
  if (bodyBytes === 0 && !saysLength) return start
  let at = copyAll(lengthFront, scratch, start)
  at = writeText(scratch, at, String(bodyBytes))
  scratch[at++] = 0x0d
  scratch[at++] = 0x0a
  return at
}

/** Path and query as they came; an absolute form without a path means the root. */
function copyTarget(head: RequestHead, start: number): number {
  let at = start
  if (head.pathEnd === head.pathStart) scratch[at++] = 0x2f
  return copyRange(head.bytes, head.pathStart, head.targetEnd, scratch, at)
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

function writeField(head: RequestHead, field: number, start: number): number {
  const { bytes } = head
  let at = start + bytes.copy(scratch, start, head.nameStart(field), head.nameEnd(field))
  scratch[at++] = 0x3a
  scratch[at++] = 0x20
  at += bytes.copy(scratch, at, head.valueStart(field), head.valueEnd(field))
  scratch[at++] = 0x0d
  scratch[at++] = 0x0a
  return at
}
