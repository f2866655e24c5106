/**
 * The head of one request: its bytes, and where in them everything stands.
 *
 * Nothing here is a string. The request line and the header fields are ranges of `bytes`; a string is made
 * when a directive asks for one. The object is used again for the next request of a connection.
 *
 * ```text
 *   bytes   GET /a?b HTTP/1.1␍␊Host: x␍␊Accept: text␍␊␍␊
 *           ▲   ▲ ▲            ▲   ▲ ▲  ▲
 *      method  path query     fields[0]: name, value, id of a known name
 * ```
 */
import { cr, lf } from './bytes.ts'
import type { ByteSink } from '../core/byte-sink.ts'
import { copyRange } from '../core/copy-range.ts'
import { headBytesInitial, headBytesKept } from './limits.ts'
import { knownNames, unknownName } from './header-names.ts'
import { methods } from './methods.ts'

/** Numbers per field in `fields`: name from, name to, value from, value to, id. */
export const fieldStride = 5
const fieldsInitial = 32
const none = -1

export class RequestHead {
  bytes: Buffer = Buffer.allocUnsafeSlow(headBytesInitial)
  /** How many of `bytes` came from the client. */
  length: number = 0
  /** Bytes of the head, the empty line included; set when it is complete. */
  end: number = 0

  method: number = methods.other
  methodStart: number = 0
  methodEnd: number = 0
  /** The whole target as it came, for `$request_uri`. */
  targetStart: number = 0
  targetEnd: number = 0
  /** Path of the target, before it is decoded. Empty for an absolute form without a path. */
  pathStart: number = 0
  pathEnd: number = 0
  /** True when the path holds an escape, `//`, `/.`: it is not its own normal form. */
  pathSpecial: boolean = false
  /** Behind the `?`; -1 where there is none. The query ends where the target ends. */
  queryStart: number = none
  /** Authority of an absolute form; -1 for the usual form. */
  authorityStart: number = none
  authorityEnd: number = none
  /** True when an absolute form says `https`. */
  absoluteTls: boolean = false
  lineEnd: number = 0
  /** Minor version: 0 or 1 mean HTTP/1.0 and 1.1; higher ones are treated as 1. */
  minor: number = 1

  fields: Int32Array = new Int32Array(fieldsInitial * fieldStride)
  count: number = 0
  /** Number of the first field of each known name, -1 for none. */
  readonly first: Int16Array = new Int16Array(knownNames.length).fill(none)

  clear(): void {
    if (this.bytes.length > headBytesKept) this.bytes = Buffer.allocUnsafeSlow(headBytesInitial)
    this.length = 0
    this.end = 0
    this.pathSpecial = false
    this.queryStart = none
    this.authorityStart = none
    this.authorityEnd = none
    this.absoluteTls = false
    this.lineEnd = 0
    this.minor = 1
    this.method = methods.other
    this.methodEnd = this.methodStart = 0
    this.targetEnd = this.targetStart = 0
    this.pathEnd = this.pathStart = 0
    for (let field = 0; field < this.count; field++) {
      const id = this.idOf(field)
      if (id !== unknownName) this.first[id] = none
    }
    this.count = 0
  }

  /** Becomes a copy that outlives the other. */
  copyFrom(other: RequestHead): void {
    const { bytes, fields, first } = this
    Object.assign(this, other)
    this.bytes = bytes.length < other.length ? Buffer.allocUnsafeSlow(other.bytes.length) : bytes
    other.bytes.copy(this.bytes, 0, 0, other.length)
    this.fields = fields.length < other.fields.length ? new Int32Array(other.fields.length) : fields
    this.fields.set(other.fields)
    first.set(other.first)
    Object.assign(this, { first })
  }

  /** Copies bytes of `chunk` from `from` on, as many as there is room for; returns how many. */
  append(chunk: Buffer, from: number): number {
    if (this.length === this.bytes.length) this.#grow()
    const taken = Math.min(chunk.length - from, this.bytes.length - this.length)
    copyRange(chunk, from, from + taken, this.bytes, this.length)
    this.length += taken
    return taken
  }

  /** Of a request that is given up within its first line: what came of the line is the line. */
  closeLine(): void {
    if (this.lineEnd > 0) return
    let end = this.methodStart
    while (end < this.length && this.bytes[end] !== cr && this.bytes[end] !== lf) end++
    this.lineEnd = end
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.bytes.length * 2)
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  addField(nameStart: number, nameEnd: number, id: number): void {
    if ((this.count + 1) * fieldStride > this.fields.length) {
      const larger = new Int32Array(this.fields.length * 2)
      larger.set(this.fields)
      this.fields = larger
    }
    const at = this.count * fieldStride
    this.fields[at] = nameStart
    this.fields[at + 1] = nameEnd
    this.fields[at + 4] = id
    if (id !== unknownName && this.first[id] === none) this.first[id] = this.count
    this.count += 1
  }

  /** Sets the value of the field that was added last. */
  endField(valueStart: number, valueEnd: number): void {
    const at = (this.count - 1) * fieldStride
    this.fields[at + 2] = valueStart
    this.fields[at + 3] = valueEnd
  }

  nameStart(field: number): number {
    return this.fields[field * fieldStride]!
  }

  nameEnd(field: number): number {
    return this.fields[field * fieldStride + 1]!
  }

  valueStart(field: number): number {
    return this.fields[field * fieldStride + 2]!
  }

  valueEnd(field: number): number {
    return this.fields[field * fieldStride + 3]!
  }

  idOf(field: number): number {
    return this.fields[field * fieldStride + 4]!
  }

  /** True when the known name stands in more than one field. */
  repeats(id: number): boolean {
    const first = this.first[id]!
    if (first === none) return false
    for (let field = first + 1; field < this.count; field++)
      if (this.idOf(field) === id) return true
    return false
  }

  /** Text of a range: UTF-8, which for ASCII costs what Latin-1 does. */
  text(start: number, end: number): string {
    return this.bytes.toString('utf8', start, end)
  }

  /** Appends the value of the first field of a known name; false where there is none. */
  appendValue(id: number, sink: ByteSink): boolean {
    const field = this.first[id]!
    if (field === none) return false
    sink.range(this.bytes, this.valueStart(field), this.valueEnd(field))
    return true
  }

  /** Value of the first field of a known name, or `undefined`. */
  value(id: number): string | undefined {
    const field = this.first[id]!
    return field === none ? undefined : this.text(this.valueStart(field), this.valueEnd(field))
  }
}
