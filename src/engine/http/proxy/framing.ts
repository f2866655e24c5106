/** How long the body of an upstream's response is (RFC 9112 §6.3), and whether its connection lives on. */
import { equalsLower } from '../header-names.ts'
import { tokenLower } from '../bytes.ts'
import { contentLengthDigitsMax } from '../limits.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import { upstreamNameId } from '../upstream-names.ts'

const lengthId = upstreamNameId('content-length')
const encodingId = upstreamNameId('transfer-encoding')
const connectionId = upstreamNameId('connection')

const chunkedToken = Buffer.from('chunked', 'latin1')
const closeToken = Buffer.from('close', 'latin1')

const none = -1

export class UpstreamFraming {
  /** Bytes of the body as the head says; -1 where it does not. */
  contentLength: number = none
  chunked: boolean = false
  /** The server lets the connection live on. */
  keepAlive: boolean = false
  /** What is wrong, in nginx's words; empty where nothing is. */
  problem: string = ''

  /** Reads a head that has come whole; false where two peers could read it in two ways. */
  read(head: UpstreamHead): boolean {
    this.contentLength = none
    this.chunked = false
    this.problem = ''
    this.keepAlive = head.minor >= 1
    if (head.first[connectionId]! >= 0) this.#connection(head)
    const length = head.first[lengthId]!
    const encoding = head.first[encodingId]!
    if (encoding >= 0) return this.#encoding(head, encoding, length)
    return length < 0 || this.#length(head, length)
  }

  #bad(problem: string): boolean {
    this.problem = problem
    return false
  }

  #encoding(head: UpstreamHead, field: number, length: number): boolean {
    if (length >= 0) {
      return this.#bad(
        'upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time',
      )
    }
    if (head.repeats(encodingId)) return this.#duplicate(head, encodingId)
    const [from, to] = [head.valueStart(field), head.valueEnd(field)]
    if (!equalsLower(head.bytes, from, to, chunkedToken)) {
      return this.#bad(`upstream sent unknown "Transfer-Encoding": "${head.value(field)}"`)
    }
    // RFC 9112 §6.1: of HTTP/1.0 such a message is faulty, whatever it says.
    if (head.minor === 0) return this.#bad('upstream sent "Transfer-Encoding" with HTTP/1.0')
    this.chunked = true
    return true
  }

  #length(head: UpstreamHead, field: number): boolean {
    if (head.repeats(lengthId)) return this.#duplicate(head, lengthId)
    const { bytes } = head
    const [start, end] = [head.valueStart(field), head.valueEnd(field)]
    let value = end === start || end - start > contentLengthDigitsMax ? none : 0
    for (let at = start; at < end && value >= 0; at++) {
      const digit = bytes[at]! - 0x30
      value = digit < 0 || digit > 9 ? none : value * 10 + digit
    }
    this.contentLength = value
    if (value >= 0) return true
    return this.#bad(
      `upstream sent invalid "Content-Length" header: "Content-Length: ${head.value(field)}"`,
    )
  }

  #duplicate(head: UpstreamHead, id: number): boolean {
    const first = head.first[id]!
    let second = first + 1
    while (head.idOf(second) !== id) second++
    const line = (field: number): string => `${head.name(field)}: ${head.value(field)}`
    return this.#bad(
      `upstream sent duplicate header line: "${line(second)}", previous value: "${line(first)}"`,
    )
  }

  #connection(head: UpstreamHead): void {
    const { bytes } = head
    for (let field = head.first[connectionId]!; field < head.count; field++) {
      if (head.idOf(field) !== connectionId) continue
      const end = head.valueEnd(field)
      for (let at = head.valueStart(field); at < end; at++) {
        const from = at
        while (at < end && tokenLower[bytes[at]!] !== 0) at++
        if (equalsLower(bytes, from, at, closeToken)) {
          this.keepAlive = false
          return
        }
      }
    }
  }
}
