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
  const [only] = parts
  if (parts.length === 1 && typeof only === 'number')
    return Object.freeze(new OneVariable(text, only))
  const slots = parts.filter((part) => typeof part === 'number')
  return Object.freeze(
    slots.length === 0
      ? new ConstantText(text, parts.join(''))
      : new Composition(text, parts, slots),
  )
}

class ConstantText implements ComplexValue {
  readonly text: string
  readonly constant: string
  readonly slots: readonly number[] = noSlots

  constructor(text: string, constant: string) {
    this.text = text
    this.constant = constant
  }

  evaluate(): string {
    return this.constant
  }

  append(_host: VariableHost, sink: ByteSink): void {
    sink.text(this.constant)
  }
}

class OneVariable implements ComplexValue {
  readonly text: string
  readonly constant: undefined = undefined
  readonly slots: readonly number[]
  readonly #slot: number

  constructor(text: string, slot: number) {
    this.text = text
    this.slots = Object.freeze([slot])
    this.#slot = slot
  }

  evaluate(host: VariableHost): string {
    return host.get(this.#slot) ?? ''
  }

  append(host: VariableHost, sink: ByteSink): void {
    host.append(this.#slot, sink)
  }
}

class Composition implements ComplexValue {
  readonly text: string
  readonly constant: undefined = undefined
  readonly slots: readonly number[]
  readonly #parts: readonly Part[]

  constructor(text: string, parts: readonly Part[], slots: readonly number[]) {
    this.text = text
    this.slots = Object.freeze(slots)
    this.#parts = parts
  }

  evaluate(host: VariableHost): string {
    let out = ''
    for (const part of this.#parts) out += typeof part === 'number' ? (host.get(part) ?? '') : part
    return out
  }

  append(host: VariableHost, sink: ByteSink): void {
    for (const part of this.#parts) {
      if (typeof part === 'number') host.append(part, sink)
      else sink.text(part)
    }
  }
}

const noSlots: readonly number[] = Object.freeze([])

export type { VariableValue }
