/**
 * The head of another server's response: its bytes, and where in them everything stands.
 *
 * As with requests nothing is a string before somebody asks. What goes on to the client as it came is
 * copied by whole lines, neighbours in one piece.
 *
 * ```text
 *   bytes   HTTP/1.1 200 OK␍␊Server: x␍␊Content-Type: text/plain␍␊ETag:"1"␍␊␍␊
 *                    └────┘  └───────┘  └──────────────────────┘ └───────┘
 *                    status   hidden     verbatim: ends at `next`  written anew as `ETag: "1"`
 * ```
 */
import { copyRange } from '../core/copy-range.ts'
import { equalsLower } from './header-names.ts'
import { safeValue } from './safe-value.ts'
import { upstreamNames } from './upstream-names.ts'

/** Numbers per field: name from, name to, value from, value to, id, and how it goes on. */
const stride = 6
const fieldsInitial = 24
const none = -1

/** In place of `next`: the line is not as we write lines. */
const anew = -1
/** Taken from `next` of a field that is not passed on; no head is as long. */
const hiddenOffset = 2 ** 30

const bytesInitial = 2048
/** Heads that grew larger than this are not kept for the next response. */
const bytesKept = 8192

export class UpstreamHead {
  bytes: Buffer = Buffer.allocUnsafeSlow(bytesInitial)
  /** How many of `bytes` came from the server. */
  length: number = 0
  /** Bytes of the head, the empty line included; set when it is complete. */
  end: number = 0
  /** 0 or 1 mean HTTP/1.0 and 1.1. */
  minor: number = 1
  status: number = 0
  /** Code and reason, `200 OK`. */
  statusStart: number = 0
  statusEnd: number = 0
  /** Values that take the place of what came, by field. */
  readonly #replaced = new Map<number, string>()
  fields: Int32Array = new Int32Array(fieldsInitial * stride)
  count: number = 0
  /** Number of the first field of each name of `upstreamNames`, -1 for none. */
  readonly first: Int16Array = new Int16Array(upstreamNames.length).fill(none)

  clear(): void {
    if (this.bytes.length > bytesKept) this.bytes = Buffer.allocUnsafeSlow(bytesInitial)
    this.length = 0
    this.#forget()
  }

  /** Drops the head but not the bytes behind it, which move to the front: another one follows. */
  next(): void {
    this.bytes.copyWithin(0, this.end, this.length)
    this.length -= this.end
    this.#forget()
  }

  #forget(): void {
    this.end = 0
    this.minor = 1
    this.status = 0
    this.statusStart = 0
    this.statusEnd = 0
    if (this.#replaced.size > 0) this.#replaced.clear()
    for (let field = 0; field < this.count; field++) {
      const id = this.idOf(field)
      if (id >= 0 && id < this.first.length) this.first[id] = none
    }
    this.count = 0
  }

