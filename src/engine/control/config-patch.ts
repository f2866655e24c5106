/**
 * Operations of the general door on a draft: directives are added to a block, replaced, or removed.
 *
 * ```text
 *   add      /http/server[80 a]              location /x { … }      nothing like it may stand there
 *   replace  /http/server[80 a]/expires      expires 1h;            something must stand there
 *   remove   /http/upstream[b]/server[10.0.0.1:80]
 * ```
 */
import { blockOf, directives, indexOfDirective, itemAt } from '../conf/block.ts'
import { formatDiagnostic } from '../conf/diagnostics.ts'
import { configurationFromText } from '../conf/includes.ts'
import { fromJson, JsonConfError } from '../conf/json.ts'
import { slotOf } from '../conf/standing.ts'
import { type Directive, opensBlock, withBlock } from '../conf/tree.ts'
import { parseConfigPath } from './config-path.ts'
import { DoorFault } from './door-fault.ts'
import { type Draft, textOf } from './draft.ts'
import type { DynamicState } from './dynamic-state.ts'
import { namesInOrder } from './order.ts'
import {
  type BlockStep,
  findServer,
  formatPlace,
  isServerBlock,
  isServerStep,
  ownersOf,
  type Place,
  type PlaceStep,
  requireSubsystem,
  type ServerStep,
  serverStep,
  slotOfStep,
  standing,
} from './place.ts'
import type { IndexedServer } from './server-index.ts'

export interface Operation {
  readonly op: 'add' | 'replace' | 'remove'
  readonly path: readonly PlaceStep[]
  /** Empty for `remove`. */
  readonly nodes: readonly Directive[]
}

/** Throws `DoorFault` for a list that is none of operations. */
export function parseOperations(value: unknown): readonly Operation[] {
  if (!Array.isArray(value)) throw new DoorFault(400, 'a list of operations is expected')
  return value.map((item, i) => parseOperation(item, `operation ${i + 1}`))
}

/** Directives of a text, or of a JSON mapping. `name` stands for the file in messages. */
export function parseDirectives(value: unknown, name: string): readonly Directive[] {
  if (typeof value === 'string') {
    const { main, diagnostics } = configurationFromText(value, name)
    const texts = diagnostics.map(formatDiagnostic)
    if (texts.length > 0) throw new DoorFault(400, texts[0]!, texts)
    return [...directives(main.block!)]
  }
  try {
    return [...directives(fromJson(value).block!)]
  } catch (error) {
    if (error instanceof JsonConfError) throw new DoorFault(400, `${name}: ${error.message}`)
    throw error
  }
}

export function applyOperation(draft: Draft, { op, path, nodes }: Operation): void {
  if (op === 'add') {
    addTo(draft, resolve(draft.state, path), nodes)
    return
  }
  const target = path.at(-1)
  if (target === undefined) throw new DoorFault(400, 'the root is replaced by PUT')
  const steps = resolve(draft.state, path.slice(0, -1))
  exchange(draft, { steps, target }, nodes)
}

/** What stands at the end of a path; throws `DoorFault` where that is nothing. */
export function meantBy(state: DynamicState, path: readonly PlaceStep[]): readonly Directive[] {
  const steps = resolve(state, path.slice(0, -1))
  if (ownersOf(state, steps) === undefined) throw missing(steps)
  const { meant } = select(state, { steps, target: path.at(-1)! })
  if (meant.length === 0) throw missing(path)
  return meant.map((node) => state.inOrder(node))
}

/** Adds directives to the block that the steps lead to. */
export function addTo(
  draft: Draft,
  steps: readonly PlaceStep[],
  nodes: readonly Directive[],
): void {
  if (ownersOf(draft.state, steps) === undefined) throw missing(steps)
  for (const node of nodes) {
    const place = placeOf(draft.state, steps, node)
    const known = standing(draft.state, place)
    if (opensBlock(node) && known.length > 0) {
      throw new DoorFault(409, `${formatPlace(place)} stands already`)
    }
    setAt(draft, place, [...known, node])
  }
}

