/**
 * Which instructions hang on another one: those that change something within what it makes, and those that
 * put something of their own at its place.
 */
import type { DynamicState } from './dynamic-state.ts'
import type { Edit } from './instruction.ts'
import { healthCheckKeys } from './instructions/health-check.ts'
import {
  httpLocation,
  findHttpServer,
  type LocationBody,
  argsOf,
  partKey,
} from './instructions/http-location.ts'
import {
  findOwner,
  revocationList,
  type RevocationListBody,
} from './instructions/revocation-list.ts'
import { httpServer } from './instructions/http-server.ts'
import { httpMember, streamMember } from './instructions/upstream-member.ts'
import { streamServer } from './instructions/stream-server.ts'
import { type GroupBody, httpGroup, streamGroup } from './instructions/upstream-group.ts'
import { certificateKeys, overridesOf, revocationListKey } from './overrides.ts'
import {
  type BlockStep,
  type CanonicalPlace,
  findServer,
  isServerStep,
  orderTopic,
  type Place,
  type PlaceBody,
  placeKey,
  placeTopic,
  requireSubsystem,
  serverSteps,
} from './place.ts'
import { Refusal } from './refusal.ts'
import type { IndexedServer, SubsystemName } from './server-index.ts'

export interface Dependents {
  /** They go with it, and go when it is set anew. */
  readonly within: readonly string[]
  /** They go when it is set anew, and stay when it goes. */
  readonly beside: readonly string[]
}

const none: Dependents = { within: [], beside: [] }

/** What hangs on the instruction that is edited, as the state stands before. */
export function dependentsOf(state: DynamicState, { key, body }: Edit): Dependents {
  const text = body ?? state.instructions.get(key)
  if (text === undefined) return none
  if (key.startsWith(orderTopic)) return none
  if (key.startsWith(placeTopic)) return ofPlace(state, key, (JSON.parse(text) as PlaceBody).place)
  for (const { topic, form } of [httpServer, streamServer]) {
    if (!key.startsWith(topic)) continue
    const server = state[form.subsystem].madeBy(key)
    return server === undefined ? none : only(withinServer(state, form.subsystem, server))
  }
  for (const { topic, subsystem } of [httpGroup, streamGroup]) {
    if (!key.startsWith(topic)) continue
    const { upstream_name: name } = JSON.parse(text) as GroupBody
    const places = withinPlace(state, { steps: [[subsystem]], target: ['upstream', name.trim()] })
    return only([...places, ...changeKeys(state, subsystem, name.trim())])
  }
  if (key.startsWith(revocationList.topic)) return ofRevocationList(state, JSON.parse(text))
  return key.startsWith(httpLocation.topic) ? only(ofLocation(state, JSON.parse(text))) : none
}

function only(within: readonly string[]): Dependents {
  return { within, beside: [] }
}

function ofPlace(state: DynamicState, key: string, place: CanonicalPlace): Dependents {
  const { steps, target } = place
  if (isServerStep(target)) {
    const server = findServer(state, steps, target)
    if (server === undefined) return only(state.places.of(key))
    const within = withinServer(state, requireSubsystem(steps), server)
    const maker =
      server.instruction === undefined || server.instruction === key ? [] : [server.instruction]
    return { within, beside: maker }
  }
  const within = [...state.places.of(key), ...membersAt(state, steps, target)]
  const owner = steps.at(-1)
  if (owner === undefined) return only(within)
  if (!isServerStep(owner)) {
    const keys = [...groupKeys(steps, target), ...membersBeside(state, steps, target)]
    return { within, beside: present(state, keys) }
  }
  const server = findServer(state, steps.slice(0, -1), owner)
  if (server === undefined) return only(within)
  const keys = keysBeside(requireSubsystem(steps.slice(0, -1)), server, target)
  return { within, beside: present(state, keys) }
}

/** Instructions of other kinds that add to the same directives of a server. */
function keysBeside(
  subsystem: SubsystemName,
  server: IndexedServer,
  [name, ...args]: BlockStep,
): readonly string[] {
  switch (name) {
    case 'ssl_certificate':
    case 'ssl_certificate_key':
      return certificateKeys(subsystem, server)
    case 'ssl_crl':
      return [revocationListKey(server)]
    case 'location': {
      const part = server.parts.get(partKey(args))
      return part === undefined ? [] : [part.instruction]
    }
    default:
      return []
  }
}

