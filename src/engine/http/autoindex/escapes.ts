/** Names in pages, data and references. Texts have one character for each byte. */

const htmlSigns: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"]/g, (sign) => htmlSigns[sign]!)
}

/** For one segment of a path (RFC 3986 §2.3). */
export function escapeComponent(text: string): string {
  return text.replaceAll(/[^\w\-.~]/g, (byte) => `%${hex(byte, 2)}`)
}

const jsonSigns: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
}

export function escapeJson(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is escaped
  return text.replaceAll(/["\\\x00-\x1f]/g, (sign) => jsonSigns[sign] ?? `\\u${hex(sign, 4)}`)
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(digits, '0')
}
