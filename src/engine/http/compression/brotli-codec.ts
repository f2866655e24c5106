/**
 * Brotli through the encoder that Node carries.
 *
 * ```text
 *   record   available_in:8   next_in:8   available_out:8   next_out:8
 * ```
 */
import type { Region } from '../../net/ffi/arena.ts'
import { requireSystem } from '../../net/ffi/libc.ts'
import { type Codec, codecOutputBytes } from './codec.ts'
import { CodecMemory, setLong } from './codec-memory.ts'

const availableInWord = 0
const nextInWord = 2
const availableOutWord = 4
const nextOutWord = 6

const operations = { process: 0, flush: 1, finish: 2 } as const
const parameters = { quality: 1, window: 2 } as const

export interface BrotliSettings {
  /** 0 to 11. */
  readonly level: number
  /** 10 to 24: the logarithm of the window. */
  readonly windowBits: number
}

interface Brotli {
  create(alloc: number, free: number, opaque: number): number
  destroy(state: number): void
  setParameter(state: number, name: number, value: number): number
  compress(
    state: number,
    operation: number,
    availableIn: number,
    nextIn: number,
    availableOut: number,
    nextOut: number,
    total: number,
  ): number
  hasMore(state: number): number
}

/** Throws where this program has no encoder to call. */
export function bindBrotli(): Brotli {
  const { koffi, pointerType } = requireSystem()
  const library = koffi.load(null)
  const at = (prototype: string): unknown => library.func(prototype.replaceAll('%', pointerType))
  return {
    create: at('uintptr_t BrotliEncoderCreateInstance(uintptr_t, uintptr_t, uintptr_t)'),
    destroy: at('void BrotliEncoderDestroyInstance(uintptr_t)'),
    setParameter: at('int BrotliEncoderSetParameter(uintptr_t, int, uint32_t)'),
    compress: at('int BrotliEncoderCompressStream(uintptr_t, int, %, %, %, %, uintptr_t)'),
    hasMore: at('int BrotliEncoderHasMoreOutput(uintptr_t)'),
  } as unknown as Brotli
}

export class BrotliCodecs {
  readonly brotli: Brotli
  readonly memory: CodecMemory = new CodecMemory()

  constructor(brotli: Brotli) {
    this.brotli = brotli
  }

  create({ level, windowBits }: BrotliSettings): Codec {
    const { brotli } = this
    const state = brotli.create(0, 0, 0)
    if (state === 0) throw new Error('BrotliEncoderCreateInstance() failed')
    brotli.setParameter(state, parameters.quality, level)
    brotli.setParameter(state, parameters.window, windowBits)
    return new BrotliCodec(this, state)
  }
}

class BrotliCodec implements Codec {
  more = false
  readonly output: Buffer
  readonly #codecs: BrotliCodecs
  readonly #record: Region
  readonly #state: number

  constructor(codecs: BrotliCodecs, state: number) {
    this.#codecs = codecs
    this.#record = codecs.memory.takeRecord()
    this.#state = state
    this.output = codecs.memory.output.bytes
  }

  feed(bytes: Buffer, from: number, to: number): void {
    const { input } = this.#codecs.memory
    bytes.copy(input.bytes, 0, from, to)
    setLong(this.#record.u32, nextInWord, input.address)
    setLong(this.#record.u32, availableInWord, to - from)
  }

  step(): number {
    return this.#work(operations.process)
  }

  flush(): number {
    return this.#work(operations.flush)
  }

  finish(): number {
    return this.#work(operations.finish)
  }

  unused(): Buffer {
    const { u32 } = this.#record
    const { input } = this.#codecs.memory
    const start = u32[nextInWord]! + u32[nextInWord + 1]! * 2 ** 32 - input.address
    return input.bytes.subarray(start, start + u32[availableInWord]!)
  }

  close(): void {
    this.#codecs.brotli.destroy(this.#state)
    this.#codecs.memory.giveRecord(this.#record)
  }

  #work(operation: number): number {
    const { brotli, memory } = this.#codecs
    const { u32, address } = this.#record
    setLong(u32, nextOutWord, memory.output.address)
    setLong(u32, availableOutWord, codecOutputBytes)
    const done = brotli.compress(
      this.#state,
      operation,
      address + availableInWord * 4,
      address + nextInWord * 4,
      address + availableOutWord * 4,
      address + nextOutWord * 4,
      0,
    )
    if (done === 0) return -1
    this.more = u32[availableInWord]! > 0 || brotli.hasMore(this.#state) !== 0
    return codecOutputBytes - u32[availableOutWord]!
  }
}
