/** A folder as data: JSON, JSON in a call (JSONP), XML, as nginx writes them. */
import { escapeHtml, escapeJson } from './escapes.ts'
import type { FolderEntry } from './folder-list.ts'

export function jsonList(entries: readonly FolderEntry[]): string {
  const lines = entries.map(({ name, kind, size, modifiedMs }) => {
    const bytes = kind === 'file' ? `, "size":${size}` : ''
    const time = new Date(modifiedMs).toUTCString()
    return `\r\n{ "name":"${escapeJson(name)}", "type":"${kind}", "mtime":"${time}"${bytes} }`
  })
  return `[${lines.join(',')}\r\n]`
}

export function jsonpList(entries: readonly FolderEntry[], callback: string): string {
  return `/* callback */\r\n${callback}(${jsonList(entries)});`
}

export function xmlList(entries: readonly FolderEntry[]): string {
  const lines = entries.map(({ name, kind, size, modifiedMs }) => {
    const time = `${new Date(modifiedMs).toISOString().slice(0, 19)}Z`
    const bytes = kind === 'file' ? ` size="${size}"` : ''
    return `<${kind} mtime="${time}"${bytes}>${escapeHtml(name)}</${kind}>\r\n`
  })
  return `<?xml version="1.0"?>\r\n<list>\r\n${lines.join('')}</list>\r\n`
}
