/**
 * A persistent map from strings to values: every version stays valid, and a change copies one path.
 *
 * The tables of a snapshot (virtual servers by name, listeners by address, upstreams by name) are such
 * maps: adding the 100,000th entry copies three or four small nodes, and two versions are compared by
 * identity, whole subtrees at a time.
 *
 * ```text
 *   hash of the key, five bits a level:    10110 01001 11100 …
 *
 *   Branch  bitmap ....1..1...1   slots [ entry | Branch | entry ]
 *                                            └─ Branch  slots [ entry | Collision ]
 * ```
 *
 * A hash array mapped trie (Bagwell 2001) with 32-way nodes; keys whose hashes are equal share a
 * collision list.
 */

const bitsPerLevel = 5
const mask = 31
const hashBits = 32

interface Entry<V> {
  readonly kind: 'entry'
  readonly hash: number
  readonly key: string
  readonly value: V
}

interface Branch<V> {
  readonly kind: 'branch'
  readonly bitmap: number
  readonly slots: readonly Slot<V>[]
}

interface Collision<V> {
  readonly kind: 'collision'
  readonly hash: number
  readonly entries: readonly Entry<V>[]
}

type Slot<V> = Entry<V> | Branch<V> | Collision<V>

export interface MapChange<V> {
  readonly key: string
  readonly before: V | undefined
  readonly after: V | undefined
}

const emptyBranch: Branch<never> = { kind: 'branch', bitmap: 0, slots: [] }

export class PersistentMap<V> {
  readonly size: number
  readonly #root: Branch<V>

  private constructor(root: Branch<V>, size: number) {
    this.#root = root
    this.size = size
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(emptyBranch, 0)
  }

  static from<V>(entries: Iterable<readonly [string, V]>): PersistentMap<V> {
    let map = PersistentMap.empty<V>()
    for (const [key, value] of entries) map = map.set(key, value)
    return map
  }

  get(key: string): V | undefined {
    return this.#find(key, hashOf(key))
  }

