/**
 * Makes a request's head of decoded fields: the same bytes and ranges that the HTTP/1 parser leaves, so that
 * everything above reads both alike.
 *
 * ```text
 *   :method GET  :path /a?b  :authority x  accept text
 *      ──▶  GET /a?b HTTP/2.0␍␊host: x␍␊accept: text␍␊␍␊
 * ```
 *
 * Strict by RFC 9113 §8.2 and §8.3: what a peer behind us could read otherwise is malformed here.
 */
import { fieldValue, plainName, tokenLower } from '../bytes.ts'
import type { HeadLimits } from '../head-limits.ts'
import { hashByte, matchName, nameId, unknownName } from '../header-names.ts'
import { headerFieldsMax } from '../limits.ts'
import { matchMethod, methods } from '../methods.ts'
import type { RequestHead } from '../request-head.ts'
import { statuses } from '../status.ts'
import type { FieldSink } from './hpack-decoder.ts'
import { isMethod, isPlainValue, scanTarget } from './request-line.ts'
import { equalsSlice, Scratch, type Slice } from './slice.ts'

const colon = 0x3a
const underscore = 0x5f
const blank = 0x20
const tab = 0x09

const hostId = nameId('host')
const cookieId = nameId('cookie')
const teId = nameId('te')

/** Fields of a connection, which HTTP/2 has no place for (RFC 9113 §8.2.2). */
const connectionIds: ReadonlySet<number> = new Set(
  (['connection', 'keep-alive', 'transfer-encoding', 'upgrade'] as const).map(nameId),
)
const proxyConnection = Buffer.from('proxy-connection', 'latin1')
const trailers = Buffer.from('trailers', 'latin1')
const cookieName = Buffer.from('cookie', 'latin1')
const hostName = Buffer.from('host', 'latin1')
const versionText = Buffer.from(' HTTP/2.0\r\n', 'latin1')

const pseudoNames = [':method', ':scheme', ':path', ':authority'] as const
/** Their places in the list. */
const pseudo = { method: 0, scheme: 1, path: 2, authority: 3 } as const
const pseudoBytes: readonly Buffer[] = pseudoNames.map((name) => Buffer.from(name, 'latin1'))

/** Bytes of a line beyond name and value: ": " and CRLF. */
const lineExtraBytes = 4
const none = -1

export class RequestFields implements FieldSink {
  /** Status of the refusal, 0 when there is nothing to refuse. */
  status: number = 0
  /** Why, as the log says it after "client sent". */
  problem: string = ''
  /** True when what came is no request at all by RFC 9113 §8.1.1. */
  malformed: boolean = false
  #head: RequestHead | undefined
  #limits: HeadLimits | undefined
  #left = 0
  #lineWritten = false
  /** Pseudo fields wait here until the first line can be written. */
  readonly #pseudo = new Scratch()
  readonly #starts: Int32Array = new Int32Array(pseudoNames.length)
  readonly #ends: Int32Array = new Int32Array(pseudoNames.length)
  /** All cookies as one field (RFC 9113 §8.2.3). */
  readonly #cookies = new Scratch()

  /** Begins a head; it must be clear. */
  begin(head: RequestHead, limits: HeadLimits): void {
    this.#head = head
    this.#limits = limits
    this.#left = limits.largeCount * limits.largeBytes
    this.#lineWritten = false
    this.#pseudo.length = 0
    this.#cookies.length = 0
    this.#starts.fill(none)
    this.status = 0
    this.problem = ''
    this.malformed = false
  }

