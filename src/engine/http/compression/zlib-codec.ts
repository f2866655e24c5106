/**
 * gzip and its reverse through the zlib that Node carries: its functions are there for add-ons to call. One
 * state serves response after response, which spares most of what a small body costs.
 *
 * ```text
 *   z_stream   next_in:8 @0   avail_in:4 @8   next_out:8 @24   avail_out:4 @32   … 112 bytes
 * ```
 */
import type { Region } from '../../net/ffi/arena.ts'
import { requireSystem } from '../../net/ffi/libc.ts'
import { type Codec, codecOutputBytes, idleCodecsMax } from './codec.ts'
import { CodecMemory, setLong } from './codec-memory.ts'

const nextInWord = 0
const availInWord = 2
const nextOutWord = 6
const availOutWord = 8
const streamBytes = 112

const Z_NO_FLUSH = 0
const Z_SYNC_FLUSH = 2
const Z_FINISH = 4
const Z_OK = 0
const Z_STREAM_END = 1
const Z_BUF_ERROR = -5
const Z_DEFLATED = 8
const Z_DEFAULT_STRATEGY = 0
/** Added to the window's bits: a head and a checksum as of gzip. */
const gzipBits = 16
const windowBitsMax = 15

export interface DeflateSettings {
  readonly level: number
  /** 9 to 15: the logarithm of the window. */
  readonly windowBits: number
  /** 1 to 9: memory for finding repetitions. */
  readonly memoryLevel: number
}

type StreamCall = (stream: number, argument: number) => number
type StateCall = (stream: number) => number

interface Zlib {
  readonly version: string
  readonly deflateInit2: (
    stream: number,
    level: number,
    method: number,
    bits: number,
    memory: number,
    strategy: number,
    version: string,
    size: number,
  ) => number
  readonly deflate: StreamCall
  readonly deflateReset: StateCall
  readonly deflateEnd: StateCall
  readonly inflateInit2: (stream: number, bits: number, version: string, size: number) => number
  readonly inflate: StreamCall
  readonly inflateReset: StateCall
  readonly inflateEnd: StateCall
}

/** Throws where this program has no zlib to call. */
export function bindZlib(): Zlib {
  const { koffi, pointerType } = requireSystem()
  const library = koffi.load(null)
  const at = (prototype: string): unknown => library.func(prototype.replaceAll('%', pointerType))
  const version = at('const char *zlibVersion()') as () => string
  return {
    version: version(),
    deflateInit2: at('int deflateInit2_(%, int, int, int, int, int, const char *, int)'),
    deflate: at('int deflate(%, int)'),
    deflateReset: at('int deflateReset(%)'),
    deflateEnd: at('int deflateEnd(%)'),
    inflateInit2: at('int inflateInit2_(%, int, const char *, int)'),
    inflate: at('int inflate(%, int)'),
    inflateReset: at('int inflateReset(%)'),
    inflateEnd: at('int inflateEnd(%)'),
  } as unknown as Zlib
}

/** What differs between the two directions. */
interface Direction {
  readonly unpacks: boolean
  readonly work: StreamCall
  readonly reset: StateCall
  readonly end: StateCall
}

class ZlibCodec implements Codec {
  more = false
  readonly output: Buffer
  readonly #memory: CodecMemory
  readonly #record: Region
  readonly #direction: Direction
  readonly #idle: ZlibCodec[]
  /** The end of the packed data has come; more behind it is packed data of its own. */
  #ended = false

  constructor(memory: CodecMemory, record: Region, direction: Direction, idle: ZlibCodec[]) {
    this.#memory = memory
    this.#record = record
    this.#direction = direction
    this.#idle = idle
    this.output = memory.output.bytes
  }

