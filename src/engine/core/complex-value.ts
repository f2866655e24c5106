/**
 * Complex values: texts with variables, compiled once, evaluated per session or request.
 *
 * Grammar, as nginx's: `$name`, `${name}`; a name is letters, digits and `_`. With captures allowed, `$1`
 * to `$9` stand for the groups of the last regular expression. A `$` that starts no name is an error in
 * nginx (`invalid variable name`), and here.
 */
import { ConfError } from '../conf/diagnostics.ts'
import type { ByteSink } from './byte-sink.ts'
import type { VariableHost, VariableNames, VariableValue } from './variables.ts'

export interface ComplexValue {
  /** The text as written. */
  readonly text: string
  /** Set when there is no variable in it: the value itself. */
  readonly constant: string | undefined
  /** Slots it reads, in order. */
  readonly slots: readonly number[]
  evaluate(host: VariableHost): string
  /** Appends what `evaluate` gives. */
  append(host: VariableHost, sink: ByteSink): void
}

type Part = string | number

const namePattern = /\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))/y

/** Splits a text into literals and variable names; throws `ConfError` as nginx words it. */
export function parseTemplate(text: string): readonly ({ readonly variable: string } | string)[] {
  const parts: ({ readonly variable: string } | string)[] = []
  let literal = 0
  for (let at = text.indexOf('$'); at >= 0; at = text.indexOf('$', literal)) {
    namePattern.lastIndex = at
    const match = namePattern.exec(text)
    if (match === null) {
      throw new ConfError(
        text[at + 1] === '{'
          ? `the closing bracket in "${text.slice(at + 2)}" variable is missing`
          : 'invalid variable name',
      )
    }
    if (at > literal) parts.push(text.slice(literal, at))
    const name = match[1] ?? match[2]!
    // nginx reads one digit: "$10" is the first group and a "0".
    const capture = match[1] === undefined && /^[1-9]/.test(name)
    parts.push({ variable: capture ? name[0]! : name })
    literal = capture ? at + 2 : namePattern.lastIndex
  }
  if (literal < text.length) parts.push(text.slice(literal))
  return parts
}

/** Compiles a text; `use` is told every variable name, so that unknown ones can be reported. */
export function compileComplexValue(
  text: string,
  names: VariableNames,
  use: (name: string) => void,
): ComplexValue {
  const parts = parseTemplate(text).map((part): Part => {
    if (typeof part === 'string') return part
    use(part.variable)
    return names.slot(part.variable)
  })
  return toComplexValue(text, parts)
}

/** A value that needs no variables. */
export function constantValue(text: string): ComplexValue {
  return toComplexValue(text, [text])
}

function toComplexValue(text: string, parts: readonly Part[]): ComplexValue {
  const slots = parts.filter((part) => typeof part === 'number')
  const constant = slots.length === 0 ? parts.join('') : undefined
  const evaluate = composeEvaluate(parts, constant)
  return Object.freeze({ text, constant, slots, evaluate, append: composeAppend(parts) })
}

/** Chooses the cheapest reader once, so that serving does not look at the parts' kinds again. */
function composeEvaluate(
  parts: readonly Part[],
  constant: string | undefined,
): (host: VariableHost) => string {
  if (constant !== undefined) return () => constant
  const [only] = parts
  if (parts.length === 1 && typeof only === 'number') return (host) => host.get(only) ?? ''
  return (host) => {
    let out = ''
    for (const part of parts) out += typeof part === 'number' ? (host.get(part) ?? '') : part
    return out
  }
}

function composeAppend(parts: readonly Part[]): ComplexValue['append'] {
  const pieces = parts.map((part) => (typeof part === 'number' ? part : Buffer.from(part)))
  const [only] = pieces
  if (pieces.length === 1 && typeof only === 'number')
    return (host, sink) => void host.append(only, sink)
  return (host, sink) => {
    for (const piece of pieces) {
      if (typeof piece === 'number') host.append(piece, sink)
      else sink.all(piece)
    }
  }
}

export type { VariableValue }