  #find(key: string, hash: number): V | undefined {
    let node: Branch<V> = this.#root
    for (let shift = 0; ; shift += bitsPerLevel) {
      const bit = bitAt(hash, shift)
      if ((node.bitmap & bit) === 0) return undefined
      const slot = node.slots[indexOfBit(node.bitmap, bit)]!
      if (slot.kind === 'branch') node = slot
      else if (slot.kind === 'entry') return slot.key === key ? slot.value : undefined
      else return slot.entries.find((entry) => entry.key === key)?.value
    }
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  /** This map with `key` set; the very same map when it holds that value already. */
  set(key: string, value: V): PersistentMap<V> {
    const hash = hashOf(key)
    const before = this.#find(key, hash)
    if (before === value && value !== undefined) return this
    const root = insert(this.#root, { kind: 'entry', hash, key, value }, 0)
    return new PersistentMap(root, before === undefined ? this.size + 1 : this.size)
  }

  delete(key: string): PersistentMap<V> {
    const hash = hashOf(key)
    if (this.#find(key, hash) === undefined) return this
    return new PersistentMap(remove(this.#root, key, hash, 0) ?? emptyBranch, this.size - 1)
  }

  *entries(): Generator<readonly [string, V], void, undefined> {
    for (const { key, value } of entriesOf(this.#root)) yield [key, value]
  }

  *values(): Generator<V, void, undefined> {
    for (const { value } of entriesOf(this.#root)) yield value
  }

  /** What changed from `before` to this map, in no particular order. */
  changesSince(before: PersistentMap<V>): readonly MapChange<V>[] {
    const changes: MapChange<V>[] = []
    diffSlots(before.#root, this.#root, changes)
    return changes
  }
}

/** FNV-1a over UTF-16 units, with a final mix so that the low bits are as good as the high ones. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return hash ^ (hash >>> 13)
}

function bitAt(hash: number, shift: number): number {
  return 1 << ((hash >>> shift) & mask)
}

/** How many bits of `bitmap` are set below `bit`: the place in the dense slot array. */
function indexOfBit(bitmap: number, bit: number): number {
  let bits = bitmap & (bit - 1)
  bits -= (bits >>> 1) & 0x55555555
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

function insert<V>(node: Branch<V>, entry: Entry<V>, shift: number): Branch<V> {
  const bit = bitAt(entry.hash, shift)
  const index = indexOfBit(node.bitmap, bit)
  if ((node.bitmap & bit) === 0) {
    const slots = [...node.slots.slice(0, index), entry, ...node.slots.slice(index)]
    return { kind: 'branch', bitmap: node.bitmap | bit, slots }
  }
  return withSlot(node, index, combine(node.slots[index]!, entry, shift + bitsPerLevel))
}

/** Puts an entry where something stands already. */
function combine<V>(slot: Slot<V>, entry: Entry<V>, shift: number): Slot<V> {
  if (slot.kind === 'branch') return insert(slot, entry, shift)
  if (slot.kind === 'entry' && slot.key === entry.key) return entry
  if (slot.hash !== entry.hash && shift < hashBits) {
    const bit = bitAt(slot.hash, shift)
    return insert({ kind: 'branch', bitmap: bit, slots: [slot] }, entry, shift)
  }
  const others =
    slot.kind === 'entry' ? [slot] : slot.entries.filter(({ key }) => key !== entry.key)
  return { kind: 'collision', hash: entry.hash, entries: [...others, entry] }
}

/** The branch without `key`, or `undefined` when nothing is left of it. The key is known to be there. */
function remove<V>(
  node: Branch<V>,
  key: string,
  hash: number,
  shift: number,
): Branch<V> | undefined {
  const bit = bitAt(hash, shift)
  const index = indexOfBit(node.bitmap, bit)
  const slot = node.slots[index]!
  const left = shrink(slot, key, hash, shift + bitsPerLevel)
  if (left !== undefined) return withSlot(node, index, left)
  if (node.slots.length === 1) return undefined
  const slots = [...node.slots.slice(0, index), ...node.slots.slice(index + 1)]
  return { kind: 'branch', bitmap: node.bitmap & ~bit, slots }
}

function shrink<V>(slot: Slot<V>, key: string, hash: number, shift: number): Slot<V> | undefined {
  if (slot.kind === 'entry') return undefined
  if (slot.kind === 'branch') {
    const left = remove(slot, key, hash, shift)
    const only = left?.slots.length === 1 ? left.slots[0] : undefined
    return only !== undefined && only.kind !== 'branch' ? only : left
  }
  const entries = slot.entries.filter((entry) => entry.key !== key)
  return entries.length === 1 ? entries[0] : { ...slot, entries }
}

function withSlot<V>(node: Branch<V>, index: number, slot: Slot<V>): Branch<V> {
  const slots = [...node.slots]
  slots[index] = slot
  return { kind: 'branch', bitmap: node.bitmap, slots }
}

function* entriesOf<V>(slot: Slot<V>): Generator<Entry<V>, void, undefined> {
  if (slot.kind === 'entry') yield slot
  else if (slot.kind === 'collision') yield* slot.entries
  else for (const below of slot.slots) yield* entriesOf(below)
}

/** Compares slot by slot while both sides are branches; anything else is small enough to list. */
function diffSlots<V>(
  before: Slot<V> | undefined,
  after: Slot<V> | undefined,
  changes: MapChange<V>[],
): void {
  if (before === after) return
  if (before?.kind === 'branch' && after?.kind === 'branch') {
    for (let bits = before.bitmap | after.bitmap; bits !== 0; bits &= bits - 1) {
      const bit = bits & -bits
      diffSlots(slotOfBit(before, bit), slotOfBit(after, bit), changes)
    }
    return
  }
  const old = new Map(before && [...entriesOf(before)].map(({ key, value }) => [key, value]))
  for (const { key, value } of after ? entriesOf(after) : []) {
    if (old.get(key) !== value) changes.push({ key, before: old.get(key), after: value })
    old.delete(key)
  }
  for (const [key, value] of old) changes.push({ key, before: value, after: undefined })
}

function slotOfBit<V>(node: Branch<V>, bit: number): Slot<V> | undefined {
  return (node.bitmap & bit) === 0 ? undefined : node.slots[indexOfBit(node.bitmap, bit)]
}
