/**
 * A map for few entries: a list that is searched from the beginning, and a real map from some size on.
 *
 * There are hundreds of thousands of scopes with one or two entries each, and an empty `Map` alone takes
 * more memory than those.
 */

/** Searching through so many costs as much as a look-up in a map. */
const searchedMax = 8

interface Entry<K, V> {
  readonly key: K
  readonly value: V
  readonly next: Entry<K, V> | undefined
}

export class FewEntries<K extends object, V> {
  #first: Entry<K, V> | undefined = undefined
  #large: Map<K, V> | undefined = undefined

  get(key: K): V | undefined {
    if (this.#large !== undefined) return this.#large.get(key)
    let entry = this.#first
    while (entry !== undefined && entry.key !== key) entry = entry.next
    return entry?.value
  }

  /** Adds an entry for a key that has none. */
  add(key: K, value: V): void {
    this.#first = { key, value, next: this.#first }
    if (this.#large !== undefined) this.#large.set(key, value)
    else if (this.#count() > searchedMax) this.#large = new Map(this.#entries())
  }

  /** The last one first. */
  *keys(): Generator<K, void, undefined> {
    for (let entry = this.#first; entry !== undefined; entry = entry.next) yield entry.key
  }

  #count(): number {
    let count = 0
    for (let entry = this.#first; entry !== undefined; entry = entry.next) count++
    return count
  }

  *#entries(): Generator<[K, V], void, undefined> {
    for (let entry = this.#first; entry !== undefined; entry = entry.next) {
      yield [entry.key, entry.value]
    }
  }
}
