/** Dumps of what is in force in servers and locations. */
import { DumpText } from '../declaration.ts'
import type { DynamicState } from '../dynamic-state.ts'
import type { SubsystemName } from '../server-index.ts'
import type { Fields } from '../shape.ts'
import { describeServer, locationName, locationsIn, serversIn } from './server-locations.ts'
import type { Surroundings } from './surroundings.ts'

/** What is said of a block; `undefined` where that is nothing. */
type Read = (at: Surroundings) => Fields | undefined

/** The document of all servers, piece by piece; those of which nothing is said are left out. */
export function dumpServers(
  state: DynamicState,
  subsystem: SubsystemName,
  rest: Fields,
  describe: Read,
): DumpText {
  function* pieces(): Generator<string, void, undefined> {
    yield '{"servers":['
    let between = ''
    for (const at of serversIn(state, subsystem)) {
      const fields = describe(at)
      if (fields === undefined) continue
      yield `${between}${JSON.stringify({ ...describeServer(at.node, subsystem), ...fields })}`
      between = ','
    }
    const more = JSON.stringify(rest).slice(1)
    yield more === '}' ? ']}' : `],${more}`
  }
  return new DumpText({ [Symbol.iterator]: pieces })
}

/** The locations within a block; those of which nothing is said stay for what is said within them. */
export function dumpLocations(outer: Surroundings, read: Read): readonly Fields[] {
  const found: Fields[] = []
  for (const at of locationsIn(outer)) {
    const fields = read(at)
    const inner = dumpLocations(at, read)
    if (fields === undefined && inner.length === 0) continue
    found.push({
      location: locationName(at.node),
      ...fields,
      ...(inner.length > 0 && { locations: inner }),
    })
  }
  return found
}
