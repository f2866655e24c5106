/**
 * What stands at a place of the tree: `/dyn/config/…`.
 *
 * ```text
 *   {"place":{"steps":[["http"],{"server":"0.0.0.0:80","name":"a"}],"target":["location","/x"]},
 *    "text":"location /x { expires 1h; }"}
 * ```
 *
 * The directives of the text come where the first of those stood that they take the place of, or last in
 * the block. What stood there is kept aside, and comes back when the instruction goes.
 */
import {
  type Block,
  blockOf,
  directives,
  findDirective,
  handOn,
  indexOfDirective,
  indexOfHeir,
  itemAt,
  splice,
} from '../../conf/block.ts'
import { formatDiagnostic } from '../../conf/diagnostics.ts'
import { configurationFromText } from '../../conf/includes.ts'
import { reconcile } from '../../conf/reconcile.ts'
import { slotOf, standingIn } from '../../conf/standing.ts'
import { directive, type Directive, opensBlock, withBlock } from '../../conf/tree.ts'
import type { PersistentMap } from '../../core/persistent-map.ts'
import type { Applied, Displaced, InstructionKind, Outcome, Transition } from '../instruction.ts'
import { listenKey } from '../listen-address.ts'
import {
  addressOf,
  type CanonicalPlace,
  formatPlace,
  isServerStep,
  ownersOf,
  placesAround,
  type PlaceBody,
  placeTopic,
  requireSubsystem,
  type ServerStep,
  slotOfStep,
} from '../place.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import { type IndexedServer, ServerIndex, type SubsystemName } from '../server-index.ts'
import { replaceServerNode, updateSubsystem } from '../server-tree.ts'
import { locationRow, partKey } from './http-location.ts'

export const place: InstructionKind = {
  topic: placeTopic,
  apply: (transition) => {
    const { place: at } = (transition.after ?? transition.before) as PlaceBody
    return isServerStep(at.target)
      ? setServer(transition, at, at.target)
      : setDirectives(transition, at)
  },
  rowOf: (body) => {
    const { steps, target } = (body as PlaceBody).place
    if (isServerStep(target) || target[0] !== 'location') return undefined
    return locationRow(steps, target.slice(1))
  },
  identify: (body) => ({ place: (body as PlaceBody).place }),
}

function setDirectives(transition: Transition, at: CanonicalPlace): Outcome {
  refuseRoot(transition, at)
  const owners = ownersOf(transition, at.steps)
  if (owners === undefined) fail(`there is no ${formatPlace(aroundOf(at))}`)
  const owner = owners.at(-1)!
  const slot = slotOfStep(at.target as Exclude<typeof at.target, ServerStep>)
  const now = standingIn(owner.block!, slot)
  const { aside, text } = begin(transition, at, { block: owner.block!, nodes: now })
  refuseMade(transition, at, now)
  const block =
    text === undefined
      ? putBack(owner.block!, now, aside)
      : put(owner.block!, now, {
          aside,
          nodes: adopt(read(text, slot, transition.key), now, aside),
        })
  const applied = withOwner(transition, owners, { at, node: withBlock(owner, block) })
  return { ...withIndex(applied, at), displaced: end(transition, aside) }
}

function setServer(transition: Transition, at: CanonicalPlace, step: ServerStep): Outcome {
  const subsystem = requireSubsystem(at.steps)
  const { tree, [subsystem]: index, base, key } = transition
  if (!index.hasBlock) fail(`there is no ${subsystem}`)
  const address = addressOf(step.server)
  const found = index.find(address, step.name)
  // What another instruction made stays: where nothing is to stand, it came later.
  const isForeign = found?.instruction !== undefined && found.instruction !== key
  const current = isForeign ? undefined : found
  if (current !== undefined) refuseParts(current)
  const now = current === undefined ? [] : [current.node]
  const { aside, text } = begin(transition, at, { block: blockAt(tree, subsystem), nodes: now })
  const nodes = text === undefined ? aside.nodes : adopt(read(text, 'server', key), now, aside)
  if (nodes.length > 1) fail(`${formatPlace(at)} is one server`)
  if (isForeign && nodes.length > 0) madeBy(found.instruction)
  const isFixed = base[subsystem].find(address, step.name) !== undefined
  let next = current === undefined ? index : index.remove(current)
  for (const node of nodes) {
    if (text !== undefined) checkServer(next, next.describe(node), at)
    next = next.add(node, isFixed ? undefined : key)
  }
  const applied = {
    tree: updateSubsystem(tree, subsystem, (block) => put(block, now, { aside, nodes })),
    http: transition.http,
    stream: transition.stream,
    [subsystem]: next,
  }
  return { ...applied, displaced: end(transition, aside) }
}

