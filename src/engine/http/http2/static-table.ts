/** The static table of HPACK (RFC 7541, appendix A), as bytes that fields are read from. */

/** Index of the first entry of the dynamic table. */
export const dynamicFrom = 62

/** Entries by index; the first stands for the index 0, which there is not. */
// oxfmt-ignore
const entries: readonly (readonly [name: string, value: string])[] = [
  ['', ''], [':authority', ''], [':method', 'GET'], [':method', 'POST'], [':path', '/'],
  [':path', '/index.html'], [':scheme', 'http'], [':scheme', 'https'], [':status', '200'],
  [':status', '204'], [':status', '206'], [':status', '304'], [':status', '400'],
  [':status', '404'], [':status', '500'], ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'], ['accept-language', ''], ['accept-ranges', ''],
  ['accept', ''], ['access-control-allow-origin', ''], ['age', ''], ['allow', ''],
  ['authorization', ''], ['cache-control', ''], ['content-disposition', ''],
  ['content-encoding', ''], ['content-language', ''], ['content-length', ''],
  ['content-location', ''], ['content-range', ''], ['content-type', ''], ['cookie', ''],
  ['date', ''], ['etag', ''], ['expect', ''], ['expires', ''], ['from', ''], ['host', ''],
  ['if-match', ''], ['if-modified-since', ''], ['if-none-match', ''], ['if-range', ''],
  ['if-unmodified-since', ''], ['last-modified', ''], ['link', ''], ['location', ''],
  ['max-forwards', ''], ['proxy-authenticate', ''], ['proxy-authorization', ''], ['range', ''],
  ['referer', ''], ['refresh', ''], ['retry-after', ''], ['server', ''], ['set-cookie', ''],
  ['strict-transport-security', ''], ['transfer-encoding', ''], ['user-agent', ''], ['vary', ''],
  ['via', ''], ['www-authenticate', ''],
]

/** All names and values behind one another. */
export const staticBytes: Buffer = Buffer.from(entries.flat().join(''), 'latin1')

/** Per entry: name from, value from, value to. The value begins where the name ends. */
export const staticRanges: Int32Array = new Int32Array(entries.length * 3)

const indices = new Map<string, number>()

let end = 0
for (const [index, [name, value]] of entries.entries()) {
  const valueStart = end + name.length
  staticRanges.set([end, valueStart, valueStart + value.length], index * 3)
  end = valueStart + value.length
  if (!indices.has(name)) indices.set(name, index)
}

/** First index of a name in lower case; 0 where it has none. */
export function staticIndex(name: string): number {
  return indices.get(name) ?? 0
}
