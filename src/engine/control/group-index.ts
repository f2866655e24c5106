/**
 * Upstream groups of a subsystem by name, found without walking them.
 *
 * The index follows the tree: from the version that it knows to the one that is asked about it goes by
 * what differs between the two, which is as little as was changed since.
 *
 * ```text
 *   index of version 7 ── asked about version 9 ──▶ diff of 7 and 9: a group gone, two new ──▶ index of 9
 * ```
 *
 * Of ten thousand groups the first index takes a while: it can be read ahead, some groups at a time.
 */
import { type Block, diffBlocks, emptyBlock, findDirective } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import type { SubsystemName } from './server-index.ts'

export class GroupIndex {
  readonly #block: Block
  readonly #groups: PersistentMap<Directive>
  /** How many groups name a zone. */
  readonly #zones: PersistentMap<number>

  private constructor(
    block: Block,
    groups: PersistentMap<Directive>,
    zones: PersistentMap<number>,
  ) {
    this.#block = block
    this.#groups = groups
    this.#zones = zones
  }

  static readonly empty: GroupIndex = new GroupIndex(
    emptyBlock,
    PersistentMap.empty(),
    PersistentMap.empty(),
  )

  /** The block of the group. */
  find(name: string): Directive | undefined {
    return this.#groups.get(name.toLowerCase())
  }

  hasZone(name: string): boolean {
    return this.#zones.has(name)
  }

  *groups(): Generator<Directive, void, undefined> {
    for (const group of this.#groups.values()) yield group
  }

  /** The index of another version of the block. */
  at(block: Block): GroupIndex {
    if (block === this.#block) return this
    const reading = this.reading(block)
    for (;;) {
      const step = reading.next()
      if (step.done === true) return step.value
    }
  }

  /** The same, a group at a time. */
  *reading(block: Block): Generator<void, GroupIndex, undefined> {
    let groups = this.#groups
    let zones = this.#zones
    const { removed, added } = diffBlocks(this.#block, block)
    for (const node of removed.filter(isGroup)) {
      const key = keyOf(node)
      if (groups.get(key) === node) groups = groups.delete(key)
      zones = counted(zones, node, -1)
      yield
    }
    for (const node of added.filter(isGroup)) {
      groups = groups.set(keyOf(node), node)
      zones = counted(zones, node, 1)
      yield
    }
    return new GroupIndex(block, groups, zones)
  }
}

/** The versions that were asked about last. */
const last: Record<SubsystemName, GroupIndex> = { http: GroupIndex.empty, stream: GroupIndex.empty }

/** Those that are being read ahead. */
const ahead = new Map<SubsystemName, { readonly block: Block; readonly steps: Reading }>()

type Reading = ReturnType<GroupIndex['reading']>

/** The groups of a subsystem in that tree. */
export function groupsOf(tree: Directive, subsystem: SubsystemName): GroupIndex {
  readOn(subsystem, Infinity)
  last[subsystem] = last[subsystem].at(blockIn(tree, subsystem))
  return last[subsystem]
}

/** Reads the next so many groups of a subsystem; true when all are read. */
export function readGroupsAhead(
  tree: Directive,
  subsystem: SubsystemName,
  groups: number,
): boolean {
  const block = blockIn(tree, subsystem)
  if (ahead.get(subsystem)?.block !== block) {
    ahead.set(subsystem, { block, steps: last[subsystem].reading(block) })
  }
  return readOn(subsystem, groups)
}

function readOn(subsystem: SubsystemName, groups: number): boolean {
  const reading = ahead.get(subsystem)
  if (reading === undefined) return true
  for (let i = 0; i < groups; i += 1) {
    const step = reading.steps.next()
    if (step.done !== true) continue
    last[subsystem] = step.value
    ahead.delete(subsystem)
    return true
  }
  return false
}

function blockIn(tree: Directive, subsystem: SubsystemName): Block {
  return findDirective(tree.block, subsystem)?.block ?? emptyBlock
}

/** The name of a group's zone. */
export function zoneOf({ block }: Directive): string | undefined {
  return findDirective(block, 'zone')?.args[0]
}

function isGroup({ name, block }: Directive): boolean {
  return name === 'upstream' && block !== undefined
}

function keyOf({ args }: Directive): string {
  return args[0]?.toLowerCase() ?? ''
}

function counted(
  zones: PersistentMap<number>,
  node: Directive,
  step: 1 | -1,
): PersistentMap<number> {
  const zone = zoneOf(node)
  if (zone === undefined) return zones
  const count = (zones.get(zone) ?? 0) + step
  return count > 0 ? zones.set(zone, count) : zones.delete(zone)
}
