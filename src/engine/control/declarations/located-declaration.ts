/**
 * Declarations of what holds in locations, or in servers: each says how its fields are read from directives
 * and written to them; all else is done here.
 *
 * ```text
 *   {"servers":[{"listens":["0.0.0.0:80"],"serverNames":["a"],
 *      "locations":[{"location":"/x", FIELDS, "locations":[{"location":"/x/y", FIELDS}]}]}], EXTRAS}
 *        │
 *        └─▶ an item for each location, an item or more for each extra ─▶ places of the tree
 * ```
 *
 * A dump says what is in force in a location, whoever sets it. What a document sets stands in the location.
 */
import type { Declaration, DeclaredItem } from '../declaration.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { type Schema, serverAddressProperties } from '../operation.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import type { SubsystemName } from '../server-index.ts'
import { type Fields, shapeFault } from '../shape.ts'
import { dumpLocations, dumpServers } from './server-dump.ts'
import { findLocationIn, findServer, type FoundBlock } from './server-locations.ts'
import { fail, type Setting, settingEdits } from './settings.ts'
import type { Surroundings } from './surroundings.ts'

/** What a kind of declaration consists of. */
interface Mapping {
  /** `http_dyn_limit` */
  readonly key: string
  /** Fields of a location (or server), without those that name it. */
  readonly fields: Readonly<Record<string, Schema>>
  /** What is in force there; `undefined` where there is nothing to say. */
  read(at: Surroundings): Fields | undefined
  /** What is to stand there for the fields that were given; throws `Refusal`. */
  write(fields: Fields, at: Surroundings): readonly Setting[]
  /** What the engine says of it, in the words of the reference. */
  readonly explain?: (fault: string) => string
}

/** A property of the document beside its servers. */
export interface Extra {
  readonly name: string
  readonly schema: Schema
  /** `undefined` where there is nothing to say. */
  read(state: DynamicState): unknown
  items(value: unknown): readonly DeclaredItem[]
}

export interface LocationMapping extends Mapping {
  readonly extras?: readonly Extra[]
}

export interface ServerMapping extends Mapping {
  readonly subsystem: SubsystemName
}

/** A declaration of what holds in the locations of HTTP servers, nested ones included. */
export function locationDeclaration(mapping: LocationMapping): Declaration {
  const { key, fields, extras = [] } = mapping
  const location: Schema = {
    type: 'object',
    properties: {
      location: { type: 'string', examples: ['/demo'] },
      ...fields,
      locations: { type: 'array', description: 'Locations within it, of the same form.' },
    },
  }
  const locations: Schema = { type: 'array', items: location }
  const server = serverSchema({ locations })
  const extraSchemas = Object.fromEntries(extras.map((extra) => [extra.name, extra.schema]))
  return {
    key,
    schema: documentSchema(server, extraSchemas),
    dump: (state) => {
      const rest = Object.fromEntries(extras.map((extra) => [extra.name, extra.read(state)]))
      return dumpServers(state, 'http', rest, (at) => {
        const found = dumpLocations(at, (inner) => mapping.read(inner))
        return found.length === 0 ? undefined : { locations: found }
      })
    },
    items: (document) => {
      const servers = listOf(document['servers'])
      return [
        ...extras.flatMap((extra) => {
          const value = document[extra.name]
          return value === undefined ? [] : extra.items(value)
        }),
        ...servers.flatMap((fieldsOfServer, position) =>
          serverItems(fieldsOfServer, position, (path, find) =>
            locationItems(fieldsOfServer, { mapping, schema: location, path, find }),
          ),
        ),
      ]
    },
  }
}

/** A declaration of what holds in the servers themselves. */
export function serverDeclaration(mapping: ServerMapping): Declaration {
  const { key, fields, subsystem } = mapping
  return {
    key,
    schema: documentSchema(serverSchema(fields), {}),
    dump: (state) => dumpServers(state, subsystem, {}, (at) => mapping.read(at)),
    items: (document) =>
      listOf(document['servers']).map((given, position) => {
        const address = addressOf(given)
        if (address.listens.length === 0) return unaddressed(position)
        const path = `listen[${address.listens.join(' ')}] server_name[${address.serverNames.join(' ')}]`
        return item(path, given, mapping, (state) => {
          return findServer(state, subsystem, address) ?? fail(' can not find server.')
        })
      }),
  }
}

function serverSchema(more: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', properties: { ...serverAddressProperties, ...more } }
}

function documentSchema(server: Schema, extras: Readonly<Record<string, Schema>>): Schema {
  const servers: Schema = { type: 'array', items: server }
  const properties = { servers, ...extras }
  const only = Object.keys(extras).length === 0
  return { type: 'object', properties, ...(only && { required: ['servers'] }) }
}

type Find = (state: DynamicState) => FoundBlock

/** Items of one server of a document; one that says that it cannot be meant, where its address is not whole. */
function serverItems(
  given: Fields,
  position: number,
  items: (path: string, find: Find) => readonly DeclaredItem[],
): readonly DeclaredItem[] {
  const address = addressOf(given)
  const { listens, serverNames } = address
  if (listens.length === 0 || serverNames.length === 0) {
    return [unaddressed(position)]
  }
  const path = `servers[${listens[0]},${serverNames[0]}]`
  return items(path, (state) => {
    const names = `listen[${listens[0]}] server_name[${serverNames[0]}]`
    return findServer(state, 'http', address) ?? fail(` can\`t find server by ${names}`)
  })
}

interface Level {
  readonly mapping: LocationMapping
  readonly schema: Schema
  readonly path: string
  /** The block that they stand in. */
  readonly find: Find
}

function locationItems(given: Fields, level: Level): readonly DeclaredItem[] {
  const { mapping, schema, path, find } = level
  return listOf(given['locations']).flatMap((fields, position) => {
    // Of nested ones the document's schema says no more than that they are a list.
    const fault = shapeFault(fields, schema, `${path}.locations[${position}]`)
    if (fault !== undefined) throw new Refusal(replyCodes.invalidJson, fault)
    const name = typeof fields['location'] === 'string' ? fields['location'].trim() : ''
    if (name === '') {
      const msg = ` index ${position} not set location name`
      return [{ path: `${path}.locations`, edits: () => fail(msg) }]
    }
    const inner: Level = {
      ...level,
      path: `${path}.locations[${name}]`,
      find: (state) => findLocationIn(find(state), name) ?? fail(' location not found'),
    }
    return [item(inner.path, fields, mapping, inner.find), ...locationItems(fields, inner)]
  })
}

function item(path: string, given: Fields, mapping: Mapping, find: Find): DeclaredItem {
  const names = Object.keys(mapping.fields)
  const fields = Object.fromEntries(Object.entries(given).filter(([name]) => names.includes(name)))
  return {
    path,
    ...(mapping.explain && { explain: mapping.explain }),
    edits: (state) => {
      const { steps, at } = find(state)
      if (Object.keys(fields).length === 0) return []
      return settingEdits(steps, mapping.write(fields, at))
    },
  }
}

function addressOf(given: Fields): {
  readonly listens: readonly string[]
  readonly serverNames: readonly string[]
} {
  const { listens = [], serverNames = [] } = given as {
    readonly listens?: readonly string[]
    readonly serverNames?: readonly string[]
  }
  return { listens, serverNames }
}

/** A list whose elements are looked at where they are used. */
function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? (value as readonly Fields[]) : []
}

/** Nobody knows which server is meant. */
function unaddressed(position: number): DeclaredItem {
  const msg = ` server parameters error, listens or serverNames is empty,at position ${position}`
  return { path: '', edits: () => fail(msg) }
}
