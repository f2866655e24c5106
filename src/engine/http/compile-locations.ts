/**
 * Compiles the locations of a server. Where a server has become another one of the same settings, its
 * locations are those of the one before, but for the blocks that differ.
 */
import { diffBlocks, emptyBlock } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { blocksOf } from '../core/scope.ts'
import type { Stepwise } from '../conf/stepwise.ts'
import { compileLocation, type LocationInput, type Outer } from './compile-location.ts'
import type { Location } from './location.ts'
import { LocationTable } from './location-table.ts'
import type { HttpServer } from './server.ts'

/** With more changes than this a table is made anew; each copies the maps of the one before. */
const draftChangesMax = 32

export interface ServerLocations {
  readonly table: LocationTable
  /** Those of the server before that are not in the table. */
  readonly gone: Iterable<Location>
}

/** `before`: what the server was. Its locations stay if they stand in the same surroundings. */
export function* compileServerLocations(
  input: LocationInput,
  node: Directive,
  outer: Outer,
  before: HttpServer | undefined,
): Stepwise<ServerLocations> {
  if (before?.place !== outer) {
    const table = yield* tableOf(input, node, (child) => compileOwn(input, child, outer))
    return { table, gone: before?.locations.all() ?? [] }
  }
  const { removed, added } = diffBlocks(before.node.block ?? emptyBlock, node.block ?? emptyBlock)
  const { locations } = before
  const gone = removed.flatMap((child) => locations.of(child) ?? [])
  const table =
    removed.length + added.length > draftChangesMax
      ? yield* tableOf(
          input,
          node,
          (child) => locations.of(child) ?? compileOwn(input, child, outer),
        )
      : draftOf(input, locations, { gone, added, outer })
  table.arrange(blocksOf(node.block))
  return { table, gone }
}

function* tableOf(
  { session }: LocationInput,
  { block }: Directive,
  toLocation: (node: Directive) => Location,
): Stepwise<LocationTable> {
  const table = new LocationTable()
  for (const child of blocksOf(block)) {
    if (child.name !== 'location') continue
    session.attempt(child, () => table.add(toLocation(child)))
    yield
  }
  return table
}

interface Difference {
  readonly gone: readonly Location[]
  readonly added: readonly Directive[]
  readonly outer: Outer
}

function draftOf(
  input: LocationInput,
  before: LocationTable,
  { gone, added, outer }: Difference,
): LocationTable {
  const table = before.draft()
  for (const location of gone) table.remove(location)
  for (const child of added) {
    if (child.name !== 'location') continue
    input.session.attempt(child, () => table.add(compileOwn(input, child, outer)))
  }
  return table
}

/** With notes of its own, so that it can go alone. */
function compileOwn(input: LocationInput, node: Directive, outer: Outer): Location {
  return compileLocation({ ...input, upstreams: input.upstreams.fresh() }, node, outer)
}
