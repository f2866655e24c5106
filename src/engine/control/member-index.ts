/** Which instructions change members of upstream groups, found by group. */
import { PersistentMap } from '../core/persistent-map.ts'

type Keys = PersistentMap<true>

const noKeys: Keys = PersistentMap.empty()

/** Topics under which a key says its group: `/ins/ups_peer/<group>/<id>`. */
const topics: readonly string[] = ['/ins/ups_peer/', '/ins/stream_ups_peer/']

export class MemberIndex {
  static readonly empty: MemberIndex = new MemberIndex(PersistentMap.empty())

  readonly #byGroup: PersistentMap<Keys>

  private constructor(byGroup: PersistentMap<Keys>) {
    this.#byGroup = byGroup
  }

  /** Keys that begin so: with the topic, the group and a slash. */
  of(prefix: string): readonly string[] {
    return [...(this.#byGroup.get(prefix) ?? noKeys).entries()].map(([key]) => key)
  }

  /** The index with that instruction, if it is one of a member. */
  add(key: string): MemberIndex {
    const group = groupOf(key)
    if (group === undefined) return this
    const keys = (this.#byGroup.get(group) ?? noKeys).set(key, true)
    return new MemberIndex(this.#byGroup.set(group, keys))
  }

  delete(key: string): MemberIndex {
    const group = groupOf(key)
    if (group === undefined) return this
    const left = (this.#byGroup.get(group) ?? noKeys).delete(key)
    const byGroup = left.size === 0 ? this.#byGroup.delete(group) : this.#byGroup.set(group, left)
    return new MemberIndex(byGroup)
  }
}

function groupOf(key: string): string | undefined {
  if (!topics.some((topic) => key.startsWith(topic))) return undefined
  return key.slice(0, key.lastIndexOf('/') + 1)
}
