/**
 * Zstandard through the encoder that Node carries.
 *
 * ```text
 *   record   out: dst:8 size:8 pos:8   in: src:8 size:8 pos:8
 * ```
 */
import type { Region } from '../../net/ffi/arena.ts'
import { requireSystem } from '../../net/ffi/libc.ts'
import { type Codec, codecOutputBytes, idleCodecsMax } from './codec.ts'
import { CodecMemory, setLong } from './codec-memory.ts'

const outputWord = 0
const outputSizeWord = 2
const outputAtWord = 4
const inputWord = 6
const inputSizeWord = 8
const inputAtWord = 10

const operations = { process: 0, flush: 1, finish: 2 } as const
const parameters = { level: 100, windowBits: 101 } as const
const resetSession = 1

/** RFC 9659: what is sent as "zstd" must be readable with a window of 8 MiB. */
const windowBitsMax = 23
/** From this level on the window would be larger by itself. */
const largeWindowLevel = 20

interface Zstd {
  create(): number
  free(state: number): number
  setParameter(state: number, name: number, value: number): number
  reset(state: number, what: number): number
  compress(state: number, output: number, input: number, operation: number): number
}

/** Throws where this program has no encoder to call. */
export function bindZstd(): Zstd {
  const { koffi, pointerType } = requireSystem()
  const library = koffi.load(null)
  const at = (prototype: string): unknown => library.func(prototype.replaceAll('%', pointerType))
  return {
    create: at('uintptr_t ZSTD_createCCtx()'),
    free: at('int64_t ZSTD_freeCCtx(uintptr_t)'),
    setParameter: at('int64_t ZSTD_CCtx_setParameter(uintptr_t, int, int)'),
    reset: at('int64_t ZSTD_CCtx_reset(uintptr_t, int)'),
    compress: at('int64_t ZSTD_compressStream2(uintptr_t, %, %, int)'),
  } as unknown as Zstd
}

export class ZstdCodecs {
  readonly zstd: Zstd
  readonly memory: CodecMemory = new CodecMemory()
  readonly #idle = new Map<number, ZstdCodec[]>()

  constructor(zstd: Zstd) {
    this.zstd = zstd
  }

  create(level: number): Codec {
    let idle = this.#idle.get(level)
    if (idle === undefined) this.#idle.set(level, (idle = []))
    return idle.pop() ?? this.#start(level, idle)
  }

  #start(level: number, idle: ZstdCodec[]): Codec {
    const { zstd } = this
    const state = zstd.create()
    if (state === 0) throw new Error('ZSTD_createCCtx() failed')
    zstd.setParameter(state, parameters.level, level)
    if (level >= largeWindowLevel) {
      zstd.setParameter(state, parameters.windowBits, windowBitsMax)
    }
    return new ZstdCodec(this, state, idle)
  }
}

class ZstdCodec implements Codec {
  more = false
  readonly output: Buffer
  readonly #codecs: ZstdCodecs
  readonly #record: Region
  readonly #state: number
  readonly #idle: ZstdCodec[]

  constructor(codecs: ZstdCodecs, state: number, idle: ZstdCodec[]) {
    this.#codecs = codecs
    this.#record = codecs.memory.takeRecord()
    this.#state = state
    this.#idle = idle
    this.output = codecs.memory.output.bytes
  }

  feed(bytes: Buffer, from: number, to: number): void {
    const { input } = this.#codecs.memory
    const { u32 } = this.#record
    bytes.copy(input.bytes, 0, from, to)
    setLong(u32, inputWord, input.address)
    setLong(u32, inputSizeWord, to - from)
    setLong(u32, inputAtWord, 0)
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
    return this.#codecs.memory.input.bytes.subarray(u32[inputAtWord], u32[inputSizeWord])
  }

  close(): void {
    const { zstd, memory } = this.#codecs
    if (this.#idle.length < idleCodecsMax && zstd.reset(this.#state, resetSession) >= 0) {
      setLong(this.#record.u32, inputSizeWord, 0)
      setLong(this.#record.u32, inputAtWord, 0)
      this.#idle.push(this)
      return
    }
    zstd.free(this.#state)
    memory.giveRecord(this.#record)
  }

  #work(operation: number): number {
    const { zstd, memory } = this.#codecs
    const { u32, address } = this.#record
    setLong(u32, outputWord, memory.output.address)
    setLong(u32, outputSizeWord, codecOutputBytes)
    setLong(u32, outputAtWord, 0)
    const left = zstd.compress(
      this.#state,
      address + outputWord * 4,
      address + inputWord * 4,
      operation,
    )
    if (left < 0) return -1
    const unread = u32[inputAtWord]! < u32[inputSizeWord]!
    this.more = unread || (operation !== operations.process && left > 0)
    return u32[outputAtWord]!
  }
}
