/**
 * Makes a response's head of decoded fields: the same bytes and ranges that the parser of HTTP/1 leaves, so
 * that variables, filters and the client's side read both alike. Fields behind the body are kept as texts.
 */
import { fieldValue, tokenLower } from '../bytes.ts'
import { hashByte } from '../header-names.ts'
import type { FieldSink } from '../http2/hpack-decoder.ts'
import { equalsSlice, type Slice, sliceText } from '../http2/slice.ts'
import type { NameIndex } from '../name-index.ts'
import { statusText } from '../status.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import { upstreamFieldsMax } from '../limits.ts'
import { trailerBytesMax } from './limits.ts'

const colon = 0x3a
const statusName = Buffer.from(':status', 'latin1')
const statusDigits = 3
const versionText = 'HTTP/1.1 '
/** Bytes of a line beyond name and value: ": " and CRLF. */
const lineExtraBytes = 4

let scratch = Buffer.allocUnsafeSlow(4096)

export class ResponseFields implements FieldSink {
  /** What is wrong, in nginx's words; empty where nothing is. */
  problem: string = ''
  #head: UpstreamHead | undefined
  #names!: NameIndex
  #bytesMax = 0
  #length = 0

  /** Begins a head, which must be clear. */
  begin(head: UpstreamHead, names: NameIndex, bytesMax: number): void {
    this.#head = head
    this.#names = names
    this.#bytesMax = bytesMax
    this.#length = 0
    this.problem = ''
    head.status = 0
  }

  onField(name: Slice, value: Slice): void {
    if (this.problem !== '') return
    const head = this.#head!
    const isStatus = name.bytes[name.start] === colon
    const needed = name.end - name.start + value.end - value.start + lineExtraBytes
    if (this.#length + needed > this.#bytesMax) this.problem = 'upstream sent too big header'
    else if (isStatus) this.#status(name, value)
    else if (head.status === 0) this.problem = 'upstream sent no ":status" header'
    else if (head.count === upstreamFieldsMax) {
      this.problem = 'upstream sent too many header lines'
    } else this.#field(name, value, needed)
  }

  /** All fields came; the head is whole when there is no problem. */
  finish(): void {
    const head = this.#head!
    if (this.problem === '' && head.status === 0) this.problem = 'upstream sent no ":status" header'
    if (this.problem !== '') return
    reserve(this.#length, 2)
    scratch[this.#length++] = 0x0d
    scratch[this.#length++] = 0x0a
    head.append(scratch.subarray(0, this.#length), 0, this.#length)
    head.end = this.#length
  }

  #status(name: Slice, value: Slice): void {
    const head = this.#head!
    const text = sliceText(value)
    if (!equalsSlice(name, statusName) || head.status !== 0 || head.count > 0) {
      this.problem = `upstream sent invalid header: "${sliceText(name)}: ${text}"`
    } else if (text.length !== statusDigits || !/^[1-9]\d\d$/.test(text)) {
      this.problem = `upstream sent invalid :status "${text}"`
    } else {
      head.status = Number(text)
      const line = `${versionText}${statusText(head.status)}\r\n`
      reserve(this.#length, line.length)
      this.#length += scratch.write(line, this.#length, 'latin1')
      head.statusStart = versionText.length
      head.statusEnd = this.#length - 2
    }
  }

  #field(name: Slice, value: Slice, needed: number): void {
    const head = this.#head!
    reserve(this.#length, needed)
    const nameStart = this.#length
    let hash = 0
    let valid = name.end > name.start
    for (let at = name.start; at < name.end; at++) {
      const byte = name.bytes[at]!
      valid &&= byte !== 0 && tokenLower[byte] === byte
      hash = hashByte(hash, byte)
      scratch[this.#length++] = byte
    }
    const nameEnd = this.#length
    scratch[this.#length++] = colon
    scratch[this.#length++] = 0x20
    const valueStart = this.#length
    for (let at = value.start; at < value.end; at++) {
      const byte = value.bytes[at]!
      valid &&= fieldValue[byte] === 1
      scratch[this.#length++] = byte
    }
    if (!valid) {
      this.problem = `upstream sent invalid header: "${sliceText(name)}: ${sliceText(value)}"`
      return
    }
    head.addField(nameStart, nameEnd, this.#names.find(scratch, nameStart, nameEnd, hash))
    head.endField(valueStart, this.#length, this.#length + 2)
    scratch[this.#length++] = 0x0d
    scratch[this.#length++] = 0x0a
  }
}

/** Fields behind a body (RFC 9113 §8.1): none of them may be a pseudo field. */
export class TrailerFields implements FieldSink {
  problem: string = ''
  readonly names: string[] = []
  readonly values: string[] = []
  #bytes = 0

  begin(): void {
    this.problem = ''
    this.names.length = 0
    this.values.length = 0
    this.#bytes = 0
  }

  onField(name: Slice, value: Slice): void {
    if (this.problem !== '') return
    const [key, text] = [sliceText(name), sliceText(value)]
    this.#bytes += key.length + text.length
    const valid = /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(key) && !hasControls.test(text)
    if (this.#bytes > trailerBytesMax) this.problem = 'upstream sent too big trailers'
    else if (!valid) this.problem = `upstream sent invalid trailer: "${key}: ${text}"`
    else {
      this.names.push(key)
      this.values.push(text)
    }
  }
}

// oxlint-disable-next-line no-control-regex
const hasControls = /[\0-\x08\n-\x1f\x7f]/

function reserve(length: number, bytes: number): void {
  if (length + bytes <= scratch.length) return
  const larger = Buffer.allocUnsafeSlow((length + bytes) * 2)
  scratch.copy(larger, 0, 0, length)
  scratch = larger
}
