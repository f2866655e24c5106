/**
 * Makes a tree that was read anew share all it can with the tree in force.
 *
 * "Is it the same object" answers "is it unchanged" everywhere in the engine, so a reload must give back
 * the old objects for whatever says the same as before. Where a directive stood and how it was written
 * does not count; the old node then keeps its old position.
 *
 * ```text
 *   in force   http ─┬ server a     read   http′ ─┬ server a′     result   http″ ─┬ server a
 *                    └ server b                   └ server c                      └ server c
 * ```
 */
import { hash } from 'node:crypto'
import { type Block, blockOf, directives } from './block.ts'
import { Note } from './block-note.ts'
import { type Stepwise, toEnd } from './stepwise.ts'
import { type Directive, withBlock } from './tree.ts'

/**
 * `next`, built from the nodes of `last` wherever they are equal; `last` itself when nothing changed. A
 * directive that is `outdated` is equal to none, nor is any block around it: what it stands for is another.
 */
export function reconcile(last: Directive, next: Directive, outdated?: Outdated): Directive {
  return toEnd(reconciling(last, next, outdated))
}

type Outdated = (node: Directive) => boolean

/** The same in steps. */
export function* reconciling(
  last: Directive,
  next: Directive,
  outdated: Outdated = () => false,
): Stepwise<Directive> {
  const changed = new Set<Directive>()
  collectOutdated(last, outdated, changed)
  return yield* reconcileNode(last, next, changed)
}

/** Directives that are outdated, and the blocks around them. */
function collectOutdated(node: Directive, outdated: Outdated, found: Set<Directive>): void {
  const before = found.size
  if (node.block !== undefined) {
    for (const child of directives(node.block)) collectOutdated(child, outdated, found)
  }
  if (found.size > before || outdated(node)) found.add(node)
}

function* reconcileNode(last: Directive, next: Directive, changed: Changed): Stepwise<Directive> {
  if (next.block === undefined || last.block === undefined) return next
  const block = yield* reconcileBlock(last.block, next.block, changed)
  return block === last.block && sameWords(last, next) ? last : withBlock(next, block)
}

type Changed = ReadonlySet<Directive>

function* reconcileBlock(last: Block, next: Block, changed: Changed): Stepwise<Block> {
  const lasts = new Map<string, Directive[]>()
  const outdated = new Map<string, Directive[]>()
  for (const node of directives(last)) {
    push(changed.has(node) ? outdated : lasts, fingerprint(node), node)
    yield
  }
  const equals: { readonly node: Directive; readonly equal: Directive | undefined }[] = []
  for (const node of directives(next)) {
    equals.push({ node, equal: lasts.get(fingerprint(node))?.shift() })
    yield
  }
  const others = changedBlocks(lasts)
  const result: Directive[] = []
  for (const { node, equal } of equals) {
    const alike =
      equal === undefined
        ? (outdated.get(fingerprint(node))?.shift() ?? others.get(wordsOf(node))?.shift())
        : undefined
    if (alike === undefined) result.push(equal ?? node)
    else result.push(yield* reconcileNode(alike, node, changed))
  }
  return sameNodes(last, result) ? last : blockOf(result)
}

/** Blocks that the new version does not hold as they were, by their opening words. */
function changedBlocks(left: ReadonlyMap<string, readonly Directive[]>): Map<string, Directive[]> {
  const blocks = new Map<string, Directive[]>()
  for (const nodes of left.values()) {
    for (const node of nodes) if (node.block !== undefined) push(blocks, wordsOf(node), node)
  }
  return blocks
}

function sameNodes(block: Block, nodes: readonly Directive[]): boolean {
  if (block.size !== nodes.length) return false
  let i = 0
  for (const node of directives(block)) if (node !== nodes[i++]) return false
  return true
}

function sameWords(a: Directive, b: Directive): boolean {
  return wordsOf(a) === wordsOf(b) && a.script === b.script
}

function wordsOf({ name, args }: Directive): string {
  return JSON.stringify([name, ...args])
}

/** Of what a block holds. */
const hashes = new Note<string>()

/** Equal for directives that say the same, with all they hold. A block's is a hash of its content. */
function fingerprint(node: Directive): string {
  if (node.block === undefined) return `${wordsOf(node)}${node.script ?? ''};`
  return `${wordsOf(node)}{${hashOf(node.block)}}`
}

function hashOf(block: Block): string {
  const known = hashes.get(block)
  if (known !== undefined) return known
  const text = hash('sha256', [...directives(block)].map(fingerprint).join('\n'), 'base64')
  hashes.set(block, text)
  return text
}

function push<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}
