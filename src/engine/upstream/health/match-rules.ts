/**
 * What a response must be for a check to pass.
 *
 * ```text
 *   status   200 301-302          one of these           ! 500 502-504     none of these
 *   header   Name                 is there               ! Name            is not
 *   header   Name = value         is it (or !=)          Name ~ regex      matches (or !~, ~*, !~*)
 *   body     ~ regex              matches (or !~, ~*, !~*)
 *   require  $status …            each is neither empty nor 0
 * ```
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { compileRegex } from '../../core/regex.ts'

export interface CheckedResponse {
  readonly status: number
  /** Values of a field by its name in lower case. */
  readonly header: (name: string) => string | undefined
  readonly body: string
}

/** Why a response is not as it must be, or `undefined`. */
export type ResponseRule = (response: CheckedResponse) => string | undefined

/** Where nothing is said of the status. */
export const statusFine: ResponseRule = statusRule(['200-399'])

interface StatusRange {
  readonly from: number
  readonly to: number
}

export function statusRule(words: readonly string[]): ResponseRule {
  const { negated, rest } = splitNegation(words)
  if (rest.length === 0) throw new ConfError('no status is given')
  const ranges = rest.map(parseRange)
  return ({ status }) => {
    const found = ranges.some(({ from, to }) => status >= from && status <= to)
    return found === negated ? `unexpected status ${status}` : undefined
  }
}

/** `! 301`, and `!301`, too. */
function splitNegation(words: readonly string[]): { negated: boolean; rest: readonly string[] } {
  const [first = '', ...others] = words
  if (!first.startsWith('!')) return { negated: false, rest: words }
  return { negated: true, rest: first === '!' ? others : [first.slice(1), ...others] }
}

function parseRange(text: string): StatusRange {
  const match = /^(\d{3})(?:-(\d{3}))?$/.exec(text)
  const from = Number(match?.[1])
  const to = Number(match?.[2] ?? match?.[1])
  if (match !== null && from >= 100 && from <= to && to <= 599) return { from, to }
  throw new ConfError(`invalid status "${text}"`)
}

export function headerRule(words: readonly string[]): ResponseRule {
  const { negated, rest } = splitNegation(words)
  const [name = '', operator, ...values] = rest
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) throw new ConfError(`invalid header name "${name}"`)
  const key = name.toLowerCase()
  if (operator === undefined) {
    return ({ header }) =>
      (header(key) === undefined) === negated ? undefined : `unexpected header "${name}"`
  }
  if (negated || values.length !== 1)
    throw new ConfError(`invalid header match "${words.join(' ')}"`)
  const test = comparison(operator, values[0]!)
  // A field that is not there is not equal to anything, and matches nothing.
  return ({ header }) => (test(header(key)) ? undefined : `unexpected value of header "${name}"`)
}

export function bodyRule(words: readonly string[]): ResponseRule {
  const [operator = '', ...values] = words
  if (!operator.includes('~') || values.length !== 1) {
    throw new ConfError(`invalid body match "${words.join(' ')}"`)
  }
  const test = comparison(operator, values[0]!)
  return ({ body }) => (test(body) ? undefined : 'unexpected body')
}

type Test = (text: string | undefined) => boolean

function comparison(operator: string, value: string): Test {
  if (operator === '=') return (text) => text === value
  if (operator === '!=') return (text) => text !== value
  const match = /^(!?)~(\*?)$/.exec(operator)
  if (match === null) throw new ConfError(`invalid operator "${operator}"`)
  const regex = compileRegex(value, { ignoreCase: match[2] === '*' })
  const isNegated = match[1] === '!'
  return (text) => (text !== undefined && regex.test(text)) !== isNegated
}

const required: Readonly<Record<string, (response: CheckedResponse) => string>> = {
  $status: ({ status }) => String(status),
  $upstream_status: ({ status }) => String(status),
}

/** Variables that a check has a value for: the response's status and the fields of its head. */
export function requireRule(names: readonly string[]): ResponseRule {
  const readers = names.map((name) => ({ name, read: readerOf(name) }))
  return (response) => {
    const failed = readers.find(({ read }) => ['', '0'].includes(read(response)))
    return failed === undefined ? undefined : `required ${failed.name} is empty or 0`
  }
}

const fieldPrefix = '$upstream_http_'

function readerOf(name: string): (response: CheckedResponse) => string {
  if (name.startsWith(fieldPrefix) && name.length > fieldPrefix.length) {
    const key = name.slice(fieldPrefix.length).replaceAll('_', '-')
    return ({ header }) => header(key) ?? ''
  }
  const reader = required[name]
  if (reader !== undefined) return reader
  throw new ConfError(`"${name}" is no variable of a check`)
}

/** `Name ~ some words` of one text: what is behind the operator is one value. */
export function splitHeaderRule(text: string): readonly string[] {
  const match = /^(!?\s*[^\s!]+)\s+(=|!=|!?~\*?)\s+(.*)$/s.exec(text.trim())
  if (match !== null) return [match[1]!, match[2]!, match[3]!]
  return text.trim().split(/\s+/)
}

/** `~ some words` of one text. */
export function splitBodyRule(text: string): readonly string[] {
  const match = /^(!?~\*?)\s*(.*)$/s.exec(text.trim())
  return match === null ? [text] : [match[1]!, match[2]!]
}

/** What is wrong with a response: the first rule that it does not meet. */
export function faultOf(
  rules: readonly ResponseRule[],
  response: CheckedResponse,
): string | undefined {
  for (const rule of rules) {
    const fault = rule(response)
    if (fault !== undefined) return fault
  }
  return undefined
}