  /** Copies bytes of `chunk` from `from` on, until there are `max`; returns how many. */
  append(chunk: Buffer, from: number, max: number): number {
    const taken = Math.min(chunk.length - from, max - this.length)
    const needed = this.length + taken
    if (needed > this.bytes.length) this.#grow(needed)
    copyRange(chunk, from, from + taken, this.bytes, this.length)
    this.length = needed
    return taken
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  /** Adds a field; `next` is where the line behind it begins, or -1 for one that is not as we write it. */
  addField(nameStart: number, nameEnd: number, id: number): void {
    if ((this.count + 1) * stride > this.fields.length) {
      const larger = new Int32Array(this.fields.length * 2)
      larger.set(this.fields)
      this.fields = larger
    }
    const at = this.count * stride
    this.fields[at] = nameStart
    this.fields[at + 1] = nameEnd
    this.fields[at + 4] = id
    if (id >= 0 && id < this.first.length && this.first[id] === none) this.first[id] = this.count
    this.count += 1
  }

  /** Completes the field that was added last. */
  endField(valueStart: number, valueEnd: number, next: number): void {
    const at = (this.count - 1) * stride
    this.fields[at + 2] = valueStart
    this.fields[at + 3] = valueEnd
    this.fields[at + 5] = next
  }

  nameStart(field: number): number {
    return this.fields[field * stride]!
  }

  nameEnd(field: number): number {
    return this.fields[field * stride + 1]!
  }

  valueStart(field: number): number {
    return this.fields[field * stride + 2]!
  }

  valueEnd(field: number): number {
    return this.fields[field * stride + 3]!
  }

  idOf(field: number): number {
    return this.fields[field * stride + 4]!
  }

  isHidden(field: number): boolean {
    return this.fields[field * stride + 5]! < anew
  }

  /** Keeps a field from the client. */
  hide(field: number): void {
    const at = field * stride + 5
    if (this.fields[at]! >= anew) this.fields[at] = this.fields[at]! - hiddenOffset
  }

  /** Has the client see another value; it must be safe to write. */
  replace(field: number, value: string): void {
    this.#replaced.set(field, safeValue(value))
    this.fields[field * stride + 5] = anew
  }

  /** What the client sees. */
  shownValue(field: number): string {
    return this.#replaced.get(field) ?? this.value(field)
  }

  name(field: number): string {
    return this.bytes.toString('latin1', this.nameStart(field), this.fields[field * stride + 1])
  }

  /** A value as text: UTF-8, which for ASCII costs what Latin-1 does. */
  value(field: number): string {
    return this.bytes.toString('utf8', this.valueStart(field), this.valueEnd(field))
  }

  /** Value of the first field of a known name. */
  valueOf(id: number): string | undefined {
    const field = this.first[id]!
    return field < 0 ? undefined : this.value(field)
  }

  /** True when the known name stands in more than one field. */
  repeats(id: number): boolean {
    for (let field = this.first[id]! + 1; field > 0 && field < this.count; field++) {
      if (this.idOf(field) === id) return true
    }
    return false
  }

  /** Keeps all fields of a known name from the client. */
  hideAll(id: number): void {
    const first = this.first[id]!
    if (first === none) return
    for (let field = first; field < this.count; field++)
      if (this.idOf(field) === id) this.hide(field)
  }

  /** First field of that name, in lower case, that is not hidden; -1 where there is none. */
  find(lowerName: string): number {
    const lower = Buffer.from(lowerName, 'latin1')
    for (let field = 0; field < this.count; field++) {
      if (!this.isHidden(field) && this.isNamed(field, lower)) return field
    }
    return none
  }

  isNamed(field: number, lower: Uint8Array): boolean {
    return equalsLower(this.bytes, this.nameStart(field), this.fields[field * stride + 1]!, lower)
  }

  /** Bytes that `copyFields` may write. */
  get room(): number {
    // A line that is written anew may gain a space and a line break.
    let room = this.end + this.count * 4
    for (const value of this.#replaced.values()) room += value.length * 3
    return room
  }

  /** Writes the line of a field, hidden or not, as it came; returns where it ends. */
  copyLine(field: number, into: Buffer, at: number): number {
    const raw = this.fields[field * stride + 5]!
    const next = raw < anew ? raw + hiddenOffset : raw
    if (next < 0) return this.#writeField(into, at, field)
    return copyRange(this.bytes, this.nameStart(field), next, into, at)
  }

  /** Writes all fields that are not hidden; returns where they end. */
  copyFields(into: Buffer, start: number): number {
    const { bytes, fields, count } = this
    let at = start
    let runStart = 0
    let runEnd = 0
    for (let i = 0, f = 0; i < count; i++, f += stride) {
      const next = fields[f + 5]!
      if (next < anew) continue
      const from = fields[f]!
      if (next >= 0 && from === runEnd) {
        runEnd = next
        continue
      }
      if (runEnd > runStart) at = copyRange(bytes, runStart, runEnd, into, at)
      if (next === anew) {
        at = this.#writeField(into, at, i)
        runStart = runEnd = 0
      } else {
        runStart = from
        runEnd = next
      }
    }
    if (runEnd > runStart) at = copyRange(bytes, runStart, runEnd, into, at)
    return at
  }

  #writeField(into: Buffer, start: number, field: number): number {
    const { bytes, fields } = this
    const f = field * stride
    const replaced = this.#replaced.get(field)
    let at = start + bytes.copy(into, start, fields[f], fields[f + 1])
    into[at++] = 0x3a
    into[at++] = 0x20
    at +=
      replaced === undefined
        ? bytes.copy(into, at, fields[f + 2], fields[f + 3])
        : into.write(replaced, at)
    into[at++] = 0x0d
    into[at++] = 0x0a
    return at
  }
}