/** Makes other directives stand where some stand; those that belong elsewhere in the block come there. */
function exchange(draft: Draft, at: Place, nodes: readonly Directive[]): void {
  const { steps } = at
  if (ownersOf(draft.state, steps) === undefined) throw missing(steps)
  const { place, all, meant } = select(draft.state, at)
  if (meant.length === 0) throw missing([...steps, targetOf(at)])
  keepingPlace(draft, steps, meant, () => exchangeMeant(draft, { place, all, meant }, nodes))
}

function exchangeMeant(
  draft: Draft,
  { place, all, meant }: Selection,
  nodes: readonly Directive[],
): void {
  const { steps } = place
  const slot = slotOf(meant[0]!)
  const here = nodes.filter((node) => slotOf(node) === slot && isSame(draft.state, place, node))
  const first = meant[0]
  const next = all.flatMap((node) => {
    if (!meant.includes(node)) return [node]
    return node === first ? here : []
  })
  setAt(draft, place, next)
  const others = nodes.filter((node) => !here.includes(node))
  if (others.length > 0) addTo(draft, steps, others)
}

interface Selection {
  readonly place: Place
  /** All that stands there. */
  readonly all: readonly Directive[]
  /** Those of it that the path means. */
  readonly meant: readonly Directive[]
}

/** A block by all its arguments, or simple directives by their first ones. */
function select(state: DynamicState, at: Place): Selection {
  const target = targetOf(at)
  if (isServerStep(target)) {
    const server = findServer(state, at.steps, target)
    const place = { ...at, target: server === undefined ? target : serverStep(server) }
    const all = server === undefined ? [] : [server.node]
    return { place, all, meant: all }
  }
  const blocks = standing(state, { ...at, target })
  if (blocks.length > 0) return { place: { ...at, target }, all: blocks, meant: blocks }
  const [name, ...args] = target
  const place = { ...at, target: name }
  const all = standing(state, place).filter((node) => !opensBlock(node))
  return { place, all, meant: all.filter((node) => args.every((arg, i) => node.args[i] === arg)) }
}

/** Sets a place; what a server is found by is set with the whole server. */
export function setAt(draft: Draft, place: Place, nodes: readonly Directive[]): void {
  const owner = place.steps.at(-1)
  const target = targetOf(place)
  const names = !isServerStep(target) && (target[0] === 'listen' || target[0] === 'server_name')
  if (!names || owner === undefined || !isServerStep(owner)) {
    draft.set(place, nodes)
    return
  }
  const steps = place.steps.slice(0, -1)
  if (textOf(standing(draft.state, place)) === textOf(nodes)) return
  const server = draft.state.inOrder(findServer(draft.state, steps, owner)!.node)
  const others = [...directives(server.block!)].filter(({ name }) => name !== target[0])
  setServer(draft, { steps, target: owner }, withBlock(server, blockOf([...nodes, ...others])))
}

/** Sets a whole server in place of one, which may listen and be called otherwise. */
export function setServer(
  draft: Draft,
  place: Place & { readonly target: ServerStep },
  node: Directive,
): void {
  const { state } = draft
  const next = describe(state, place.steps, node)
  if (isSame(state, place, node)) draft.set(place, [node])
  else {
    keepingPlace(draft, place.steps, standing(state, place), () => {
      draft.set(place, [])
      addTo(draft, place.steps, [next.node])
    })
  }
}

/**
 * Has what comes in the place of a block stand where that stood, though it may be called otherwise now, or
 * be another instruction's.
 */
