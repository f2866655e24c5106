/** Values of fields that may come from a client. */

// oxlint-disable-next-line no-control-regex
const unsafe = /[\0-\x08\n-\x1f\x7f]/
const unsafeAll = new RegExp(unsafe.source, 'g')

/** A line break in a value would begin a field, or a response, of somebody else's making. */
export function safeValue(value: string): string {
  return unsafe.test(value) ? value.replaceAll(unsafeAll, ' ') : value
}
