/**
 * A part of a configuration by words: each is a step down, the name of a directive with as many of its
 * arguments as are needed to tell it from others.
 *
 * ```text
 *   http "upstream backend" server     the server lines of that group
 * ```
 */
import { directives } from '../../engine/conf/block.ts'
import type { Directive } from '../../engine/conf/tree.ts'

/** All directives that the words lead to. */
export function childrenAt(main: Directive, words: readonly string[]): readonly Directive[] {
  return words.reduce<readonly Directive[]>(
    (nodes, word) => nodes.flatMap((node) => childrenLike(node, word)),
    [main],
  )
}

function childrenLike({ block }: Directive, word: string): readonly Directive[] {
  if (block === undefined) return []
  const [name, ...args] = word.trim().split(/\s+/)
  return [...directives(block)].filter(
    (child) => child.name === name && args.every((arg, i) => child.args[i] === arg),
  )
}