function keepingPlace(
  draft: Draft,
  steps: readonly PlaceStep[],
  [node, ...others]: readonly Directive[],
  write: () => void,
): void {
  const { state } = draft
  write()
  if (node === undefined || others.length > 0 || !opensBlock(node)) return
  const owner = ownersOf(state.unordered, steps)!.at(-1)!
  const next = ownersOf(draft.state.unordered, steps)!.at(-1)!
  const position = indexOfDirective(owner.block!, node)
  if (next.block!.size === owner.block!.size && position >= 0) {
    const found = itemAt(next.block!, position)
    if (samePlace(state, steps, [node, found])) return
  }
  const before = namesInOrder(state, steps)
  const after = namesInOrder(draft.state, steps)
  const left = new Set(after)
  const gone = before.filter((name) => !left.has(name))
  const known = new Set(before)
  const fresh = after.filter((name) => !known.has(name))
  const wanted = before.flatMap((name) => {
    if (name === gone[0]) return fresh
    return left.has(name) ? [name] : []
  })
  draft.arrange(steps, gone.length === 0 ? [...wanted, ...fresh] : wanted)
}

/** True when both stand at the same place, the one before and the one after. */
function samePlace(
  state: DynamicState,
  steps: readonly PlaceStep[],
  nodes: readonly [Directive, Directive],
): boolean {
  const [a, b] = nodes.map((node) => formatPlace(placeOf(state, steps, node)))
  return a === b
}

/** The place where a directive of that block stands. */
export function placeOf(state: DynamicState, steps: readonly PlaceStep[], node: Directive): Place {
  if (isServerBlock(steps, node)) {
    return { steps, target: serverStep(describe(state, steps, node)) }
  }
  const target: BlockStep = opensBlock(node) ? [node.name, ...node.args] : [node.name]
  return { steps, target }
}

/** True when the directive may stand at the place: a server must be found there. */
function isSame(state: DynamicState, place: Place, node: Directive): boolean {
  const target = targetOf(place)
  if (!isServerStep(target)) return slotOfStep(target) === slotOf(node)
  const own = serverStep(describe(state, place.steps, node))
  const all = describe(state, place.steps, node)
  return (
    all.names.includes(target.name) && (own.server === target.server || hasAddress(all, target))
  )
}

function hasAddress(server: IndexedServer, { server: text }: ServerStep): boolean {
  return server.addresses.some(
    (address) => serverStep({ ...server, addresses: [address] }).server === text,
  )
}

function describe(
  state: DynamicState,
  steps: readonly PlaceStep[],
  node: Directive,
): IndexedServer {
  const server = state[requireSubsystem(steps)].describe(node)
  if (server.addresses.length === 0) throw new DoorFault(422, 'the server listens nowhere')
  return server
}

/** Servers on the way by the name that all places of theirs have. */
export function resolve(state: DynamicState, steps: readonly PlaceStep[]): readonly PlaceStep[] {
  return steps.map((step, depth) => {
    if (!isServerStep(step)) return step
    const server = findServer(state, steps.slice(0, depth), step)
    return server === undefined ? step : serverStep(server)
  })
}

function targetOf({ target }: Place): PlaceStep {
  return typeof target === 'string' ? [target] : target
}

function missing(steps: readonly PlaceStep[]): DoorFault {
  const target = steps.at(-1)
  const what = target === undefined ? 'main' : formatPlace({ steps: steps.slice(0, -1), target })
  const isNameless = steps.some((step) => isServerStep(step) && step.name === '')
  const hint = isNameless
    ? '; a server is meant by an address and a name of it: server[80 name]'
    : ''
  return new DoorFault(404, `there is no ${what}${hint}`)
}

function parseOperation(value: unknown, name: string): Operation {
  const { op, path, value: content, ...others } = (value ?? {}) as Record<string, unknown>
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw new DoorFault(400, `${name}: unknown field "${unknown}"`)
  if (op !== 'add' && op !== 'replace' && op !== 'remove') {
    throw new DoorFault(400, `${name}: "op" is add, replace or remove`)
  }
  const steps = parseConfigPath(path)
  if (op === 'remove') {
    if (content !== undefined) throw new DoorFault(400, `${name}: "remove" takes no value`)
    return { op, path: steps, nodes: [] }
  }
  const nodes = parseDirectives(content, name)
  if (nodes.length === 0) throw new DoorFault(400, `${name}: "value" holds no directive`)
  return { op, path: steps, nodes }
}