  feed(bytes: Buffer, from: number, to: number): void {
    const { input } = this.#memory
    if (this.#ended && to > from) this.#restart()
    bytes.copy(input.bytes, 0, from, to)
    const { u32 } = this.#record
    setLong(u32, nextInWord, input.address)
    u32[availInWord] = to - from
  }

  step(): number {
    return this.#work(Z_NO_FLUSH)
  }

  flush(): number {
    return this.#work(Z_SYNC_FLUSH)
  }

  finish(): number {
    return this.#work(Z_FINISH)
  }

  unused(): Buffer {
    const { u32 } = this.#record
    const left = u32[availInWord]!
    const { input } = this.#memory
    const end = u32[nextInWord]! + u32[nextInWord + 1]! * 2 ** 32 - input.address + left
    return input.bytes.subarray(end - left, end)
  }

  close(): void {
    if (this.#idle.length < idleCodecsMax && this.#restart()) {
      this.#record.u32[availInWord] = 0
      this.#idle.push(this)
      return
    }
    this.#direction.end(this.#record.address)
    this.#memory.giveRecord(this.#record)
  }

  #work(flush: number): number {
    const { u32, address } = this.#record
    setLong(u32, nextOutWord, this.#memory.output.address)
    u32[availOutWord] = codecOutputBytes
    const result = this.#direction.work(address, flush)
    if (result !== Z_OK && result !== Z_STREAM_END && result !== Z_BUF_ERROR) return -1
    const left = u32[availOutWord]
    this.more = result === Z_OK && left === 0
    if (this.#direction.unpacks) {
      this.#ended = result === Z_STREAM_END
      if (this.#ended && u32[availInWord]! > 0) this.more = this.#restart()
      else if (flush === Z_FINISH && !this.#ended && !this.more) return -1
    }
    return codecOutputBytes - left
  }

  #restart(): boolean {
    this.#ended = false
    return this.#direction.reset(this.#record.address) === Z_OK
  }
}

export class ZlibCodecs {
  readonly #zlib: Zlib
  readonly #deflateMemory = new CodecMemory()
  readonly #inflateMemory = new CodecMemory()
  readonly #deflate: Direction
  readonly #inflate: Direction
  /** By level, window and memory, as one number. */
  readonly #idleDeflates = new Map<number, ZlibCodec[]>()
  readonly #idleInflates: ZlibCodec[] = []

  constructor(zlib: Zlib) {
    this.#zlib = zlib
    const { deflate, deflateReset, deflateEnd, inflate, inflateReset, inflateEnd } = zlib
    this.#deflate = { unpacks: false, work: deflate, reset: deflateReset, end: deflateEnd }
    this.#inflate = { unpacks: true, work: inflate, reset: inflateReset, end: inflateEnd }
  }

  /** Compresses to gzip. */
  createDeflate(settings: DeflateSettings): Codec {
    const { level, windowBits, memoryLevel } = settings
    const key = (level * 16 + windowBits) * 16 + memoryLevel
    let idle = this.#idleDeflates.get(key)
    if (idle === undefined) this.#idleDeflates.set(key, (idle = []))
    return idle.pop() ?? this.#startDeflate(settings, idle)
  }

  /** Unpacks gzip. */
  createInflate(): Codec {
    return this.#idleInflates.pop() ?? this.#startInflate()
  }

  #startDeflate({ level, windowBits, memoryLevel }: DeflateSettings, idle: ZlibCodec[]): Codec {
    const memory = this.#deflateMemory
    const record = memory.takeRecord()
    const { version } = this.#zlib
    const result = this.#zlib.deflateInit2(
      record.address,
      level,
      Z_DEFLATED,
      windowBits + gzipBits,
      memoryLevel,
      Z_DEFAULT_STRATEGY,
      version,
      streamBytes,
    )
    if (result !== Z_OK) throw new Error(`deflateInit2() failed (${result})`)
    return new ZlibCodec(memory, record, this.#deflate, idle)
  }

  #startInflate(): Codec {
    const memory = this.#inflateMemory
    const record = memory.takeRecord()
    const { version } = this.#zlib
    const bits = windowBitsMax + gzipBits
    const result = this.#zlib.inflateInit2(record.address, bits, version, streamBytes)
    if (result !== Z_OK) throw new Error(`inflateInit2() failed (${result})`)
    return new ZlibCodec(memory, record, this.#inflate, this.#idleInflates)
  }
}
