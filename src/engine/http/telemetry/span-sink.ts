/**
 * Where the records of a process go: a ring of its own, which the telemetry copilot reads.
 *
 * The ring is claimed by the first request that leaves a record, so that an engine without telemetry has
 * no memory for it.
 */
import type { RecordRing } from '../../core/record-ring.ts'
import { RecordRings } from '../../core/record-rings.ts'
import type { OpenMemory } from '../../core/record-rings.ts'
import { processesMax } from '../../core/table-layout.ts'
import type { ZoneMemory } from '../../core/zone-memory.ts'
import type { Request } from '../request.ts'
import { telemetryLimits } from './limits.ts'
import { RecordBytes } from './record-bytes.ts'

/** The rings of all workers of an engine. */
export function openSpanRings(open: OpenMemory): RecordRings {
  const { ringBytes } = telemetryLimits
  return new RecordRings({ name: 'telemetry', ringsMax: processesMax, ringBytes, open })
}

const noRoom =
  'no room for what requests leave: the copilot that exports it does not run, or is behind'

export class SpanSink {
  readonly #memory: ZoneMemory
  readonly #bytes = new RecordBytes()
  #ring: RecordRing | undefined
  #claimed = false
  #toldAt = -Infinity

  constructor(memory: ZoneMemory) {
    this.#memory = memory
  }

  /** Room for a record that is handed over by `end`; `undefined` where there is none, or no ring. */
  begin(request: Request): RecordBytes | undefined {
    if (!this.#claimed) this.#claim(request)
    const ring = this.#ring
    if (ring === undefined) return undefined
    const start = ring.reserve(telemetryLimits.recordBytesMax)
    if (start < 0) {
      this.#tellNoRoom(request)
      return undefined
    }
    this.#bytes.begin(ring.bytes, start)
    return this.#bytes
  }

  end(): void {
    this.#ring!.commit(this.#bytes.at)
  }

  /** Thousands of requests may have the same to say. */
  #tellNoRoom(request: Request): void {
    const now = performance.now()
    if (now - this.#toldAt < telemetryLimits.noRoomNoticeMs) return
    this.#toldAt = now
    request.logError(`telemetry: ${noRoom}`, 'warn')
  }

  /** Tried once: without memory requests are served all the same. */
  #claim(request: Request): void {
    this.#claimed = true
    try {
      this.#ring = openSpanRings((name, bytes) => this.#memory.open(name, bytes).buffer).claim()
      if (this.#ring === undefined) request.logError('telemetry: no ring is free', 'alert')
    } catch (error) {
      request.logError(`telemetry: ${(error as Error).message}`, 'alert')
    }
  }
}

const sinks = new WeakMap<ZoneMemory, SpanSink>()

/** The one sink of a process. */
export function spanSinkOf(memory: ZoneMemory): SpanSink {
  return sinks.getOrInsertComputed(memory, () => new SpanSink(memory))
}
