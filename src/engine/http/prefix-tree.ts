/**
 * A radix tree of the prefixes of locations.
 *
 * ```text
 *   "" ─ "/" ┬ "api/" ┬ "users"        location /api/users
 *            │        └ "orders/"      location /api/orders/
 *            └ "static/"
 * ```
 *
 * A tree under construction is changed in place; one that is in force is copied along the way to the change.
 */
import { duplicate, type Location } from './location.ts'

export interface PrefixTree {
  /** Characters on the way from the parent. */
  text: string
  location: Location | undefined
  /** By their first characters; `undefined` where nothing is longer. */
  children: Map<number, PrefixTree> | undefined
}

export function emptyPrefixTree(): PrefixTree {
  return { text: '', location: undefined, children: undefined }
}

/** The tree with that location; throws `ConfError` where one of the same prefix stands. `owned`: nobody else has it. */
export function withPrefix(
  tree: PrefixTree,
  text: string,
  location: Location,
  owned: boolean,
): PrefixTree {
  const node = owned ? tree : copyOf(tree)
  if (text === '') {
    if (node.location !== undefined) duplicate(location.pattern!.text)
    node.location = location
    return node
  }
  const first = text.charCodeAt(0)
  const children = (node.children ??= new Map())
  const child = children.get(first)
  if (child === undefined) {
    children.set(first, { text, location, children: undefined })
    return node
  }
  const shared = sharedLength(child.text, text)
  const whole = shared === child.text.length
  const next = whole ? child : cut(child, shared)
  children.set(first, withPrefix(next, text.slice(shared), location, owned || !whole))
  return node
}

/** A copy of the tree without the location of that prefix. */
export function withoutPrefix(tree: PrefixTree, text: string): PrefixTree {
  const node = copyOf(tree)
  if (text === '') {
    node.location = undefined
    return node
  }
  const first = text.charCodeAt(0)
  const child = node.children?.get(first)
  if (child === undefined || !text.startsWith(child.text)) return node
  const next = shortened(withoutPrefix(child, text.slice(child.text.length)))
  if (next === undefined) node.children!.delete(first)
  else node.children!.set(first, next)
  return node
}

/** The location of exactly that prefix. */
export function prefixAt(tree: PrefixTree, text: string): Location | undefined {
  const longest = longestPrefix(tree, text)
  return longest?.pattern!.text === text ? longest : undefined
}

/** The location of the longest prefix of a path. */
export function longestPrefix(tree: PrefixTree, path: string): Location | undefined {
  let node = tree
  let best = tree.location
  let at = 0
  while (at < path.length) {
    const child = node.children?.get(path.charCodeAt(at))
    if (child === undefined || !path.startsWith(child.text, at)) return best
    at += child.text.length
    best = child.location ?? best
    node = child
  }
  return best
}

export function* prefixesIn({
  location,
  children,
}: PrefixTree): Generator<Location, void, undefined> {
  if (location !== undefined) yield location
  for (const child of children?.values() ?? []) yield* prefixesIn(child)
}

/** A node that leads to nothing is left out, and one that only leads on is one with what it leads to. */
function shortened(node: PrefixTree): PrefixTree | undefined {
  if (node.location !== undefined) return node
  const [only, ...others] = node.children?.values() ?? []
  if (only === undefined) return undefined
  return others.length > 0 ? node : { ...only, text: node.text + only.text }
}

/** A node for the first characters, with what is below the others. */
function cut(node: PrefixTree, at: number): PrefixTree {
  const rest = { ...node, text: node.text.slice(at) }
  const children = new Map([[node.text.charCodeAt(at), rest]])
  return { text: node.text.slice(0, at), location: undefined, children }
}

function copyOf({ text, location, children }: PrefixTree): PrefixTree {
  return { text, location, children: children && new Map(children) }
}

function sharedLength(a: string, b: string): number {
  let length = 0
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return length
}