  onField(name: Slice, value: Slice): void {
    if (this.status !== 0) return
    const bytes = name.end - name.start + value.end - value.start
    this.#left -= bytes
    if (this.#left < 0 || bytes > this.#limits!.largeBytes) {
      this.#refuse(statuses.headerTooLarge, 'too large request')
    } else if (name.bytes[name.start] === colon) this.#pseudoField(name, value)
    else if (this.#lineWritten || this.#writeLine()) this.#field(name, value)
  }

  /** All fields came; 0, or the status of a refusal. */
  finish(): number {
    if (this.status === 0 && !this.#lineWritten) this.#writeLine()
    const head = this.#head!
    if (this.status === 0 && this.#cookies.length > 0) this.#writeCookies(head)
    this.#reserve(2)
    this.#crlf()
    head.end = head.length
    return this.status
  }

  #refuse(status: number, problem: string): false {
    this.status = status
    this.problem = problem
    return false
  }

  #malformed(problem: string): false {
    this.malformed = true
    return this.#refuse(400, problem)
  }

  /** RFC 9113 §8.3: before all others, each once, and no other than these. */
  #pseudoField(name: Slice, value: Slice): void {
    const field = pseudoBytes.findIndex((known) => equalsSlice(name, known))
    if (field < 0) this.#malformed('unknown pseudo-header')
    else if (this.#lineWritten) this.#malformed('pseudo-header after other headers')
    else if (this.#starts[field] !== none) {
      this.#malformed(`duplicate ${pseudoNames[field]!} header`)
    } else if (!isPlainValue(value)) this.#malformed(`invalid ${pseudoNames[field]!} header`)
    else {
      this.#starts[field] = this.#pseudo.length
      this.#pseudo.append(value)
      this.#ends[field] = this.#pseudo.length
    }
  }

  /** The request line, and `host` where there is an authority. */
  #writeLine(): boolean {
    this.#lineWritten = true
    const head = this.#head!
    this.#reserve(this.#pseudo.length + versionText.length + hostName.length + lineExtraBytes + 1)
    const start = this.#copyPseudo(pseudo.method)
    if (start < 0) return this.#malformed('no :method header')
    head.methodStart = start
    head.methodEnd = head.length
    head.method = matchMethod(head.bytes, start, head.length)
    if (!isMethod(head)) return this.#malformed('invalid :method header')
    const connects = head.method === methods.connect
    if (!this.#checkForm(connects)) return false
    head.bytes[head.length++] = blank
    head.targetStart = this.#copyPseudo(connects ? pseudo.authority : pseudo.path)
    head.targetEnd = head.length
    if (!connects && !scanTarget(head)) return this.#refuse(400, 'invalid :path header')
    head.lineEnd = head.length + versionText.length - 2
    head.length += versionText.copy(head.bytes, head.length)
    if (this.#starts[pseudo.authority] !== none) this.#writeHost(head)
    return true
  }

  /** RFC 9113 §8.3.1 and §8.5: what must be there, and what must not with CONNECT. */
  #checkForm(connects: boolean): boolean {
    if (connects) {
      if (this.#starts[pseudo.authority] === none) return this.#malformed('no :authority header')
      const extra = this.#starts[pseudo.path] !== none || this.#starts[pseudo.scheme] !== none
      return extra ? this.#malformed('CONNECT method with :path or :scheme header') : true
    }
    if (this.#starts[pseudo.path] === none) return this.#malformed('no :path header')
    if (this.#starts[pseudo.scheme] === none) return this.#malformed('no :scheme header')
    return true
  }

  /** Returns where it begins in the head; -1 where it did not come. */
  #copyPseudo(field: number): number {
    const from = this.#starts[field]!
    if (from === none) return none
    const head = this.#head!
    const start = head.length
    head.length += this.#pseudo.bytes.copy(head.bytes, start, from, this.#ends[field])
    return start
  }

  #writeHost(head: RequestHead): void {
    const nameStart = head.length
    head.length += hostName.copy(head.bytes, nameStart)
    head.addField(nameStart, head.length, hostId)
    this.#separator()
    const start = this.#copyPseudo(pseudo.authority)
    head.endField(start, head.length)
    this.#crlf()
  }

  #field(name: Slice, value: Slice): void {
    const head = this.#head!
    if (head.count >= headerFieldsMax) {
      this.#refuse(statuses.headerTooLarge, 'too many header fields')
      return
    }
    this.#reserve(name.end - name.start + value.end - value.start + lineExtraBytes)
    const nameStart = head.length
    const id = this.#copyName(name, head)
    if (id === leftOut || this.status !== 0) {
      head.length = nameStart
      return
    }
    if (!this.#isAllowed(id, name, value)) {
      head.length = nameStart
      return
    }
    head.addField(nameStart, head.length, id)
    this.#separator()
    this.#copyValue(value, head)
  }

  /** False for what is malformed, and for what is taken in another way. */
  #isAllowed(id: number, name: Slice, value: Slice): boolean {
    if (id === cookieId) {
      if (this.#cookies.length > 0) this.#cookies.appendText('; ')
      this.#cookies.append(value)
      return false
    }
    if (id === hostId && this.#starts[pseudo.authority] !== none) {
      if (!this.#isAuthority(value)) this.#malformed('different :authority and "Host" headers')
      return false
    }
    if (connectionIds.has(id) || equalsSlice(name, proxyConnection)) {
      return this.#malformed('connection-specific header')
    }
    if (id === teId && !equalsSlice(value, trailers)) return this.#malformed('invalid "TE" header')
    return true
  }

  #isAuthority({ bytes, start, end }: Slice): boolean {
    const from = this.#starts[pseudo.authority]!
    if (end - start !== this.#ends[pseudo.authority]! - from) return false
    for (let i = 0; i < end - start; i++) {
      const [a, b] = [bytes[start + i]!, this.#pseudo.bytes[from + i]!]
      if (a !== b && (tokenLower[a] === 0 || tokenLower[a] !== tokenLower[b])) return false
    }
    return true
  }

  /** Copies and checks a name; its id, `leftOut` for one that is passed over. */
  #copyName({ bytes, start, end }: Slice, head: RequestHead): number {
    const into = head.bytes
    let to = head.length
    let hash = 0
    let plain = 1
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      if (tokenLower[byte] !== byte || byte === 0) {
        this.#malformed('invalid header name')
        return leftOut
      }
      hash = hashByte(hash, byte)
      plain &= plainName[byte]!
      into[to++] = byte
    }
    if (end === start) this.#malformed('empty header name')
    const nameStart = head.length
    head.length = to
    if (plain === 1) return matchName(into, nameStart, to, hash)
    return this.#takesOddName(bytes, start, end) ? unknownName : leftOut
  }

  /** Names that are tokens but which nginx passes over unless it is told not to. */
  #takesOddName(bytes: Uint8Array, start: number, end: number): boolean {
    const { ignoreInvalid, underscores } = this.#limits!
    if (!ignoreInvalid) return true
    if (!underscores) return false
    for (let at = start; at < end; at++) {
      if (plainName[bytes[at]!] !== 1 && bytes[at] !== underscore) return false
    }
    return true
  }

