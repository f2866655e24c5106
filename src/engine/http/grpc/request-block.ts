/**
 * Composes the header block of a request to a gRPC server: its pseudo fields, the fields that are set, and the
 * client's own but those that were set and those of its connection.
 */
import { equalsLower, findNameId, knownNames, nameId, unknownName } from '../header-names.ts'
import type { HeaderBlock } from '../http2/hpack-encoder.ts'
import { staticIndex } from '../http2/static-table.ts'
import { methods } from '../methods.ts'
import type { SetHeader } from '../proxy/directives.ts'
import type { Request } from '../request.ts'
import type { RequestHead } from '../request-head.ts'

/** Fields that nginx takes away unless `grpc_set_header` sets them; the length is the engine's alone. */
const takenAway = [
  'host',
  'te',
  'connection',
  'transfer-encoding',
  'keep-alive',
  'expect',
  'upgrade',
  'content-length',
] as const

/** Never sent over HTTP/2, whoever sets them (RFC 9113 §8.2.2). */
const unsendable: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'content-length',
])

const teId = nameId('te')
const methodIndex = staticIndex(':method')
const pathIndex = staticIndex(':path')
const authorityIndex = staticIndex(':authority')
const lengthIndex = staticIndex('content-length')
/** Entries of the static table that hold a value as well. */
const [getEntry, postEntry, httpEntry, httpsEntry] = [methodIndex, methodIndex + 1, 6, 7] as const

/** What differs from request to request beside what the block reads itself. */
export interface GrpcTarget {
  readonly tls: boolean
  /** Host of `grpc_pass`. */
  readonly host: string
  /** `undefined`: the client's own. */
  readonly path: string | undefined
  /** Bytes of the body where they are known; -1 where not. */
  readonly bodyBytes: number
}

export class RequestBlock {
  /** Fields that are set, `Host` apart. */
  readonly #set: readonly SetHeader[]
  readonly #host: SetHeader | undefined
  readonly #setsTe: boolean
  /** By id of the request's known names: 1 for fields of the client that are not passed on. */
  readonly #dropped: Uint8Array
  readonly #droppedNames: readonly Uint8Array[]

  constructor(headers: readonly SetHeader[]) {
    const set = headers.map(({ name, value }) => ({ name: name.toLowerCase(), value }))
    const names: readonly string[] = [...set.map(({ name }) => name), ...takenAway]
    this.#set = set.filter(({ name }) => name !== 'host' && !unsendable.has(name))
    this.#host = set.findLast(({ name }) => name === 'host')
    this.#setsTe = set.some(({ name }) => name === 'te')
    this.#dropped = Uint8Array.from(knownNames, (name) => (names.includes(name) ? 1 : 0))
    this.#droppedNames = [...names, 'proxy-connection']
      .filter((name) => findNameId(name) === unknownName)
      .map((name) => Buffer.from(name, 'latin1'))
  }

  write(block: HeaderBlock, request: Request, target: GrpcTarget): void {
    const { head } = request
    writeMethod(block, request)
    block.indexed(target.tls ? httpsEntry : httpEntry)
    if (target.path !== undefined) block.named(pathIndex, plain(target.path))
    else if (head.pathEnd === head.pathStart) block.named(pathIndex, '/')
    else block.copied(pathIndex, head.bytes, head.pathStart, head.targetEnd)
    block.named(authorityIndex, plain(this.#host?.value.evaluate(request) ?? target.host))
    if (target.bodyBytes >= 0) block.named(lengthIndex, String(target.bodyBytes))
    // Whoever is told of fields behind the body must have said that they are welcome.
    if (!this.#setsTe && takesTrailers(head)) block.field('te', 'trailers')
    for (const { name, value } of this.#set) {
      const text = value.evaluate(request)
      if (text !== '') block.field(name, plain(text))
    }
    this.#copyFields(block, head)
  }

  #copyFields(block: HeaderBlock, head: RequestHead): void {
    const { bytes, count } = head
    for (let field = 0; field < count; field++) {
      if (this.#drops(head, field)) continue
      const [nameStart, nameEnd] = [head.nameStart(field), head.nameEnd(field)]
      block.copiedField(bytes, nameStart, nameEnd, head.valueStart(field), head.valueEnd(field))
    }
  }

  #drops(head: RequestHead, field: number): boolean {
    const id = head.idOf(field)
    if (id !== unknownName) return this.#dropped[id] === 1
    const [start, end] = [head.nameStart(field), head.nameEnd(field)]
    for (const name of this.#droppedNames) {
      if (equalsLower(head.bytes, start, end, name)) return true
    }
    return false
  }
}

function writeMethod(block: HeaderBlock, request: Request): void {
  if (request.method === methods.post) block.indexed(postEntry)
  else if (request.method === methods.get) block.indexed(getEntry)
  else block.named(methodIndex, request.methodName)
}

function takesTrailers(head: RequestHead): boolean {
  return /(?:^|[,\s])trailers(?:$|[,\s;])/i.test(head.value(teId) ?? '')
}

// oxlint-disable-next-line no-control-regex
const controls = /[\0-\x08\n-\x1f\x7f]/g

/** Control characters of variables become blanks: a value that holds them is malformed. */
function plain(text: string): string {
  return text.replaceAll(controls, ' ').trim()
}
