/** The dump of a process, as the configuration in force wishes it. */
import { isDeepStrictEqual } from 'node:util'
import { ConfError } from '../../conf/diagnostics.ts'
import type { Log } from '../../core/log.ts'
import type { ZoneMemory } from '../../core/zone-memory.ts'
import { TrafficDump } from './traffic-dump.ts'
import type { DumpPlace, FilterLimit } from './traffic-values.ts'
import { type TrafficZoneConf, trafficZoneOf, type UpstreamTimings } from './traffic-zone.ts'

export interface DumpWish extends DumpPlace {
  readonly zone: TrafficZoneConf
  readonly upstreamTimings: UpstreamTimings
  readonly filterLimit: FilterLimit | undefined
}

interface DumpServices {
  readonly zoneMemory: ZoneMemory
  readonly log: Log
}

export class TrafficDumper {
  readonly #services: DumpServices
  #wish: DumpWish | undefined = undefined
  #dump: TrafficDump | undefined = undefined

  constructor(services: DumpServices) {
    this.#services = services
  }

  /** Another dump, or none, from now on. */
  follow(wish: DumpWish | undefined): void {
    if (isDeepStrictEqual(wish, this.#wish)) return
    this.#dump?.close()
    this.#dump = undefined
    this.#wish = wish
    if (wish !== undefined) this.#dump = this.#open(wish)
  }

  /** The process ends: nothing is counted any more. `onLastWork` is called before a last dump is written. */
  end(onLastWork?: () => void): void {
    this.#dump?.end(onLastWork)
    this.#dump = undefined
  }

  #open({ zone: conf, upstreamTimings, ...wish }: DumpWish): TrafficDump | undefined {
    const { zoneMemory: memory, log } = this.#services
    try {
      const zone = trafficZoneOf(memory, conf, upstreamTimings)
      return new TrafficDump({ ...wish, zone, memory, log })
    } catch (error) {
      if (!(error instanceof ConfError)) throw error
      log.write('alert', `dump of traffic "${wish.path}" is not made: ${error.message}`)
      return undefined
    }
  }
}

const dumpers = new WeakMap<ZoneMemory, TrafficDumper>()

/** One for a process. */
export function trafficDumperOf(services: DumpServices): TrafficDumper {
  const { zoneMemory } = services
  return dumpers.getOrInsertComputed(zoneMemory, () => new TrafficDumper(services))
}
