/**
 * The zones of a process, by name and size: one object for each while some group uses it.
 *
 * A zone that changes its size is another zone; groups go over to it with fresh states, as in nginx. When
 * the last group leaves, the memory goes with it, unless other processes still keep something there.
 */
import { openPeerZone, type PeerZone, type ZonePlace } from './peer-zone.ts'

export class PeerZones {
  readonly #memory: ZonePlace
  readonly #open = new Map<string, PeerZone>()
  readonly #bytesOf = new Map<string, number>()

  constructor(memory: ZonePlace) {
    this.#memory = memory
  }

  /** Without a size, the zone as another group declares it; `undefined` where none does. */
  open(name: string, bytes: number | undefined = this.#bytesOf.get(name)): PeerZone | undefined {
    if (bytes === undefined) return undefined
    const key = `${name} ${bytes}`
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const options = { ...this.#memory, name, bytes }
    const zone = openPeerZone(options, () => this.#forget(name, bytes))
    this.#open.set(key, zone)
    this.#bytesOf.set(name, bytes)
    return zone
  }

  #forget(name: string, bytes: number): void {
    this.#open.delete(`${name} ${bytes}`)
    if (this.#bytesOf.get(name) === bytes) this.#bytesOf.delete(name)
  }
}
