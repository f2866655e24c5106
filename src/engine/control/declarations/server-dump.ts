/** Dumps of what is in force in servers and locations. */
import { DumpParts } from '../declaration.ts'
import type { DynamicState } from '../dynamic-state.ts'
import type { Part } from '../piecewise-response.ts'
import type { SubsystemName } from '../server-index.ts'
import type { Fields } from '../shape.ts'
import { describeServer, locationName, locationsIn, serversIn } from './server-locations.ts'
import type { Surroundings } from './surroundings.ts'

/** What is said of a block; `undefined` where that is nothing. */
type Read = (at: Surroundings) => Fields | undefined

/** The document of all servers, part by part; those of which nothing is said are left out. */
export function dumpServers(
  state: DynamicState,
  subsystem: SubsystemName,
  rest: Fields,
  describe: Read,
): DumpParts {
  function* parts(): Generator<Part, void, undefined> {
    yield '{"servers":['
    let before = ''
    for (const at of serversIn(state, subsystem)) {
      const fields = describe(at)
      if (fields === undefined) continue
      yield before
      yield { json: { ...describeServer(at.node, subsystem), ...fields } }
      before = ','
    }
    yield ']'
    for (const [name, json] of Object.entries(rest)) {
      yield `,${JSON.stringify(name)}:`
      yield { json }
    }
    yield '}'
  }
  return new DumpParts({ [Symbol.iterator]: parts })
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
