/**
 * The configuration tree: frozen plain data.
 *
 * A directive is a name, its arguments and, for a block directive, its children. The root is a directive
 * named `main` whose children are the directives of the main context. Nothing here is ever changed in
 * place: a patch builds new nodes along one path and shares every other subtree, so that "is it the same
 * object" answers "is it unchanged" everywhere else in the engine.
 */
import type { Block } from './block.ts'

/** Where a token stood. `line` and `column` count from 1; `file` is the path as it was opened. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** Stands for the file in positions of directives that were given by `-g`. */
export const commandLine = 'command line'

/**
 * How a directive was written, so that printing an unchanged file gives back its very bytes.
 *
 * ```text
 *   # a comment          ┐ lead: all white space and comments before the name
 *   <indent>             ┘
 *   listen   80 ;          text: from the name to the ";" or "{", with both
 *    # plain               beside: a comment on the line of the ";" or "}", with the space before it
 *   server { … <tail>}     tail: white space and comments before the "}"
 * ```
 */
export interface Source {
  readonly lead: string
  readonly text: string
  readonly tail: string
  readonly beside: string
}

export interface Directive {
  readonly kind: 'directive'
  readonly name: string
  /** Arguments with quotes removed and escapes resolved; variables (`$x`) still stand in them. */
  readonly args: readonly string[]
  /** Children of a block directive; `undefined` for a simple directive. */
  readonly block: Block | undefined
  /** Text of a code-like block (`_script` in the JSON mapping), verbatim between its braces. */
  readonly script: string | undefined
  /** `undefined` for nodes that were built by a patch and never stood in a file. */
  readonly at: Position | undefined
  readonly source: Source | undefined
}

/** True for a directive that is followed by "{", of directives or of code. */
export function opensBlock(node: Directive): boolean {
  return node.block !== undefined || node.script !== undefined
}

/** Builds a frozen directive that stands in no file. */
export function directive(name: string, args: readonly string[] = [], block?: Block): Directive {
  return Object.freeze({
    kind: 'directive',
    name,
    args: Object.freeze([...args]),
    block,
    script: undefined,
    at: undefined,
    source: undefined,
  })
}

/** The same directive with other children; its place in the file stays, and how it was written. */
export function withBlock(node: Directive, block: Block): Directive {
  return Object.freeze({ ...node, block })
}

/** The same directive with other arguments; its text is printed anew, its comments stay. */
export function withArgs(node: Directive, args: readonly string[]): Directive {
  const source = node.source && Object.freeze({ ...node.source, text: '' })
  return Object.freeze({ ...node, args: Object.freeze([...args]), source })
}

/**
 * The place that a message about a directive names: nginx looks at a directive when its ";" or "{" is
 * read, so its messages name that line. They differ only where a directive runs over several lines.
 */
export function reportedAt(node: Directive): Position | undefined {
  const { at, source } = node
  if (at === undefined || source === undefined) return at
  const last = source.text.lastIndexOf('\n')
  if (last < 0) return at
  const line = at.line + source.text.split('\n').length - 1
  return Object.freeze({ file: at.file, line, column: source.text.length - last - 1 })
}