/** What is kept aside, and the text to come; `undefined` for what there was before. */
function begin(
  transition: Transition,
  { steps }: CanonicalPlace,
  found: Displaced,
): { readonly aside: Displaced; readonly text: string | undefined } {
  const { before, after, displaced, key } = transition
  const known = before === undefined ? undefined : displaced.get(key)
  const aside = known ?? { ...found, block: wholeBlock(transition, steps, found) }
  return { aside, text: (after as PlaceBody | undefined)?.text }
}

/**
 * The block as it was before any place in it was set: that tells where things belong, whatever else has gone
 * meanwhile.
 */
function wholeBlock(
  { base, key, bodyOf, places, displaced }: Transition,
  steps: CanonicalPlace['steps'],
  { block, nodes }: Displaced,
): Block {
  const around = placesAround(key)
  const isFixed = around.every((other) => bodyOf(other) === undefined)
  const earlier = isFixed
    ? [ownersOf(base, steps)?.at(-1)?.block]
    : places.of(around[0]!).map((other) => displaced.get(other)?.block)
  let whole = block
  for (const one of earlier) {
    if (one === undefined || (!isFixed && one.size <= whole.size)) continue
    if (nodes.every((node) => indexOfHeir(one, node) >= 0)) whole = one
  }
  return whole
}

function end({ after, displaced, key }: Transition, aside: Displaced): PersistentMap<Displaced> {
  return after === undefined ? displaced.delete(key) : displaced.set(key, aside)
}

/** The text's directives, which must all be of the place. */
function read(text: string, slot: string, file: string): readonly Directive[] {
  const { main, diagnostics } = configurationFromText(text, file)
  const [first] = diagnostics
  if (first !== undefined) fail(formatDiagnostic(first))
  const nodes = [...directives(main.block!)]
  const stray = nodes.find((node) => slotOf(node) !== slot)
  if (stray !== undefined) fail(`"${[stray.name, ...stray.args].join(' ')}" stands elsewhere`)
  return nodes
}

/**
 * The same directives, by the nodes that say the same already wherever there are such. Lines of a list are
 * new ones: they may have changed places, and others are found by where these stood.
 */
function adopt(
  fresh: readonly Directive[],
  now: readonly Directive[],
  { nodes }: Displaced,
): readonly Directive[] {
  if (!fresh.some(opensBlock)) return fresh
  const known = [...new Set([...now, ...nodes])]
  const adopted = reconcile(asMain(known), asMain(fresh))
  return [...directives(adopted.block!)]
}

function asMain(nodes: readonly Directive[]): Directive {
  return directive('main', [], blockOf(nodes))
}

interface Exchange {
  readonly aside: Displaced
  readonly nodes: readonly Directive[]
}

/**
 * A block with other directives in place of those that stand there now. Those that come by instruction alone
 * stand last, by age, as they would if the instructions were put on the files anew.
 */
function put(block: Block, now: readonly Directive[], { aside, nodes }: Exchange): Block {
  const [lost] = aside.nodes
  const [kept] = now
  let rest = block
  for (const node of now) {
    if (node !== kept) rest = splice(rest, indexOfDirective(rest, node), 1, [])
  }
  const heir = kept ?? lost
  // So that it is found by those that stood beside it.
  if (heir !== undefined && nodes[0] !== undefined) handOn(heir, nodes[0])
  if (kept !== undefined) return splice(rest, indexOfDirective(rest, kept), 1, nodes)
  const position = lost === undefined ? rest.size : positionOfLost(rest, lost, aside.block)
  return splice(rest, position, 0, nodes)
}

/** A block with all that was kept aside, each where it stood. */
function putBack(block: Block, now: readonly Directive[], aside: Displaced): Block {
  const [first, ...others] = aside.nodes
  let rest = put(block, now, { aside, nodes: first === undefined ? [] : [first] })
  let before = first
  for (const node of others) {
    // Others may have come and gone around them: their own order is kept in any case.
    const lost = positionOfLost(rest, node, aside.block)
    rest = splice(rest, Math.max(lost, indexOfDirective(rest, before!) + 1), 0, [node])
    before = node
  }
  return rest
}

/** Where a directive belongs that stood in another version of the block: behind what stood before it. */
function positionOfLost(block: Block, lost: Directive, was: Block): number {
  for (let i = indexOfHeir(was, lost) - 1; i >= 0; i--) {
    const position = indexOfHeir(block, itemAt(was, i))
    if (position >= 0) return position + 1
  }
  return 0
}

interface NewOwner {
  readonly at: CanonicalPlace
  /** What the innermost of the owners becomes. */
  readonly node: Directive
}

