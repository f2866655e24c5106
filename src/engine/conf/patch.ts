/**
 * Changes of a tree as pure functions: tree → tree′.
 *
 * Only the nodes on the way from the root to the place of the change are built anew; everything else in the
 * new tree is the same object as in the old one.
 *
 * A place is a path of steps from the root:
 *
 * ```ts
 * ['stream', ['upstream', 'backend'], 0]    // first directive of stream { upstream backend { … } }
 * ```
 */
import { append, type Block, directives, itemAt, splice } from './block.ts'
import { type Directive, withBlock } from './tree.ts'
import { joinWords } from './words.ts'

/**
 * `'stream'`: the first directive of that name; `['upstream', 'backend']`: the first with that name and
 * exactly these arguments; `3`: the fourth directive of its block.
 */
export type Step = string | number | readonly [name: string, ...args: string[]]

export type Path = readonly Step[]

export type PatchFault = 'not-found' | 'not-a-block' | 'root' | 'out-of-range'

/** The path does not lead to what the change needs; the tree is as it was. */
export class PatchError extends Error {
  readonly code = 'TRIJET_CONF_PATCH'
  readonly fault: PatchFault
  readonly path: Path

  constructor(fault: PatchFault, path: Path) {
    super(`${faultTexts[fault]}: ${formatPath(path)}`)
    this.name = 'PatchError'
    this.fault = fault
    this.path = path
  }
}

const faultTexts: Readonly<Record<PatchFault, string>> = {
  'not-found': 'no such directive',
  'not-a-block': 'directive is not a block',
  root: 'the root cannot be replaced or removed',
  'out-of-range': 'no such position in the block',
}

/** `stream > upstream backend > #0`, for messages. */
export function formatPath(path: Path): string {
  if (path.length === 0) return 'main'
  return path
    .map((step) => {
      if (typeof step === 'number') return `#${step}`
      return typeof step === 'string' ? step : joinWords(step)
    })
    .join(' > ')
}

/** @throws PatchError */
export function nodeAt(main: Directive, path: Path): Directive {
  let node = main
  for (const [depth, step] of path.entries()) {
    const index = indexOfStep(node, path.slice(0, depth), step)
    node = itemAt(node.block!, index)
  }
  return node
}

/** The tree with `node`, or what `node` makes of the old one, at that place. */
export function replaceAt(
  main: Directive,
  path: Path,
  node: Directive | ((old: Directive) => Directive),
): Directive {
  return editAt(main, path, (block, index) => {
    const old = itemAt(block, index)
    const fresh = typeof node === 'function' ? node(old) : node
    return fresh === old ? block : splice(block, index, 1, [fresh])
  })
}

export function removeNode(main: Directive, path: Path): Directive {
  return editAt(main, path, (block, index) => splice(block, index, 1, []))
}

/** The tree with `node` among the children of the block at `path`: last, or at `index`. */
export function addChild(main: Directive, path: Path, node: Directive, index?: number): Directive {
  return updateBlock(main, path, (block) => {
    if (index === undefined) return append(block, node)
    if (index < 0 || index > block.size) throw new PatchError('out-of-range', [...path, index])
    return splice(block, index, 0, [node])
  })
}

/** The tree with other children in the block at `path`; the same tree if `change` returns the same block. */
export function updateBlock(
  main: Directive,
  path: Path,
  change: (block: Block) => Block,
): Directive {
  return updateAt(main, path, 0, (owner) => {
    if (owner.block === undefined) throw new PatchError('not-a-block', path)
    const block = change(owner.block)
    return block === owner.block ? owner : withBlock(owner, block)
  })
}

function editAt(
  main: Directive,
  path: Path,
  edit: (block: Block, index: number) => Block,
): Directive {
  const last = path.at(-1)
  if (last === undefined) throw new PatchError('root', path)
  const outer = path.slice(0, -1)
  return updateAt(main, outer, 0, (owner) => {
    const block = edit(owner.block!, indexOfStep(owner, outer, last))
    return block === owner.block ? owner : withBlock(owner, block)
  })
}

function updateAt(
  node: Directive,
  path: Path,
  depth: number,
  update: (owner: Directive) => Directive,
): Directive {
  const step = path[depth]
  if (step === undefined) return update(node)
  const index = indexOfStep(node, path.slice(0, depth), step)
  const old = itemAt(node.block!, index)
  const fresh = updateAt(old, path, depth + 1, update)
  return fresh === old ? node : withBlock(node, splice(node.block!, index, 1, [fresh]))
}

function indexOfStep(owner: Directive, path: Path, step: Step): number {
  if (owner.block === undefined) throw new PatchError('not-a-block', path)
  const index = typeof step === 'number' ? step : searchStep(owner.block, step)
  const exists = Number.isInteger(index) && index >= 0 && index < owner.block.size
  if (!exists) throw new PatchError('not-found', [...path, step])
  return index
}

function searchStep(block: Block, step: string | readonly string[]): number {
  const [name, ...args] = typeof step === 'string' ? [step] : step
  let index = 0
  for (const node of directives(block)) {
    if (node.name === name && (typeof step === 'string' || sameWords(node.args, args))) return index
    index++
  }
  return -1
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i])
}
