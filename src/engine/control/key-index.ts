/**
 * Keys of instructions, found by what they belong to: a group by its members, a place by those within it.
 *
 * Persistent: a change copies a path of small nodes.
 */
import { PersistentMap } from '../core/persistent-map.ts'

type Keys = PersistentMap<true>

const noKeys: Keys = PersistentMap.empty()

/** What a key belongs to; none for keys of other kinds. */
type OwnersOf = (key: string) => readonly string[]

export class KeyIndex {
  readonly #ownersOf: OwnersOf
  readonly #byOwner: PersistentMap<Keys>

  private constructor(ownersOf: OwnersOf, byOwner: PersistentMap<Keys>) {
    this.#ownersOf = ownersOf
    this.#byOwner = byOwner
  }

  static empty(ownersOf: OwnersOf): KeyIndex {
    return new KeyIndex(ownersOf, PersistentMap.empty())
  }

  /** Keys that belong to an owner. */
  of(owner: string): readonly string[] {
    return [...(this.#byOwner.get(owner) ?? noKeys).entries()].map(([key]) => key)
  }

  /** The index with that key; the same one where it belongs to nothing. */
  add(key: string): KeyIndex {
    return this.#with(key, (keys) => keys.set(key, true))
  }

  delete(key: string): KeyIndex {
    return this.#with(key, (keys) => keys.delete(key))
  }

  #with(key: string, change: (keys: Keys) => Keys): KeyIndex {
    let byOwner = this.#byOwner
    for (const owner of this.#ownersOf(key)) {
      const keys = change(byOwner.get(owner) ?? noKeys)
      byOwner = keys.size === 0 ? byOwner.delete(owner) : byOwner.set(owner, keys)
    }
    return byOwner === this.#byOwner ? this : new KeyIndex(this.#ownersOf, byOwner)
  }
}
