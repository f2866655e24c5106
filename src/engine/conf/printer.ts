/**
 * Writes a tree as text.
 *
 * What came from one file is written back byte by byte. What a patch brought in is written in nginx's
 * usual form, indented as its neighbours are:
 *
 * ```text
 *   server {                 server {
 *     listen 80; # plain       listen 80; # plain
 *   }                          return 404;            ← appended by a patch
 *                            }
 * ```
 */
import { directives, emptyBlock } from './block.ts'
import {
  freshLead,
  freshTail,
  gapAfterFresh,
  layoutOf,
  type Place,
  startsLine,
  topComment,
} from './layout.ts'
import { type Directive, opensBlock } from './tree.ts'
import { joinWords } from './words.ts'

/** One level of indentation where no block of the file shows another. */
const usualStep = '    '

/** Text of a whole tree. */
export function print(main: Directive): string {
  const writer = new Writer()
  printChildren(writer, main, { indent: '', step: usualStep, rewrite: main.source === undefined })
  return writer.text()
}

/** Text of one directive and what it holds, in nginx's usual form. */
export function printDirective(node: Directive): string {
  const writer = new Writer()
  printBody(writer, node, { indent: '', step: usualStep, rewrite: true })
  return writer.text()
}

/** All files one after the other, as `nginx -T` writes them. */
export function dumpFiles(files: Iterable<readonly [path: string, text: string]>): string {
  let out = ''
  for (const [path, text] of files) out += `# configuration file ${path}:\n${text}\n`
  return out
}

/** Keeps whatever it is given out of the line of a comment. */
class Writer {
  readonly #out: string[] = []
  #afterComment = false

  token(text: string): void {
    this.#out.push(text)
  }

  comment(text: string): void {
    if (text === '') return
    this.#out.push(text)
    this.#afterComment = true
  }

  /** What stands before a directive, or before the end of a block. */
  gap(text: string, indent: string): void {
    const isJoined = this.#afterComment && !startsLine(text)
    this.#out.push(isJoined ? `\n${indent}${text.trimStart()}` : text)
    this.#afterComment = false
  }

  text(): string {
    return this.#out.join('')
  }
}

/** From the name to the ";" or "}", and the comment beside it. */
function printBody(writer: Writer, node: Directive, place: Place): void {
  writer.token(head(node))
  if (node.script !== undefined) writer.token(`${node.script}}`)
  else if (node.block !== undefined) {
    printChildren(writer, node, place)
    writer.token('}')
  }
  writer.comment(node.source?.beside ?? '')
}

function head(node: Directive): string {
  const ending = opensBlock(node) ? '{' : ';'
  const written = node.source?.text ?? ''
  if (written.endsWith(ending)) return written
  return `${joinWords([node.name, ...node.args])}${ending === ';' ? ';' : ' {'}`
}

/** The children of a block with what stands between them, and before its end. */
function printChildren(writer: Writer, owner: Directive, place: Place): void {
  const children = [...directives(owner.block ?? emptyBlock)]
  const natives = children.map((child) => !place.rewrite && isNative(child, owner))
  const parts = { owner, children, natives }
  const layout = layoutOf(parts, place)
  let top = topComment(parts, layout)
  writer.comment(top)
  let afterFresh = false
  for (const [i, child] of children.entries()) {
    const isFresh = !natives[i]
    const lead = child.source?.lead ?? ''
    if (isFresh) writer.gap(freshLead(lead, layout, i === 0), layout.indent)
    else if (!afterFresh) writer.gap(lead, layout.indent)
    else {
      writer.gap(gapAfterFresh(lead.slice(top.length), layout.indent, layout), layout.indent)
      top = ''
    }
    printBody(writer, child, { ...layout, rewrite: isFresh })
    afterFresh = isFresh
  }
  const tail = owner.source?.tail ?? ''
  if (layout.root && tail === '' && !afterFresh) return
  if (layout.rewrite) writer.gap(freshTail(tail, layout), layout.outer)
  else if (!afterFresh) writer.gap(tail, layout.outer)
  else writer.gap(gapAfterFresh(tail.slice(top.length), layout.outer, layout), layout.outer)
}

/** A child that stands where it stood in the file of its block. */
function isNative(child: Directive, owner: Directive): boolean {
  return child.source !== undefined && child.at?.file === owner.at?.file
}
