/**
 * Values filed under topic filters, found by topic in time that follows the depth of the topic and not the
 * number of filters.
 *
 * ```text
 *   add('/dyn/#', a)  add('/dyn/+/x', b)       match('/dyn/7/x') = [a, b]
 *
 *   '' ── dyn ┬─ #  [a]
 *             └─ + ── x  [b]
 * ```
 */
import { isHiddenFrom } from './topic-filter.ts'

interface Node<T> {
  readonly children: Map<string, Node<T>>
  readonly values: Set<T>
}

export class TopicTree<T> {
  readonly #root: Node<T> = makeNode()

  add(filter: string, value: T): void {
    let node = this.#root
    for (const level of filter.split('/')) {
      let child = node.children.get(level)
      if (child === undefined) node.children.set(level, (child = makeNode()))
      node = child
    }
    node.values.add(value)
  }

  /** Takes the value out, and every level that holds nothing any more. */
  remove(filter: string, value: T): void {
    prune(this.#root, filter.split('/'), value)
  }

  /** All values whose filter matches, in no particular order. */
  match(topic: string): readonly T[] {
    const found: T[] = []
    collect(this.#root, topic.split('/'), 0, {
      found,
      wildcards: !isHiddenFrom('#', topic),
    })
    return found
  }
}

function makeNode<T>(): Node<T> {
  return { children: new Map(), values: new Set() }
}

/** True when nothing is left in the node. */
function prune<T>(node: Node<T>, levels: readonly string[], value: T): boolean {
  const [level, ...rest] = levels
  if (level === undefined) node.values.delete(value)
  else {
    const child = node.children.get(level)
    if (child !== undefined && prune(child, rest, value)) node.children.delete(level)
  }
  return node.values.size === 0 && node.children.size === 0
}

interface Search<T> {
  readonly found: T[]
  /** Whether wildcards count at the first level. */
  readonly wildcards: boolean
}

function collect<T>(
  node: Node<T>,
  levels: readonly string[],
  depth: number,
  search: Search<T>,
): void {
  const wildcards = depth > 0 || search.wildcards
  const rest = wildcards ? node.children.get('#') : undefined
  if (rest !== undefined) search.found.push(...rest.values)
  const level = levels[depth]
  if (level === undefined) {
    search.found.push(...node.values)
    return
  }
  const same = node.children.get(level)
  if (same !== undefined) collect(same, levels, depth + 1, search)
  const any = wildcards ? node.children.get('+') : undefined
  if (any !== undefined) collect(any, levels, depth + 1, search)
}
