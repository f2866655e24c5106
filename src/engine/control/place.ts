/**
 * Places: what declarative interfaces set, named by the way from the root of the tree down to it.
 *
 * ```text
 *   http {                                      steps                            target
 *     server { listen 80; server_name a;
 *       location /x { expires 1h; }             http, server 80 a, location /x   expires
 *       location /y { … }                       http, server 80 a                location /y
 *     }
 *     upstream b { … }                          http                             upstream b
 *     server { … }                              http                             server 80 a
 *   }
 * ```
 *
 * At a place stand all simple directives of a name, or the block of that name and with those arguments. One
 * place is one instruction, whoever sets it: the last one wins.
 */
import { hash } from 'node:crypto'
import { listName, slotFor, standingIn } from '../conf/standing.ts'
import { type Directive, opensBlock } from '../conf/tree.ts'
import { joinWords } from '../conf/words.ts'
import type { Applied, Edit } from './instruction.ts'
import { listenAddrPort, type ListenAddress, parseAddrPort } from './listen-address.ts'
import { Refusal, replyCodes } from './refusal.ts'
import type { IndexedServer, SubsystemName } from './server-index.ts'

export type BlockStep = readonly [name: string, ...args: string[]]

/** A server, by an address and a name of it. */
export interface ServerStep {
  /** As `listen` says it, with " udp" behind it for datagrams. */
  readonly server: string
  /** `''` for a server that has none. */
  readonly name: string
}

/** A step down from the root: a block by its name and arguments, or a server. */
export type PlaceStep = BlockStep | ServerStep

export interface Place {
  /** The way to the block. */
  readonly steps: readonly PlaceStep[]
  /** Which of its directives: a block of it, or all simple directives of a name. */
  readonly target: PlaceStep | string
}

/** A place in the one form that compares. */
export interface CanonicalPlace extends Place {
  readonly target: PlaceStep
}

export interface PlaceBody {
  readonly place: CanonicalPlace
  /** Directives as configuration text; empty for none. */
  readonly text: string
}

export const placeTopic = '/dyn/config/'

/** Where the order of what stands in a place is told, under the same path. */
export const orderTopic = '/dyn/order/'

/** Longest part of a key that is written out; of longer ones there is a hash. */
const segmentCharsMax = 200

/** How the body of a place ends where nothing stands. */
export const emptyText = '"text":""}'

/**
 * The edit that makes `text` stand at the place. The key is the same for all who mean the same place; so
 * that they do, servers are to be named by `serverStep`.
 */
export function placeEdit(place: Place, text: string): Edit {
  const canonical = toCanonical(place)
  const body: PlaceBody = { place: canonical, text }
  return { key: keyOf(canonical), body: JSON.stringify(body) }
}

/** The edit after which the place is as if nobody had ever set it. */
export function placeRemoval(place: Place): Edit {
  return { key: placeKey(place), body: null }
}

export function placeKey(place: Place): string {
  return keyOf(toCanonical(place))
}

/** How a server is named in places: by its first address and its first name. */
export function serverStep({ addresses, names }: IndexedServer): ServerStep {
  return { server: listenAddrPort(addresses[0]!), name: names[0]! }
}

/** Every way in which places may name a server. */
export function serverSteps({ addresses, names }: IndexedServer): readonly ServerStep[] {
  return addresses.flatMap((address) =>
    names.map((name) => ({ server: listenAddrPort(address), name })),
  )
}

/** The directives that stand there now; none where there is no such block either. */
export function standing(applied: Applied, place: Place): readonly Directive[] {
  const { steps, target } = toCanonical(place)
  const owner = ownersOf(applied, steps)?.at(-1)
  if (owner === undefined) return []
  if (!isServerStep(target)) return standingIn(owner.block!, slotOfStep(target))
  const server = findServer(applied, steps, target)
  return server === undefined ? [] : [server.node]
}

export function isServerStep(step: PlaceStep): step is ServerStep {
  return 'server' in step
}

/** `http > server 0.0.0.0:80 a > location /x`, for messages. */
export function formatPlace({ steps, target }: Place): string {
  return [...steps, typeof target === 'string' ? ([target] as const) : target]
    .map((step) =>
      joinWords(isServerStep(step) ? ['server', step.server, step.name].filter(Boolean) : step),
    )
    .join(' > ')
}

export function slotOfStep([name, ...args]: BlockStep): string {
  return slotFor(name, args)
}