/** The tree with another innermost block, and the index of servers that goes with it. */
function withOwner(
  applied: Applied,
  owners: readonly Directive[],
  { at, node }: NewOwner,
): Applied {
  const { http, stream } = applied
  let inner = node
  for (let depth = owners.length - 1; depth > 0; depth--) {
    const step = at.steps[depth - 1]!
    if (isServerStep(step)) {
      const subsystem = requireSubsystem(at.steps.slice(0, depth - 1))
      const server = applied[subsystem].find(addressOf(step.server), step.name)!
      const parts = partsAfter(server, owners[depth + 1], at, inner)
      return replaceServerNode(applied, subsystem, { server, node: inner, parts })
    }
    const outer = owners[depth - 1]!
    const position = indexOfDirective(outer.block!, owners[depth]!)
    inner = withBlock(outer, splice(outer.block!, position, 1, [inner]))
  }
  return { tree: inner, http, stream }
}

/** What instructions put into the server, where one of these has changed within. */
function partsAfter(
  server: IndexedServer,
  child: Directive | undefined,
  { steps }: CanonicalPlace,
  node: Directive,
): IndexedServer['parts'] {
  if (child?.name !== 'location') return server.parts
  const key = partKey(child.args)
  const part = server.parts.get(key)
  if (part === undefined || part.node !== child) return server.parts
  const [, , step] = steps
  const next = step && !isServerStep(step) && standingIn(node.block!, slotOfStep(step))[0]
  return next ? server.parts.set(key, { ...part, node: next }) : server.parts
}

/** A subsystem's block that came or went brings its index along. */
function withIndex(applied: Applied, { steps, target }: CanonicalPlace): Applied {
  const name = steps.length === 0 && !isServerStep(target) ? target[0] : undefined
  if (name !== 'http' && name !== 'stream') return applied
  return { ...applied, [name]: ServerIndex.of(applied.tree, name) }
}

function blockAt(tree: Directive, subsystem: SubsystemName): Block {
  return findDirective(tree.block, subsystem)!.block!
}

/** What is too large, or found by what it is, is not set as a whole. */
function refuseRoot({ base }: Transition, { steps, target }: CanonicalPlace): void {
  if (isServerStep(target)) return
  const [name] = target
  const owner = steps.at(-1)
  if (owner !== undefined && isServerStep(owner) && (name === 'listen' || name === 'server_name')) {
    fail(`"${name}" is what the server is found by: set the whole server`)
  }
  const inSubsystem = steps.length === 1 && owner && !isServerStep(owner) && isSubsystem(owner[0])
  if (inSubsystem && name === 'server') fail('a server is named by its address and name')
  if (steps.length === 0 && atStartOnly.has(name)) {
    fail(`"${name}" is taken from the files: change it there and reload`)
  }
  if (steps.length === 0 && isSubsystem(name) && findDirective(base.tree.block, name)) {
    fail(`"${name}" stands in the files: set what is in it`)
  }
}

/** What processes are made by, before they can be asked. */
const atStartOnly: ReadonlySet<string> = new Set([
  'daemon',
  'master_process',
  'lock_file',
  'user',
  'working_directory',
  'load_module',
  'cluster_name',
  'node_name',
  'privileged_agent',
  'helper',
])

function isSubsystem(name: string): boolean {
  return name === 'http' || name === 'stream'
}

/** What another instruction made goes with that. */
function refuseParts({ parts }: IndexedServer): void {
  for (const part of parts.values()) madeBy(part.instruction)
}

function refuseMade(applied: Applied, { steps }: CanonicalPlace, now: readonly Directive[]): void {
  const owner = steps.at(-1)
  if (owner === undefined || !isServerStep(owner) || now[0]?.name !== 'location') return
  const server = applied[requireSubsystem(steps.slice(0, -1))].find(
    addressOf(owner.server),
    owner.name,
  )
  const part = server?.parts.get(partKey(now[0].args))
  if (part !== undefined && now.includes(part.node)) madeBy(part.instruction)
}

function madeBy(instruction: string): never {
  throw new Refusal(replyCodes.notAllowed, `"${instruction}" has made it`)
}

/** It must be found where it was put, and nobody else there or anywhere that it names. */
function checkServer(free: ServerIndex, server: IndexedServer, at: CanonicalPlace): void {
  const step = at.target as ServerStep
  const { addresses, names } = server
  const key = listenKey(addressOf(step.server))
  if (!names.includes(step.name) || addresses.every((address) => listenKey(address) !== key)) {
    fail(`the server in the text is not ${formatPlace(at)}`)
  }
  for (const address of addresses) {
    const taken = names.find((name) => free.find(address, name) !== undefined)
    if (taken === undefined) continue
    const msg = `another server has the name "${taken}" on ${listenKey(address)}`
    throw new Refusal(replyCodes.notAllowed, msg)
  }
}

function aroundOf({ steps }: CanonicalPlace): CanonicalPlace {
  return { steps: steps.slice(0, -1), target: steps.at(-1)! }
}

function fail(msg: string): never {
  throw new Refusal(replyCodes.failure, msg)
}
