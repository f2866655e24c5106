/** Which places are set, found by the place that they lie within. */
import { PersistentMap } from '../core/persistent-map.ts'
import { placesAround, placeTopic } from './place.ts'

type Keys = PersistentMap<true>

const noKeys: Keys = PersistentMap.empty()

export class PlaceIndex {
  static readonly empty: PlaceIndex = new PlaceIndex(PersistentMap.empty())

  /** Keys of the places within, by the key of the place around them. */
  readonly #within: PersistentMap<Keys>

  private constructor(within: PersistentMap<Keys>) {
    this.#within = within
  }

  /** Keys of the instructions that set something within a place. */
  within(key: string): readonly string[] {
    return [...(this.#within.get(key) ?? noKeys).entries()].map(([inner]) => inner)
  }

  /** The index with that instruction, if it is one of a place. */
  add(key: string): PlaceIndex {
    if (!key.startsWith(placeTopic)) return this
    let within = this.#within
    for (const around of placesAround(key)) {
      within = within.set(around, (within.get(around) ?? noKeys).set(key, true))
    }
    return within === this.#within ? this : new PlaceIndex(within)
  }

  delete(key: string): PlaceIndex {
    if (!key.startsWith(placeTopic)) return this
    let within = this.#within
    for (const around of placesAround(key)) {
      const left = (within.get(around) ?? noKeys).delete(key)
      within = left.size === 0 ? within.delete(around) : within.set(around, left)
    }
    return within === this.#within ? this : new PlaceIndex(within)
  }
}
