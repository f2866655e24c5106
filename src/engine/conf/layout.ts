/**
 * How a block that a patch changed is laid out: which white space what is new gets, and where the comments
 * around it go.
 */
import type { Directive } from './tree.ts'

/** Where a directive is written: what the layout of the block around it says. */
export interface Place {
  /** White space before it. */
  readonly indent: string
  /** What each level adds. */
  readonly step: string
  /** True where nothing has a place in its file to go back to: all white space is made new. */
  readonly rewrite: boolean
}

export interface Layout extends Place {
  /** White space before the block's own line and its "}". */
  readonly outer: string
  /** True for `server { listen 80; }`: what is added stays on the line. */
  readonly inline: boolean
  /** True for the root, which has no braces. */
  readonly root: boolean
}

/** The children of a block, and which of them stand where they stood in the block's file. */
export interface Parts {
  readonly owner: Directive
  readonly children: readonly Directive[]
  readonly natives: readonly boolean[]
}

export function layoutOf(parts: Parts, { indent: outer, step, rewrite }: Place): Layout {
  const root = parts.owner.name === 'main'
  const indent = nativeIndent(parts)
  const usual = { outer, indent: root ? '' : outer + step, step, root, rewrite }
  if (indent === undefined) return { ...usual, inline: !root && isInline(parts) }
  const deeper = indent.startsWith(outer) ? indent.slice(outer.length) : ''
  return { ...usual, indent, step: deeper === '' ? step : deeper, inline: false }
}

/** White space before the first child that begins a line. */
function nativeIndent({ children, natives }: Parts): string | undefined {
  const lead = children.find((child, i) => natives[i] && child.source!.lead.includes('\n'))?.source!
    .lead
  return lead?.slice(lead.lastIndexOf('\n') + 1)
}

/** Everything old stands on one line, and nothing new brings a comment, which would end the line. */
function isInline({ owner, children, natives }: Parts): boolean {
  const isBroken = owner.source?.tail.includes('\n') ?? true
  const hasComment = ({ source }: Directive): boolean =>
    source !== undefined && (source.beside !== '' || source.lead.includes('#'))
  return (
    natives.includes(true) &&
    !isBroken &&
    !children.some((child, i) => !natives[i] && hasComment(child))
  )
}

/**
 * The comment that stays at the top of a block when something new comes first: the one beside the "{".
 * It is the beginning of the lead of the first old child, or of the tail. In a root without any old child it
 * is the whole tail.
 */
export function topComment({ owner, children, natives }: Parts, { root, rewrite }: Layout): string {
  if (rewrite || (natives[0] ?? true)) return ''
  const first = natives.indexOf(true)
  const gap = first < 0 ? (owner.source?.tail ?? '') : children[first]!.source!.lead
  if (root) return first < 0 ? gap.trimEnd() : ''
  return /^[ \t]*#[^\n]*/.exec(gap)?.[0] ?? ''
}

/** What stands before a new directive; its own comments get lines of their own. */
export function freshLead(lead: string, layout: Layout, isFirst: boolean): string {
  const line = `\n${layout.indent}`
  const above = comments(lead)
  if (layout.inline && above.length === 0) return ' '
  const start = layout.root && isFirst ? '' : line
  return start + above.map((comment) => comment + line).join('')
}

/** An old gap after a new directive. */
export function gapAfterFresh(gap: string, indent: string, { inline }: Layout): string {
  if (inline) return gap === '' ? ' ' : gap
  return startsLine(gap) ? gap : `\n${indent}${gap.trimStart()}`
}

/** The end of a block that is written anew as a whole. */
export function freshTail(tail: string, { indent, outer }: Layout): string {
  const lines = comments(tail).map((comment) => `\n${indent}${comment}`)
  return `${lines.join('')}\n${outer}`
}

export function startsLine(gap: string): boolean {
  return /^[ \t\r]*\n/.test(gap)
}

/** The comments of a gap, without the white space around them. */
function comments(gap: string): readonly string[] {
  if (!gap.includes('#')) return []
  return gap
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}
