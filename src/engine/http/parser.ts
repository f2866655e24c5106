/**
 * The request parser: strict HTTP/1.1 (RFC 9112), byte by byte over a head that grows as bytes come.
 *
 * It can stop behind any byte and go on from there, so that the way the network cut the bytes makes no
 * difference to the outcome. Inside one state the loop is as tight as it can be: one table look-up a byte.
 *
 * ```text
 *   start ─▶ method ─▶ target ─▶ version ─▶ lineEnd ─▶ fieldStart ─▶ name ─▶ space ─▶ value ─▶ fieldEnd
 *     ▲ empty lines                                        ▲  │                                   │
 *                                                          │  └─▶ headEnd ─▶ done                 │
 *                                                          └──────────────────────────────────────┘
 * ```
 *
 * Sizes are nginx's: the head is laid, in thought, into one buffer of `client_header_buffer_size` and then
 * `large_client_header_buffers` of the given number and size; a line that does not fit moves to the next
 * buffer whole. So the same request is too large for both.
 */
import {
  colon,
  cr,
  fieldValue,
  lf,
  plainName,
  slash,
  space,
  tab,
  target,
  targetQuery,
  targetSpecial,
  tokenLower,
} from './bytes.ts'
import type { HeadLimits } from './head-limits.ts'
import { hashByte, matchName, unknownName } from './header-names.ts'
import { emptyLinesMax, headerFieldsMax } from './limits.ts'
import { matchMethod } from './methods.ts'
import type { RequestHead } from './request-head.ts'
import { splitTarget } from './request-target.ts'
import { statuses } from './status.ts'

/** What `parse` says: more bytes are needed, or the head is whole; anything else is the status of a refusal. */
export const again = 0
export const done = 1

const states = {
  start: 0,
  startLf: 1,
  method: 2,
  targetStart: 3,
  target: 4,
  version: 5,
  minor: 6,
  lineLf: 7,
  fieldStart: 8,
  name: 9,
  valueStart: 10,
  value: 11,
  valueLf: 12,
  headLf: 13,
} as const

const leftOut = -1

const versionText = Buffer.from('HTTP/1.', 'latin1')
const digitZero = 0x30
const digitNine = 0x39
const underscore = 0x5f
const dash = 0x2d
const dot = 0x2e

export class RequestParser {
  readonly head: RequestHead
  /** Why the request was refused, as nginx's log says it after "client sent". */
  problem: string = ''
  #limits: HeadLimits
  #state: number = states.start
  #at = 0
  #emptyLines = 0
  #lineStart = 0
  /** Where the buffer nginx would be filling ends. */
  #roomEnd = 0
  #largeUsed = 0
  #hash = 0
  /** 1 for a plain name, 0 for an odd one that is taken, `leftOut` for a field that is not. */
  #plain = 1

  constructor(head: RequestHead, limits: HeadLimits) {
    this.head = head
    this.#limits = limits
    this.reset(limits)
  }

  /** Makes it ready for the next request. */
  reset(limits: HeadLimits): void {
    this.#limits = limits
    this.#state = states.start
    this.#at = 0
    this.#emptyLines = 0
    this.#lineStart = 0
    this.#roomEnd = limits.initialBytes
    this.#largeUsed = 0
    this.problem = ''
  }

  /** True until a byte came that belongs to a request. */
  get blank(): boolean {
    return this.#state === states.start
  }

  /** Goes over the bytes that came since; `again`, `done`, or the status of a refusal. */
  parse(): number {
    const { head } = this
    while (this.#at < head.length) {
      const end = head.length < this.#roomEnd ? head.length : this.#roomEnd
      const outcome = this.#at < end ? this.#step(end) : this.#moveLine()
      if (outcome !== again) return outcome
    }
    return again
  }