  /** RFC 9113 §8.2.1: no control characters, and no white space around it. */
  #copyValue({ bytes, start, end }: Slice, head: RequestHead): void {
    const into = head.bytes
    const from = head.length
    let to = from
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      if (fieldValue[byte] !== 1) {
        this.#malformed('header with invalid value')
        break
      }
      into[to++] = byte
    }
    if (to > from && (isBlank(into[from]!) || isBlank(into[to - 1]!))) {
      this.#malformed('header with invalid value')
    }
    head.length = to
    head.endField(from, to)
    this.#crlf()
  }

  #writeCookies(head: RequestHead): void {
    const { bytes, length } = this.#cookies
    this.#reserve(cookieName.length + length + lineExtraBytes)
    const nameStart = head.length
    head.length += cookieName.copy(head.bytes, nameStart)
    head.addField(nameStart, head.length, cookieId)
    this.#separator()
    this.#copyValue({ bytes, start: 0, end: length }, head)
  }

  #separator(): void {
    const head = this.#head!
    head.bytes[head.length++] = colon
    head.bytes[head.length++] = blank
  }

  #crlf(): void {
    const head = this.#head!
    head.bytes[head.length++] = 0x0d
    head.bytes[head.length++] = 0x0a
  }

  /** Room for bytes, and for the empty line at the end. */
  #reserve(bytes: number): void {
    const head = this.#head!
    const needed = head.length + bytes + 2
    if (needed <= head.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(needed * 2)
    head.bytes.copy(larger, 0, 0, head.length)
    head.bytes = larger
  }
}

const leftOut = -2

function isBlank(byte: number): boolean {
  return byte === blank || byte === tab
}
