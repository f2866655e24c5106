/**
 * What the header fields say about the message itself: which host it is for, how long its body is, and
 * whether the connection lives on. Whatever two peers could read in two ways is refused here.
 */
import { hostByte, tokenLower } from './bytes.ts'
import { equalsLower, nameId } from './header-names.ts'
import { contentLengthDigitsMax } from './limits.ts'
import { done } from './parser.ts'
import type { RequestHead } from './request-head.ts'

const hostId = nameId('host')
const connectionId = nameId('connection')
const lengthId = nameId('content-length')
const encodingId = nameId('transfer-encoding')
const expectId = nameId('expect')

const chunkedToken = Buffer.from('chunked', 'latin1')
const closeToken = Buffer.from('close', 'latin1')
const keepAliveToken = Buffer.from('keep-alive', 'latin1')
const upgradeToken = Buffer.from('upgrade', 'latin1')
const continueToken = Buffer.from('100-continue', 'latin1')

const none = -1
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const closeBracket = 0x5d
const dot = 0x2e
const portMax = 65535

/** Kept with the request and filled anew for each; never grows a field. */
export class Framing {
  /** Name of the host without port and trailing dot: a range of the head, -1 where there is none. */
  hostStart: number = none
  hostEnd: number = none
  /** Bytes of the body; -1 when it is chunked or there is none. */
  contentLength: number = none
  chunked: boolean = false
  /** What the client asked for; a response may still decide to close. */
  keepAlive: boolean = true
  /** `Connection` names `upgrade`. */
  upgrade: boolean = false
  expectContinue: boolean = false
  problem: string = ''

  get hasBody(): boolean {
    return this.chunked || this.contentLength > 0
  }

  /** Reads a parsed head; `done`, or the status of a refusal. */
  read(head: RequestHead): number {
    this.hostStart = none
    this.hostEnd = none
    this.contentLength = none
    this.chunked = false
    this.upgrade = false
    this.expectContinue = false
    this.keepAlive = head.minor >= 1
    const host = this.#host(head)
    if (host !== done) return host
    if (head.first[connectionId]! >= 0) this.#connection(head)
    if (head.first[expectId]! >= 0 && head.minor >= 1) this.#expect(head)
    return this.#body(head)
  }

  #refuse(status: number, problem: string): number {
    this.problem = problem
    return status
  }

  /** RFC 9112 §3.2: exactly one valid `Host`, and with an absolute form the same one. */
  #host(head: RequestHead): number {
    const field = head.first[hostId]!
    if (field < 0) {
      if (head.minor >= 1) return this.#refuse(400, 'HTTP/1.1 request without "Host" header')
    } else {
      if (head.repeats(hostId)) return this.#refuse(400, 'duplicate host header')
      if (!this.#takeHost(head.bytes, head.valueStart(field), head.valueEnd(field))) {
        return this.#refuse(400, 'invalid host header')
      }
    }
    if (head.authorityStart < 0) return done
    const [start, end] = [this.hostStart, this.hostEnd]
    if (!this.#takeHost(head.bytes, head.authorityStart, head.authorityEnd)) {
      return this.#refuse(400, 'invalid host in request line')
    }
    // Peers in front that go by one of the two would otherwise mean another server than we do.
    const same = start < 0 || sameText(head.bytes, start, end, this.hostStart, this.hostEnd)
    return same ? done : this.#refuse(400, 'different hosts in request line and "Host" header')
  }

  /** `uri-host [":" port]` (RFC 9110 §7.2); nginx's rules about dots are kept. */
  #takeHost(bytes: Uint8Array, start: number, end: number): boolean {
    const nameEnd = bytes[start] === openBracket ? literalEnd(bytes, start, end) : nameLength()
    if (nameEnd <= start || !isPort(bytes, nameEnd, end)) return false
    this.hostStart = start
    this.hostEnd = bytes[nameEnd - 1] === dot ? nameEnd - 1 : nameEnd
    return this.hostEnd > start

    function nameLength(): number {
      let at = start
      for (; at < end && bytes[at] !== colon; at++) {
        if (hostByte[bytes[at]!] !== 1) return none
        if (bytes[at] === dot && bytes[at + 1] === dot && at + 1 < end) return none
      }
      return at
    }
  }

  #connection(head: RequestHead): void {
    const { bytes } = head
    let close = false
    for (let field = head.first[connectionId]!; field < head.count; field++) {
      if (head.idOf(field) !== connectionId) continue
      const end = head.valueEnd(field)
      for (let at = head.valueStart(field); at < end;) {
        const from = skipBlank(bytes, at, end)
        const to = tokenEnd(bytes, from, end)
        if (equalsLower(bytes, from, to, closeToken)) close = true
        else if (equalsLower(bytes, from, to, upgradeToken)) this.upgrade = true
        else if (head.minor === 0 && equalsLower(bytes, from, to, keepAliveToken)) {
          this.keepAlive = true
        }
        at = to
        while (at < end && bytes[at] !== comma) at++
        at++
      }
    }
    if (close) this.keepAlive = false
  }

  #expect(head: RequestHead): void {
    const field = head.first[expectId]!
    this.expectContinue = equalsLower(
      head.bytes,
      head.valueStart(field),
      head.valueEnd(field),
      continueToken,
    )
  }

  /** RFC 9112 §6.3; §6.1 for length with encoding, and for encodings of HTTP/1.0. */
  #body(head: RequestHead): number {
    const length = head.first[lengthId]!
    const encoding = head.first[encodingId]!
    if (encoding >= 0) {
      if (length >= 0) return this.#refuse(400, '"Content-Length" and "Transfer-Encoding" headers')
      if (head.minor === 0) return this.#refuse(400, 'HTTP/1.0 with "Transfer-Encoding" header')
      if (head.repeats(encodingId)) return this.#refuse(400, 'duplicate "Transfer-Encoding" header')
      const [from, to] = [head.valueStart(encoding), head.valueEnd(encoding)]
      if (!equalsLower(head.bytes, from, to, chunkedToken)) {
        return this.#refuse(501, 'unknown "Transfer-Encoding"')
      }
      this.chunked = true
      return done
    }
    if (length < 0) return done
    if (head.repeats(lengthId)) return this.#refuse(400, 'duplicate "Content-Length" header')
    this.contentLength = readLength(head.bytes, head.valueStart(length), head.valueEnd(length))
    return this.contentLength < 0 ? this.#refuse(400, 'invalid "Content-Length" header') : done
  }
}

/** Digits and nothing else; -1 for anything that is not a length. */
function readLength(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > contentLengthDigitsMax) return none
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return none
    value = value * 10 + digit
  }
  return value
}

/** Behind the bracket of `[::1]`; -1 when what is inside cannot be an address. */
function literalEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at]!
    if (byte === closeBracket) return at > start + 1 ? at + 1 : none
    if (byte !== colon && hostByte[byte] !== 1) return none
  }
  return none
}

/** Nothing, or ":" and at most five digits (an empty port is allowed by RFC 3986 §3.2.3). */
function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true
  if (bytes[start] !== colon || end - start > 6) return false
  let port = 0
  for (let at = start + 1; at < end; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return false
    port = port * 10 + digit
  }
  return port <= portMax
}

function sameText(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false
  for (let i = 0; i < aEnd - a; i++) {
    const [left, right] = [bytes[a + i]!, bytes[b + i]!]
    if (left !== right && (tokenLower[left] === 0 || tokenLower[left] !== tokenLower[right])) {
      return false
    }
  }
  return true
}

function skipBlank(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++
  return at
}

function tokenEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end && tokenLower[bytes[at]!] !== 0) at++
  return at
}