function groupKeys([step]: CanonicalPlace['steps'], [name, group]: BlockStep): readonly string[] {
  const [subsystem] = step as BlockStep
  if (name !== 'upstream' || group === undefined) return []
  if (subsystem === 'http') return [httpGroup.keyOf(group)]
  return subsystem === 'stream' ? [streamGroup.keyOf(group)] : []
}

/** Changes of a group that stands at the place: of its members, of its checks. */
function membersAt(
  state: DynamicState,
  [step]: CanonicalPlace['steps'],
  [name, group]: BlockStep,
  keysOf: typeof changeKeys = changeKeys,
): readonly string[] {
  if (name !== 'upstream' || group === undefined || step === undefined) return []
  const [subsystem] = step as BlockStep
  return subsystem === 'http' || subsystem === 'stream' ? keysOf(state, subsystem, group) : []
}

/** Changes of members or checks of the group around, where the place is that of its servers or checks. */
function membersBeside(
  state: DynamicState,
  steps: CanonicalPlace['steps'],
  [name]: BlockStep,
): readonly string[] {
  const group = steps.at(-1)
  const keysOf = keysBySetting[name]
  if (keysOf === undefined || group === undefined || isServerStep(group)) return []
  return membersAt(state, steps.slice(0, -1), group, keysOf)
}

/** Kinds of instructions that add to directives of a group. */
const keysBySetting: Readonly<Record<string, typeof changeKeys>> = {
  server: memberKeys,
  state: memberKeys,
  health_check: checkKeys,
}

function changeKeys(
  state: DynamicState,
  subsystem: SubsystemName,
  group: string,
): readonly string[] {
  return [...memberKeys(state, subsystem, group), ...checkKeys(state, subsystem, group)]
}

function checkKeys(
  { instructions }: DynamicState,
  subsystem: SubsystemName,
  group: string,
): readonly string[] {
  return healthCheckKeys(instructions, subsystem, group)
}

function memberKeys(
  { members }: DynamicState,
  subsystem: SubsystemName,
  group: string,
): readonly string[] {
  return members.of((subsystem === 'http' ? httpMember : streamMember).prefixOf(group))
}

function withinServer(
  state: DynamicState,
  subsystem: SubsystemName,
  server: IndexedServer,
): readonly string[] {
  const changes = overridesOf(state, subsystem, server).map(({ key }) => key)
  return [...new Set([...changes, ...placesWithin(state, subsystem, server)])]
}

/** Places within a server, whatever they call it. */
export function placesWithin(
  state: DynamicState,
  subsystem: SubsystemName,
  server: IndexedServer,
): readonly string[] {
  return serverSteps(server).flatMap((target) =>
    withinPlace(state, { steps: [[subsystem]], target }),
  )
}

function ofLocation(state: DynamicState, body: LocationBody): readonly string[] {
  try {
    const target: BlockStep = ['location', ...argsOf(body.locations[0])]
    const server = findHttpServer(state.http, body)
    return serverSteps(server).flatMap((step) =>
      withinPlace(state, { steps: [['http'], step], target }),
    )
  } catch (error) {
    // A location for which there is no room has nothing within it.
    if (error instanceof Refusal) return []
    throw error
  }
}

/** Whoever sets the list last sets it alone. */
function ofRevocationList(state: DynamicState, body: RevocationListBody): Dependents {
  try {
    const { subsystem, server } = findOwner(state, body)
    const beside = serverSteps(server).map((step) =>
      placeKey({ steps: [[subsystem], step], target: 'ssl_crl' }),
    )
    return { within: [], beside: present(state, beside) }
  } catch (error) {
    if (error instanceof Refusal) return none
    throw error
  }
}

function withinPlace({ places }: DynamicState, place: Place): readonly string[] {
  return places.of(placeKey(place))
}

function present({ instructions }: DynamicState, keys: readonly string[]): readonly string[] {
  return keys.filter((key) => instructions.has(key))
}
