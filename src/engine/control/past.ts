/** How the running configuration was at a revision, worked out from the history. */
import type { Directive } from '../conf/tree.ts'
import { DoorFault } from './door-fault.ts'
import { historyPageEntriesMax, revisionsBackMax } from './limits.ts'
import type { ControlPlane } from './plane.ts'

/** The trees at two revisions, both on the files that are in force now. */
export async function treesAt(
  plane: ControlPlane,
  revisions: { readonly from: number; readonly to: number },
): Promise<{ readonly from: Directive; readonly to: Directive }> {
  const state = plane.state()
  const { revision: newest } = plane.version()
  const oldest = Math.min(revisions.from, revisions.to)
  for (const revision of [revisions.from, revisions.to]) {
    if (revision > newest) {
      throw new DoorFault(404, `there is no revision ${revision}, the last one is ${newest}`)
    }
  }
  if (newest - oldest > revisionsBackMax) {
    throw new DoorFault(422, `revision ${oldest} is more than ${revisionsBackMax} changes away`)
  }
  const entries = await entriesSince(plane, oldest, newest)
  const at = (revision: number): Directive => {
    const bodies = new Map<string, string | null>()
    for (const entry of entries) {
      if (entry.revision <= revision) break
      for (const { key, before } of entry.edits.toReversed()) bodies.set(key, before)
    }
    return state.edit([...bodies].map(([key, body]) => ({ key, body }))).tree
  }
  return { from: at(revisions.from), to: at(revisions.to) }
}

type Entries = Awaited<ReturnType<ControlPlane['history']>>['entries']

/** Newest first. */
async function entriesSince(
  plane: ControlPlane,
  revision: number,
  newest: number,
): Promise<Entries> {
  const found: Entries[number][] = []
  let before = newest + 1
  while (before > revision + 1) {
    const page = await plane.history({ limit: historyPageEntriesMax, before })
    const wanted = page.entries.filter((entry) => entry.revision > revision)
    found.push(...wanted)
    const last = wanted.at(-1)
    if (last === undefined || last.revision >= before) {
      throw new DoorFault(404, `the history does not reach back to revision ${revision}`)
    }
    before = last.revision
  }
  return found
}