/** From the root to the block that the steps lead to; `undefined` where one is missing. */
export function ownersOf(
  applied: Applied,
  steps: readonly PlaceStep[],
): readonly Directive[] | undefined {
  const owners = [applied.tree]
  for (const [depth, step] of steps.entries()) {
    const owner = owners.at(-1)!
    const next = isServerStep(step)
      ? findServer(applied, steps.slice(0, depth), step)?.node
      : standingIn(owner.block!, slotOfStep(step)).find(({ block }) => block !== undefined)
    if (next === undefined) return undefined
    owners.push(next)
  }
  return owners
}

/** The server that a step means, which must be one from the block of a subsystem. */
export function findServer(
  applied: Applied,
  steps: readonly PlaceStep[],
  { server, name }: ServerStep,
): IndexedServer | undefined {
  return applied[requireSubsystem(steps)].find(addressOf(server), name)
}

/** The subsystem whose servers stand in the block that the steps lead to. */
export function requireSubsystem(steps: readonly PlaceStep[]): SubsystemName {
  const subsystem = subsystemOf(steps)
  if (subsystem !== undefined) return subsystem
  throw new Refusal(replyCodes.badParameter, 'servers stand in http and in stream only')
}

/** The same; `undefined` for another block. */
export function subsystemOf(steps: readonly PlaceStep[]): SubsystemName | undefined {
  const [step] = steps
  const name = step === undefined || isServerStep(step) || steps.length > 1 ? undefined : step[0]
  return name === 'http' || name === 'stream' ? name : undefined
}

/** True for a server of `http` or `stream` in the block that the steps lead to. */
export function isServerBlock(steps: readonly PlaceStep[], node: Directive): boolean {
  return node.name === 'server' && opensBlock(node) && subsystemOf(steps) !== undefined
}

export function addressOf(text: string): ListenAddress {
  const address = parseAddrPort(text)
  if (address !== undefined) return address
  throw new Refusal(replyCodes.badParameter, `"${text}" is no address to listen on`)
}

/** How many blocks lie around the place, for the order in which places are set. */
export function placeDepth(key: string): number {
  return key.slice(placeTopic.length).split('/').length - 1
}

/** Keys of all places that the place or the order of this key lies within; none for keys of other kinds. */
export function placesAround(key: string): readonly string[] {
  const around: string[] = []
  if (key.startsWith(orderTopic)) {
    const place = placeTopic + key.slice(orderTopic.length)
    return [place, ...placesAround(place)]
  }
  if (!key.startsWith(placeTopic)) return around
  for (
    let end = key.lastIndexOf('/');
    end >= placeTopic.length;
    end = key.lastIndexOf('/', end - 1)
  ) {
    around.push(key.slice(0, end))
  }
  return around
}

function toCanonical({ steps, target }: Place): CanonicalPlace {
  const last = typeof target === 'string' ? ([target] as const) : target
  const place = { steps: steps.map(canonicalStep), target: canonicalStep(last) }
  for (const [depth, step] of [...place.steps, place.target].entries()) {
    if (isServerStep(step)) requireSubsystem(place.steps.slice(0, depth))
  }
  return place
}

function canonicalStep(step: PlaceStep): PlaceStep {
  if (!isServerStep(step)) return step.length === 1 ? [listName(step[0])] : step
  return { server: listenAddrPort(addressOf(step.server)), name: step.name.trim().toLowerCase() }
}

function keyOf({ steps, target }: CanonicalPlace): string {
  return placeTopic + pathOf([...steps, target])
}

/** The way to a block as keys tell it. */
export function pathOf(steps: readonly PlaceStep[]): string {
  return steps.map(segmentOf).join('/')
}

/** One step of it, without blanks. */
export function segmentOf(step: PlaceStep): string {
  const text = isServerStep(step)
    ? `server@${[step.server, step.name].map(escape).join(',')}`
    : step.map(escape).join(',')
  if (text.length <= segmentCharsMax) return text
  return `${escape(isServerStep(step) ? 'server' : step[0])}~${hash('sha256', text).slice(0, 32)}`
}

/** A topic of the bus may hold neither "+", "#" nor NUL, and "/" parts it. */
function escape(word: string): string {
  return encodeURIComponent(word.toWellFormed()).replaceAll(
    /%(?:3A|3D|24|5B|5D)/g,
    decodeURIComponent,
  )
}
