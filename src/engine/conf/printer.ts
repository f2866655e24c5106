/**
 * Writes a tree as text.
 *
 * What came from one file is written back byte by byte. What a patch brought in is written in nginx's
 * usual form, indented as its neighbours are; comments stay with the line they stood on:
 *
 * ```text
 *   server {                 server {
 *     listen 80; # plain       listen 80; # plain
 *   }                          return 404;            ← appended by a patch
 *                            }
 * ```
 */
import { directives, emptyBlock } from './block.ts'
import type { Directive } from './tree.ts'
import { joinWords } from './words.ts'

/** Where no block of the file shows another. */
const usualStep = '    '

/** How one block is laid out. */
interface Layout {
  /** White space before the block's own line and its "}". */
  readonly outer: string
  /** White space before its children. */
  readonly indent: string
  /** What each level adds. */
  readonly step: string
  /** True for `server { listen 80; }`: what is added stays on the line. */
  readonly inline: boolean
  /** True for the root, which has no braces. */
  readonly root: boolean
  /** True where nothing in the block has a place in its file to go back to. */
  readonly rewrite: boolean
}

/** Where a directive is written: what the layout of the block around it says. */
type Place = Pick<Layout, 'indent' | 'step' | 'rewrite'>

/** Text of a whole tree. */
export function print(main: Directive): string {
  const out: string[] = []
  printChildren(
    out,
    main,
    layoutOf(main, { indent: '', step: usualStep, rewrite: main.source === undefined }),
  )
  return out.join('')
}

/** Text of one directive and what it holds, in nginx's usual form. */
export function printDirective(node: Directive): string {
  const out: string[] = []
  printBody(out, node, { indent: '', step: usualStep, rewrite: true })
  return out.join('')
}

/** All files one after the other, as `nginx -T` writes them. */
export function dumpFiles(files: Iterable<readonly [path: string, text: string]>): string {
  let out = ''
  for (const [path, text] of files) out += `# configuration file ${path}:\n${text}\n`
  return out
}

/** From the name to the ";" or "}". */
function printBody(out: string[], node: Directive, place: Place): void {
  out.push(head(node))
  if (node.script !== undefined) out.push(node.script, '}')
  else if (node.block !== undefined) {
    printChildren(out, node, layoutOf(node, place))
    out.push('}')
  }
}

function head(node: Directive): string {
  const ending = node.block === undefined && node.script === undefined ? ';' : '{'
  const written = node.source?.text ?? ''
  if (written.endsWith(ending)) return written
  return `${joinWords([node.name, ...node.args])}${ending === ';' ? ';' : ' {'}`
}

/** The children of a block with what stands between them, and before its end. */
function printChildren(out: string[], owner: Directive, layout: Layout): void {
  const children = [...directives(owner.block ?? emptyBlock)]
  let from = 0
  for (const [i, child] of children.entries()) {
    if (!isNative(child, owner, layout)) continue
    const lead = child.source!.lead
    if (i === from) out.push(lead)
    else printFresh(out, children.slice(from, i), { layout, gap: lead, first: from === 0 })
    printBody(out, child, layout)
    from = i + 1
  }
  const tail = owner.source?.tail ?? ''
  if (layout.rewrite) printRewritten(out, children, layout, tail)
  else if (from === children.length) out.push(tail)
  else printEnd(out, children.slice(from), { layout, gap: tail, first: from === 0 })
}

/** A child that stands where it stood in the file of its block. */
function isNative(child: Directive, owner: Directive, { rewrite }: Layout): boolean {
  return !rewrite && child.source !== undefined && child.at?.file === owner.at?.file
}

interface Fresh {
  readonly layout: Layout
  /** What stood where the new directives go: the lead of the next old one, or the tail. */
  readonly gap: string
  /** True where no old directive stands before them. */
  readonly first: boolean
}

