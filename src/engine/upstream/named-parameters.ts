/** Directives whose arguments are all `name=value`, read into settings by a table. */
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseTimeMs } from '../conf/units.ts'

/** The value of one parameter; `undefined` when the text is none. */
export type ParameterReader = (text: string) => number | undefined

export function percent(text: string): number | undefined {
  const value = parseNumber(text.endsWith('%') ? text.slice(0, -1) : text)
  return value !== undefined && value >= 1 && value <= 100 ? value : undefined
}

export function atLeast(min: number): ParameterReader {
  return (text) => {
    const value = parseNumber(text)
    return value !== undefined && value >= min ? value : undefined
  }
}

export function positiveTime(text: string): number | undefined {
  const ms = parseTimeMs(text)
  return ms !== undefined && ms > 0 ? ms : undefined
}

/** Throws `ConfError` for a name that the table does not have, or a value that is none. */
export function readNamed<Name extends string>(
  words: readonly string[],
  readers: Readonly<Record<Name, ParameterReader>>,
): Partial<Record<Name, number>> {
  const values: Partial<Record<Name, number>> = {}
  for (const word of words) {
    const equals = word.indexOf('=')
    const name = word.slice(0, Math.max(equals, 0))
    const reader = Object.hasOwn(readers, name) ? readers[name as Name] : undefined
    const value = reader?.(word.slice(equals + 1))
    if (value === undefined) throw new ConfError(`invalid parameter "${word}"`)
    values[name as Name] = value
  }
  return values
}