  /** One state, over bytes up to `end`, of which there is at least one. */
  #step(end: number): number {
    switch (this.#state) {
      case states.name:
        return this.#name(end)
      case states.value:
        return this.#value(end)
      case states.valueStart:
        return this.#valueStart(end)
      case states.valueLf:
        return this.#lf(states.fieldStart, 'header line')
      case states.fieldStart:
        return this.#fieldStart()
      case states.target:
        return this.#target(end)
      case states.method:
        return this.#method(end)
      case states.start:
        return this.#start()
      case states.startLf:
        return this.#emptyLine()
      case states.targetStart:
        return this.#targetStart()
      case states.version:
        return this.#version(end)
      case states.minor:
        return this.#minor(end)
      case states.lineLf:
        return this.#lf(states.fieldStart, 'request')
      default:
        return this.#headEnd()
    }
  }

  /** The line in work does not fit in what is left of its buffer. */
  #moveLine(): number {
    const { largeBytes, largeCount } = this.#limits
    const partial = this.#at - this.#lineStart
    if (partial >= largeBytes || this.#largeUsed >= largeCount) {
      const inLine = this.#state < states.fieldStart
      this.problem = inLine ? 'too long URI' : 'too large request'
      return inLine ? 414 : statuses.headerTooLarge
    }
    this.#largeUsed += 1
    this.#roomEnd = this.#lineStart + largeBytes
    return again
  }

  #bad(problem: string): number {
    this.problem = problem
    return 400
  }

  #start(): number {
    const byte = this.head.bytes[this.#at]!
    if (byte === cr) {
      this.#at += 1
      this.#state = states.startLf
      return again
    }
    this.#lineStart = this.#at
    this.head.methodStart = this.#at
    this.#state = states.method
    return again
  }

  /** RFC 9112 §2.2: an empty line before the request line is passed over. */
  #emptyLine(): number {
    this.#emptyLines += 1
    const tooMany = this.#emptyLines > emptyLinesMax
    return tooMany ? this.#bad('too many empty lines') : this.#lf(states.start, 'request')
  }

  /** RFC 9112 §2.2: a bare CR is refused; a bare LF never reaches this state. */
  #lf(next: number, what: string): number {
    if (this.head.bytes[this.#at] !== lf) return this.#bad(`invalid ${what}: bare CR`)
    this.#at += 1
    this.#lineStart = this.#at
    this.#state = next
    return again
  }

  /** As nginx: upper-case letters, "_" and "-". */
  #method(end: number): number {
    const { head } = this
    const { bytes } = head
    let at = this.#at
    while (at < end && isMethodByte(bytes[at]!)) at++
    this.#at = at
    if (at === end) return again
    if (bytes[at] !== space || at === head.methodStart) return this.#bad('invalid method')
    head.methodEnd = at
    head.method = matchMethod(bytes, head.methodStart, at)
    this.#at = at + 1
    head.targetStart = at + 1
    this.#state = states.targetStart
    return again
  }

  /** Origin form or absolute form (RFC 9112 §3.2); the others are for proxies and nginx refuses them too. */
  #targetStart(): number {
    const byte = this.head.bytes[this.#at]!
    const lower = byte | 0x20
    if (byte !== slash && (lower < 0x61 || lower > 0x7a)) return this.#bad('invalid request')
    this.#state = states.target
    return again
  }

  #target(end: number): number {
    const { head } = this
    const { bytes } = head
    let at = this.#at
    for (; at < end; at++) {
      const byte = bytes[at]!
      const kind = target[byte]!
      if (kind === 0) break
      if (head.queryStart >= 0) continue
      if (kind === targetQuery) head.queryStart = at + 1
      else if (kind === targetSpecial || followsSlash(bytes, at, byte)) head.pathSpecial = true
    }
    this.#at = at
    if (at === end) return again
    if (bytes[at] !== space) return this.#bad('invalid request')
    head.targetEnd = at
    this.#at = at + 1
    this.#state = states.version
    return splitTarget(head) ? again : this.#bad('invalid request')
  }

  /** RFC 9112 §2.3, case-sensitive; another major version is a 505, as in nginx. */
  #version(end: number): number {
    const { head } = this
    const from = head.targetEnd + 1
    for (; this.#at < end; this.#at++) {
      const index = this.#at - from
      if (index === versionText.length) {
        this.#state = states.minor
        return again
      }
      const byte = head.bytes[this.#at]!
      if (byte === versionText[index]) continue
      const major = index === versionText.length - 2
      if (major && byte > digitZero + 1 && byte <= digitNine) {
        this.problem = 'invalid version'
        return 505
      }
      return this.#bad('invalid request')
    }
    return again
  }

  /** One digit (RFC 9112 §2.3), then the end of the line at once. */
  #minor(end: number): number {
    const { head } = this
    const from = head.targetEnd + 1 + versionText.length
    for (; this.#at < end; this.#at++) {
      const byte = head.bytes[this.#at]!
      if (this.#at === from && byte >= digitZero && byte <= digitNine) head.minor = byte - digitZero
      else if (this.#at > from && byte === cr) return this.#endLine()
      else return this.#bad('invalid request')
    }
    return again
  }

  #endLine(): number {
    this.head.lineEnd = this.#at
    this.#at += 1
    this.#state = states.lineLf
    return again
  }

  /** A space here would be obs-fold (RFC 9112 §5.2) or stand before the first field: both are refused. */
  #fieldStart(): number {
    const { head } = this
    if (head.bytes[this.#at] === cr) {
      this.#at += 1
      this.#state = states.headLf
      return again
    }
    if (head.count === headerFieldsMax) {
      this.problem = 'too many header fields'
      return statuses.headerTooLarge
    }
    this.#hash = 0
    this.#plain = 1
    this.#state = states.name
    return again
  }

  /** A token and a colon with nothing between them (RFC 9112 §5.1). */
  #name(end: number): number {
    const { head } = this
    const { bytes } = head
    let at = this.#at
    let hash = this.#hash
    let plain = this.#plain
    for (; at < end; at++) {
      const byte = bytes[at]!
      const lower = tokenLower[byte]!
      if (lower === 0) break
      hash = hashByte(hash, lower)
      plain &= plainName[byte]!
    }
    this.#at = at
    this.#hash = hash
    this.#plain = plain
    if (at === end) return again
    const start = this.#lineStart
    if (bytes[at] !== colon || at === start) return this.#bad('invalid header line')
    const id = plain === 1 ? matchName(bytes, start, at, hash) : unknownName
    if (plain === 1 || this.#takesOddName(start, at)) head.addField(start, at, id)
    else this.#plain = leftOut
    this.#at = at + 1
    this.#state = states.valueStart
    return again
  }

  /** Names that are tokens but which nginx passes over unless it is told not to. */
  #takesOddName(start: number, end: number): boolean {
    const { ignoreInvalid, underscores } = this.#limits
    if (!ignoreInvalid) return true
    if (!underscores) return false
    for (let at = start; at < end; at++) {
      const byte = this.head.bytes[at]!
      if (plainName[byte] !== 1 && byte !== underscore) return false
    }
    return true
  }

  #valueStart(end: number): number {
    const { bytes } = this.head
    let at = this.#at
    while (at < end && (bytes[at] === space || bytes[at] === tab)) at++
    this.#at = at
    if (at === end) return again
    if (this.#plain !== leftOut) this.head.endField(at, at)
    this.#state = states.value
    return again
  }

  #value(end: number): number {
    const { bytes } = this.head
    let at = this.#at
    while (at < end && fieldValue[bytes[at]!] === 1) at++
    this.#at = at
    if (at === end) return again
    if (bytes[at] !== cr) return this.#bad('invalid header line')
    if (this.#plain !== leftOut) this.#endField(at)
    this.#at = at + 1
    this.#state = states.valueLf
    return again
  }

  /** White space behind a value does not belong to it (RFC 9110 §5.5). */
  #endField(lineEnd: number): void {
    const { head } = this
    const start = head.valueStart(head.count - 1)
    let end = lineEnd
    while (end > start && isBlank(head.bytes[end - 1]!)) end--
    head.endField(start, end)
  }

  #headEnd(): number {
    if (this.head.bytes[this.#at] !== lf) return this.#bad('invalid header line: bare CR')
    this.#at += 1
    this.head.end = this.#at
    return done
  }
}

function isMethodByte(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || byte === dash || byte === underscore
}

function isBlank(byte: number): boolean {
  return byte === space || byte === tab
}

function followsSlash(bytes: Uint8Array, at: number, byte: number): boolean {
  return (byte === slash || byte === dot) && bytes[at - 1] === slash
}
