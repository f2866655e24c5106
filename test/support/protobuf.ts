/**
 * Reads protobuf messages by a description of their fields, into the shape of their JSON mapping.
 *
 * ```text
 *   message = *( tag · value )      tag = field number << 3 | wire type, as varint
 *   value   = varint | 8 bytes | length · bytes | 4 bytes
 * ```
 */

/** How a field is read; a message within is described by its own fields. */
export type FieldType =
  | 'string'
  | 'hex'
  | 'int'
  | 'bool'
  | 'fixed64'
  | 'double'
  | 'fixed64s'
  | 'doubles'
  | (() => MessageType)

export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly repeated?: boolean
}

/** By field number. */
export type MessageType = Readonly<Record<number, Field>>

const wires = { varint: 0, eight: 1, bytes: 2, four: 5 } as const

export function readMessage(bytes: Buffer, type: MessageType): Record<string, unknown> {
  const message: Record<string, unknown> = {}
  const reader = new Reader(bytes)
  while (!reader.done) {
    const tag = Number(reader.varint())
    const field = type[tag >>> 3]
    const value = reader.value(tag & 7)
    if (field === undefined) continue
    const found = interpret(value, field.type)
    if (field.repeated !== true) message[field.name] = found
    else ((message[field.name] ??= []) as unknown[]).push(found)
  }
  return message
}

function interpret(value: bigint | Buffer, type: FieldType): unknown {
  if (typeof value === 'bigint') {
    if (type === 'bool') return value !== 0n
    return Number(BigInt.asIntN(64, value))
  }
  if (typeof type === 'function') return readMessage(value, type())
  switch (type) {
    case 'string':
      return value.toString()
    case 'hex':
      return value.toString('hex')
    case 'fixed64':
      return value.readBigUInt64LE().toString()
    case 'double':
      return value.readDoubleLE()
    case 'fixed64s':
      return eights(value).map((each) => each.readBigUInt64LE().toString())
    case 'doubles':
      return eights(value).map((each) => each.readDoubleLE())
    case 'int':
    case 'bool':
      throw new Error('a number is expected')
  }
}

function eights(bytes: Buffer): readonly Buffer[] {
  return Array.from({ length: bytes.length / 8 }, (_, i) => bytes.subarray(i * 8, i * 8 + 8))
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  varint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new Error('the message is cut')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }

  value(wire: number): bigint | Buffer {
    switch (wire) {
      case wires.varint:
        return this.varint()
      case wires.eight:
        return this.#take(8)
      case wires.bytes:
        return this.#take(Number(this.varint()))
      case wires.four:
        return this.#take(4)
      default:
        throw new Error(`unknown wire type ${wire}`)
    }
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new Error('the message is cut')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