/** New directives before an old one. */
function printFresh(
  out: string[],
  nodes: readonly Directive[],
  { layout, gap, first }: Fresh,
): void {
  const comment = first && layout.root ? '' : sameLineComment(gap)
  const rest = gap.slice(comment.length)
  out.push(comment)
  for (const [i, node] of nodes.entries()) {
    printFreshOne(out, node, layout, first && layout.root && i === 0)
  }
  if (layout.inline) out.push(rest === '' ? ' ' : rest)
  else out.push(startsLine(rest) ? rest : `\n${layout.indent}${rest.trimStart()}`)
}

/** New directives at the end of a block. */
function printEnd(out: string[], nodes: readonly Directive[], { layout, gap, first }: Fresh): void {
  const onlyComments = first && layout.root
  const before = onlyComments ? gap.trimEnd() : sameLineComment(gap)
  const rest = gap.slice(before.length)
  out.push(before)
  for (const [i, node] of nodes.entries()) {
    printFreshOne(out, node, layout, onlyComments && before === '' && i === 0)
  }
  if (layout.inline) out.push(rest === '' ? ' ' : rest)
  else out.push(startsLine(rest) ? rest : `\n${layout.outer}`)
}

function printFreshOne(out: string[], node: Directive, layout: Layout, first: boolean): void {
  out.push(freshLead(node.source?.lead ?? '', layout, first))
  printBody(out, node, { ...layout, rewrite: true })
}

/** A block that is written anew as a whole; its comments are kept on lines of their own. */
function printRewritten(
  out: string[],
  nodes: readonly Directive[],
  layout: Layout,
  tail: string,
): void {
  for (const [i, node] of nodes.entries()) printFreshOne(out, node, layout, layout.root && i === 0)
  const beside = sameLineComment(tail)
  if (beside !== '') out.push(` ${beside.trim()}`)
  for (const comment of comments(tail.slice(beside.length))) {
    out.push(`\n${layout.indent}${comment}`)
  }
  if (!layout.root || nodes.length > 0) out.push(`\n${layout.outer}`)
}

function layoutOf(owner: Directive, { indent: outer, step, rewrite }: Place): Layout {
  const root = owner.name === 'main'
  const plain = { outer, indent: root ? '' : outer + step, step, inline: false, root, rewrite }
  if (rewrite) return plain
  let inline = false
  for (const child of directives(owner.block ?? emptyBlock)) {
    if (!isNative(child, owner, plain)) continue
    const { lead } = child.source!
    const line = lead.lastIndexOf('\n')
    if (line >= 0) return withIndent(plain, lead.slice(line + 1))
    inline = !root
  }
  return { ...plain, inline }
}

function withIndent(layout: Layout, indent: string): Layout {
  const deeper = indent.startsWith(layout.outer) ? indent.slice(layout.outer.length) : ''
  return { ...layout, indent, step: deeper === '' ? layout.step : deeper }
}

/** In a block that is written anew as a whole, a comment stays on the line of the directive before it. */
function freshLead(lead: string, layout: Layout, first: boolean): string {
  const line = `\n${layout.indent}`
  const beside = layout.rewrite && !first ? sameLineComment(lead) : ''
  const above = comments(lead.slice(beside.length))
  if (above.length === 0 && beside === '') {
    if (first) return ''
    return layout.inline ? ' ' : line
  }
  const text = above.map((comment) => comment + line).join('')
  return first ? text : `${beside === '' ? '' : ` ${beside.trim()}`}${line}${text}`
}

/** The comments of a gap, without the white space around them. */
function comments(gap: string): readonly string[] {
  if (!gap.includes('#')) return []
  return gap
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** The comment that belongs to the line before: `listen 80; # like this`. */
function sameLineComment(gap: string): string {
  return /^[ \t]*#[^\n]*/.exec(gap)?.[0] ?? ''
}

function startsLine(gap: string): boolean {
  return /^[ \t\r]*\n/.test(gap)
}
