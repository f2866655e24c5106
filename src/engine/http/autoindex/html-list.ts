/**
 * A folder as a page, letter by letter as nginx writes it: tools read it.
 *
 * ```text
 *   <a href="a%20b/">a b/</a>                                22-Nov-2026 14:17                   -
 *                    └ 50 characters with the spaces behind ┘                  └ 19, or 7 with units
 * ```
 */
import { escapeComponent, escapeHtml } from './escapes.ts'
import type { FolderEntry } from './folder-list.ts'

export interface HtmlListOptions {
  /** Bytes instead of kilobytes and megabytes. */
  readonly exactSize: boolean
  readonly localTime: boolean
  /** Widths count characters of UTF-8 instead of bytes. */
  readonly utf8: boolean
}

const nameWidth = 50
const cutMark = '..&gt;'
const exactWidth = 19
const roundWidth = 7
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `uri` and names have one character for each byte, and so has the page. */
export function htmlList(
  uri: string,
  entries: readonly FolderEntry[],
  options: HtmlListOptions,
): string {
  const title = `Index of ${escapeHtml(uri)}`
  const lines = entries.map((entry) => line(entry, options))
  return [
    '<html>',
    `<head><title>${title}</title></head>`,
    '<body>',
    `<h1>${title}</h1><hr><pre><a href="../">../</a>`,
    ...lines,
    '</pre><hr></body>',
    '</html>',
    '',
  ].join('\r\n')
}

function line(entry: FolderEntry, options: HtmlListOptions): string {
  const slash = entry.kind === 'directory' ? '/' : ''
  const size = options.exactSize ? exactSize(entry) : roundSize(entry)
  const time = timeText(entry.modifiedMs, options.localTime)
  return `<a href="${escapeComponent(entry.name)}${slash}">${label(entry, options.utf8)} ${time} ${size}`
}

/** The name as it is shown, cut or filled with spaces. */
function label({ name, kind }: FolderEntry, utf8: boolean): string {
  const characters = utf8 ? utf8Characters(name) : undefined
  const length = characters?.length ?? name.length
  if (length > nameWidth) {
    const kept = nameWidth - 3
    const cut = characters?.slice(0, kept).join('') ?? name.slice(0, kept)
    return `${escapeHtml(cut)}${cutMark}</a>`
  }
  const slash = kind === 'directory' && length < nameWidth ? '/' : ''
  return `${escapeHtml(name)}${slash}</a>${' '.repeat(nameWidth - length - slash.length)}`
}

/** The bytes of each character; `undefined` for what is no UTF-8. */
function utf8Characters(name: string): readonly string[] | undefined {
  const bytes = Buffer.from(name, 'latin1')
  const text = bytes.toString('utf8')
  if (text.includes('\ufffd')) return undefined
  return Array.from(text, (character) => Buffer.from(character).toString('latin1'))
}

function timeText(ms: number, local: boolean): string {
  const date = new Date(ms)
  const shown = local ? new Date(ms - date.getTimezoneOffset() * 60_000) : date
  const day = two(shown.getUTCDate())
  const month = months[shown.getUTCMonth()]
  const clock = `${two(shown.getUTCHours())}:${two(shown.getUTCMinutes())}`
  return `${day}-${month}-${shown.getUTCFullYear()} ${clock}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

function exactSize({ kind, size }: FolderEntry): string {
  return (kind === 'directory' ? '-' : String(size)).padStart(exactWidth)
}

const kilobyte = 1024
const megabyte = 1024 * 1024
const gigabyte = 1024 * 1024 * 1024
/** Up to here bytes are shown as they are. */
const plainMax = 9999

function roundSize({ kind, size }: FolderEntry): string {
  if (kind === 'directory') return '-'.padStart(roundWidth)
  if (size > gigabyte - 1) return scaled(size, gigabyte, 'G')
  if (size > megabyte - 1) return scaled(size, megabyte, 'M')
  if (size > plainMax) return scaled(size, kilobyte, 'K')
  return String(size).padStart(roundWidth)
}

function scaled(size: number, unit: number, letter: string): string {
  return `${Math.round(size / unit)}${letter}`.padStart(roundWidth)
}
