/** Servers and locations as declarative documents name them, and how they are found in the tree. */
import { directives, findDirective } from '../../conf/block.ts'
import { ConfError } from '../../conf/diagnostics.ts'
import type { Directive } from '../../conf/tree.ts'
import { joinWords, splitWords } from '../../conf/words.ts'
import { settingsOf } from '../../core/scope.ts'
import type { DynamicState } from '../dynamic-state.ts'
import { findLocation } from '../instructions/http-location.ts'
import { addressOfListen, listenAddrPort, usualAddress } from '../listen-address.ts'
import { type PlaceStep, serverStep } from '../place.ts'
import { findAddressed, type ServerAddress } from '../server-address.ts'
import type { SubsystemName } from '../server-index.ts'
import { Surroundings } from './surroundings.ts'

/** A block that was found, with what leads to it. */
export interface FoundBlock {
  readonly steps: readonly PlaceStep[]
  readonly at: Surroundings
}

/** How a server is addressed in a dump. */
export function describeServer({ block }: Directive, subsystem: SubsystemName): ServerAddress {
  const settings = settingsOf(block!)
  const listens = settings.flatMap((node) => {
    const address = node.name === 'listen' ? addressOfListen(node) : undefined
    return address === undefined ? [] : [listenAddrPort(address)]
  })
  const names = settings.flatMap(({ name, args }) => (name === 'server_name' ? args : []))
  const usual = subsystem === 'http' ? [listenAddrPort(usualAddress)] : []
  return {
    listens: listens.length > 0 ? listens : usual,
    serverNames: names.length > 0 ? names : [''],
  }
}

/** A location as documents name it: `/x`, `= /x`, `~* \.php$`, `( $arg_v = 2 )`. */
export function locationName({ args }: Directive): string {
  return joinWords(args)
}

/** Servers of a subsystem, in the order of the configuration. */
export function* serversIn(
  { tree }: DynamicState,
  subsystem: SubsystemName,
): Generator<Surroundings, void, undefined> {
  const node = findDirective(tree.block, subsystem)
  if (node?.block === undefined) return
  const around = new Surroundings(node)
  for (const server of directives(node.block)) {
    if (server.name === 'server' && server.block !== undefined) {
      yield new Surroundings(server, around)
    }
  }
}

export function* locationsIn(at: Surroundings): Generator<Surroundings, void, undefined> {
  for (const node of directives(at.node.block!)) {
    if (node.name === 'location' && node.block !== undefined) yield new Surroundings(node, at)
  }
}

/** The server that a document addresses; `undefined` where there is none. */
export function findServer(
  state: DynamicState,
  subsystem: SubsystemName,
  address: ServerAddress,
): FoundBlock | undefined {
  const server = findAddressed(state[subsystem], address)
  const outer = findDirective(state.tree.block, subsystem)
  if (server === undefined || outer === undefined) return undefined
  return {
    steps: [[subsystem], serverStep(server)],
    at: new Surroundings(server.node, new Surroundings(outer)),
  }
}

/** The location of that name in a block; `undefined` where none is, or the name says nothing. */
export function findLocationIn(found: FoundBlock, name: string): FoundBlock | undefined {
  try {
    const node = findLocation(found.at.node, splitWords(name.trim()))
    if (node === undefined) return undefined
    const at = new Surroundings(node, found.at)
    return { steps: [...found.steps, ['location', ...node.args]], at }
  } catch (error) {
    if (error instanceof ConfError) return undefined
    throw error
  }
}
