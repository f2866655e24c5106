/**
 * The first half of the configuration test: may each directive stand where it stands, with as many arguments.
 * Messages are nginx's, in the order in which nginx would come upon them.
 *
 * What was found right is remembered by node and by part of a block. A tree that a patch made shares all
 * but one path with its predecessor, so testing it again costs what the change cost:
 *
 * ```text
 *   http ── Branch ┬ Leaf(32 servers)   remembered: passed over whole
 *                  ├ Leaf(32 servers)   remembered
 *                  └ Leaf(33 servers)   looked at: 32 remembered nodes and the new one
 * ```
 */
import { type Block, directives } from './block.ts'
import { Note } from './block-note.ts'
import type { Diagnostic } from './diagnostics.ts'
import type { BlockShape, DirectiveTable, SimpleShape } from './directive-table.ts'
import type { Configuration } from './includes.ts'
import { type Directive, opensBlock, type Position, reportedAt } from './tree.ts'

/** By whom something was found right: one table, and a context in it. Made new for another table. */
export class CheckMemo {
  readonly #contexts = new Map<string, object>()
  /** Directives looked at that were not remembered: what testing cost so far. */
  visits = 0

  of(context: string): object {
    return this.#contexts.getOrInsertComputed(context, () => ({}))
  }
}

/** Kept with the block of a directive; a simple directive costs as much to test as to look up. */
const rightNodes = new Note<{ readonly by: object; readonly node: Directive }>()

/** Kept with a part of a larger block: the directives in it that may stand only once in the whole block. */
const rightParts = new Note<{ readonly by: object; readonly singles: readonly Directive[] }>()

/** All that is wrong with a configuration that was read: what its reader found and what the table forbids. */
export function checkConfiguration(
  configuration: Configuration,
  table: DirectiveTable,
  memo?: CheckMemo,
): readonly Diagnostic[] {
  const { main, diagnostics } = configuration
  const found = checkTree(main, table, memo)
  if (diagnostics.length === 0) return found
  return inReadingOrder([...diagnostics, ...found], configuration)
}

/** Tests a whole tree; diagnostics stand in the order of the tree. */
export function checkTree(
  main: Directive,
  table: DirectiveTable,
  memo: CheckMemo = new CheckMemo(),
): readonly Diagnostic[] {
  return checkBlock(main.block!, 'main', table, memo)
}

/** Tests what stands in one block of that context, such as the body of a server that came by the API. */
export function checkBlock(
  block: Block,
  context: string,
  table: DirectiveTable,
  memo: CheckMemo = new CheckMemo(),
): readonly Diagnostic[] {
  const check = new Check(table, memo)
  check.block(block, context)
  return check.diagnostics
}

class Check {
  readonly diagnostics: Diagnostic[] = []
  readonly #table: DirectiveTable
  readonly #memo: CheckMemo

  constructor(table: DirectiveTable, memo: CheckMemo) {
    this.#table = table
    this.#memo = memo
  }

  block(block: Block, context: string): void {
    this.#part(block, context, new Set())
  }

  /** `seen` names what stood in the whole block so far and may stand only once. */
  #part(part: Block, context: string, seen: Set<string>): readonly Directive[] {
    const by = this.#memo.of(context)
    const known = rightParts.get(part)
    if (known?.by === by) {
      for (const node of known.singles) this.#once(node, seen)
      return known.singles
    }
    const before = this.diagnostics.length
    const singles =
      part.kind === 'leaf'
        ? part.items.filter((node) => this.#node(node, context, seen))
        : part.parts.flatMap((inner) => this.#part(inner, context, seen))
    if (this.diagnostics.length === before) rightParts.set(part, { by, singles })
    return singles
  }

  /** Tests a directive and what it holds; true when it may stand only once in its block. */
  #node(node: Directive, context: string, seen: Set<string>): boolean {
    const shape = this.#shapeOf(node, context)
    if (shape === undefined) return false
    const before = this.diagnostics.length
    const single = 'opens' in shape ? !shape.repeated : shape.merge === undefined
    const [min, max] = shape.args
    if (node.args.length < min || node.args.length > max) {
      this.#fail(`invalid number of arguments in "${node.name}" directive`, node)
    }
    if (single) this.#once(node, seen)
    const by = this.#memo.of(context)
    const known = node.block && rightNodes.get(node.block)
    if (known?.node === node && known.by === by) return single
    this.#memo.visits++
    if ('opens' in shape) this.#children(node, shape)
    const isRight = this.diagnostics.length === before
    if (isRight && node.block !== undefined) rightNodes.set(node.block, { by, node })
    return single
  }

  #shapeOf(node: Directive, context: string): SimpleShape | BlockShape | undefined {
    const { name } = node
    const shapes = this.#table.find(context, name)
    if (shapes === undefined) {
      const known = this.#table.knows(name)
      this.#fail(
        known ? `"${name}" directive is not allowed here` : `unknown directive "${name}"`,
        node,
      )
      return undefined
    }
    const isBlock = opensBlock(node)
    const shape = isBlock ? shapes.block : shapes.row
    if (shape === undefined) {
      const fault = isBlock ? 'is not terminated by ";"' : 'has no opening "{"'
      this.#fail(`directive "${name}" ${fault}`, node)
    }
    return shape
  }

  #children({ block }: Directive, { opens }: BlockShape): void {
    if (block === undefined) return
    if (opens !== 'free') {
      this.block(block, opens)
      return
    }
    for (const child of directives(block)) {
      if (child.block !== undefined) this.#fail('unexpected "{"', child)
    }
  }

  #once(node: Directive, seen: Set<string>): void {
    if (seen.has(node.name)) this.#fail(`"${node.name}" directive is duplicate`, node)
    seen.add(node.name)
  }

  #fail(message: string, node: Directive): void {
    this.diagnostics.push(Object.freeze({ severity: 'emerg', message, at: reportedAt(node) }))
  }
}

/** Sorts by the place where a reader that follows each `include` comes upon it. */
function inReadingOrder(
  diagnostics: readonly Diagnostic[],
  { files }: Configuration,
): readonly Diagnostic[] {
  const fileOrder = new Map([...files.keys()].map((path, i) => [path, i]))
  const rank = (at: Position): readonly number[] => {
    const outer = files.get(at.file)?.includedAt
    const inner = [fileOrder.get(at.file) ?? 0, at.line, at.column]
    return outer === undefined ? inner : [...rank(outer), ...inner]
  }
  return diagnostics
    .map((diagnostic) => ({ diagnostic, key: diagnostic.at ? rank(diagnostic.at) : [] }))
    .sort((a, b) => compareKeys(a.key, b.key))
    .map(({ diagnostic }) => diagnostic)
}

function compareKeys(a: readonly number[], b: readonly number[]): number {
  const differing = a.findIndex((part, i) => part !== b[i])
  if (differing < 0) return a.length - b.length
  return a[differing]! - (b[differing] ?? -1)
}
