/**
 * Writes the head of a response as a header block: nginx's fields in nginx's order, names in lower case, and
 * nothing that belongs to a connection (RFC 9113 §8.2.2).
 *
 * What is said again and again (product, time, types) is encoded once. A head that another server has sent
 * is copied by fields, without being coded: its bytes are there, and coding them costs more than they do.
 */
import { httpDate } from '../../core/clock.ts'
import type { Request } from '../request.ts'
import { safeValue } from '../safe-value.ts'
import { visibleStatus } from '../status.ts'
import type { UpstreamHead } from '../upstream-head.ts'
import { upstreamNameId, upstreamNames } from '../upstream-names.ts'
import { absoluteLocation, httpTime, typeText } from '../writer.ts'
import { HeaderBlock } from './hpack-encoder.ts'
import { staticIndex } from './static-table.ts'

const statusIndex = 8
/** Statuses that stand in the static table whole. */
const indexedStatuses: Readonly<Record<number, number>> = {
  200: 8,
  204: 9,
  206: 10,
  304: 11,
  400: 12,
  404: 13,
  500: 14,
}

const serverIndex = staticIndex('server')
const dateIndex = staticIndex('date')
const typeIndex = staticIndex('content-type')
const lengthIndex = staticIndex('content-length')
const modifiedIndex = staticIndex('last-modified')
const etagIndex = staticIndex('etag')
const locationIndex = staticIndex('location')
const varyIndex = staticIndex('vary')

const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

const connectionIds: ReadonlySet<number> = new Set(
  (['connection', 'keep-alive', 'transfer-encoding', 'upgrade'] as const).map(upstreamNameId),
)
const proxyConnection = Buffer.from('proxy-connection', 'latin1')

/** Index in the static table for each name that upstream heads know; 0 for none. */
const indexOfId: Uint8Array = Uint8Array.from(upstreamNames, staticIndex)

const typeId = upstreamNameId('content-type')
const serverId = upstreamNameId('server')
const dateId = upstreamNameId('date')

/** Things that were encoded before; all are forgotten when there are too many. */
class EncodedFields {
  readonly #known = new Map<string, Buffer>()
  readonly #index: number
  readonly #block = new HeaderBlock()

  constructor(index: number) {
    this.#index = index
  }

  get(value: string): Buffer {
    const known = this.#known.get(value)
    if (known !== undefined) return known
    this.#block.clear()
    this.#block.named(this.#index, value)
    const encoded = Buffer.from(this.#block.bytes.subarray(0, this.#block.length))
    if (this.#known.size >= encodedMax) this.#known.clear()
    this.#known.set(value, encoded)
    return encoded
  }
}

const encodedMax = 256

const servers = new EncodedFields(serverIndex)
const dates = new EncodedFields(dateIndex)
const types = new EncodedFields(typeIndex)
const modifications = new EncodedFields(modifiedIndex)

/** Encodes the head that `request.response` describes. */
export function encodeHead(block: HeaderBlock, request: Request): void {
  const { response } = request
  const { forwarded } = response
  encodeStatus(block, visibleStatus(response.status))
  if (forwarded === undefined || !passes(forwarded, serverId)) {
    block.raw(servers.get(request.signature))
  }
  if (forwarded === undefined || !passes(forwarded, dateId)) block.raw(dates.get(httpDate()))
  encodeEntity(block, request)
  const { addedNames: names, addedValues: values } = response
  for (let i = 0; i < names.length; i++) encodeField(block, names[i]!, values[i]!)
  if (forwarded !== undefined) copyFields(block, forwarded)
}

/** Encodes an interim response, or the fields behind a body when there is no status. */
export function encodeFields(
  block: HeaderBlock,
  status: number | undefined,
  names: readonly string[],
  values: readonly string[],
): void {
  if (status !== undefined) encodeStatus(block, status)
  for (let i = 0; i < names.length; i++) encodeField(block, names[i]!, values[i]!)
}

function encodeStatus(block: HeaderBlock, status: number): void {
  const index = indexedStatuses[status]
  if (index === undefined) block.named(statusIndex, String(status))
  else block.indexed(index)
}

function encodeEntity(block: HeaderBlock, request: Request): void {
  const { response } = request
  const { status } = response
  const told = status !== 204
  if (told && response.forwardsType) {
    const head = response.forwarded!
    const field = head.first[typeId]!
    block.copied(typeIndex, head.bytes, head.valueStart(field), head.valueEnd(field))
  } else if (told && response.contentType !== undefined) block.raw(types.get(typeText(request)))
  if (told && response.contentLength >= 0) block.named(lengthIndex, String(response.contentLength))
  if (response.changedTime >= 0 && (status === 200 || status === 206 || status === 304)) {
    block.raw(modifications.get(httpTime(response.changedTime)))
  }
  if (!response.forwardsLocation) encodeLocation(block, request)
  if (response.varies) block.named(varyIndex, 'Accept-Encoding')
  if (response.changedEtag !== undefined) block.named(etagIndex, response.changedEtag)
}

function encodeLocation(block: HeaderBlock, request: Request): void {
  const { location } = request.response
  if (location === undefined) return
  const absolute = location.startsWith('/') && request.location.core.absolute_redirect
  const text = absolute ? absoluteLocation(request, location) : location
  block.named(locationIndex, safeValue(text))
}

/** How names are written, by how they were given: they come from the configuration, mostly. */
const lowerNames = new Map<string, string>()
const lowerNamesMax = 1024

function encodeField(block: HeaderBlock, name: string, value: string): void {
  const known = lowerNames.get(name)
  const lower = known ?? name.toLowerCase()
  if (known === undefined) {
    if (lowerNames.size >= lowerNamesMax) lowerNames.clear()
    lowerNames.set(name, lower)
  }
  if (!connectionFields.has(lower)) block.field(lower, value)
}

/** True when the other server's own field goes to the client. */
function passes(head: UpstreamHead, id: number): boolean {
  const field = head.first[id]!
  return field >= 0 && !head.isHidden(field)
}

function copyFields(block: HeaderBlock, head: UpstreamHead): void {
  const { bytes, count } = head
  for (let field = 0; field < count; field++) {
    if (head.isHidden(field)) continue
    const id = head.idOf(field)
    if (connectionIds.has(id) || head.isNamed(field, proxyConnection)) continue
    const index = id < 0 || id >= indexOfId.length ? 0 : indexOfId[id]!
    const [from, to] = [head.valueStart(field), head.valueEnd(field)]
    if (index > 0) block.copied(index, bytes, from, to)
    else block.copiedField(bytes, head.nameStart(field), head.nameEnd(field), from, to)
  }
}
