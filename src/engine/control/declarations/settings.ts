/** How declarations say what is to stand in a block: directives by the name whose place they take. */
import { writeWord } from '../../conf/words.ts'
import type { Edit } from '../instruction.ts'
import { placeEdit, type PlaceStep } from '../place.ts'
import { readableWord, Refusal, replyCodes } from '../refusal.ts'
import type { Fields } from '../shape.ts'

/** All directives of a name, or of the names that make one list with it. */
export interface Setting {
  /** A name, or a block by its name and arguments. */
  readonly target: string | readonly [name: string, ...args: string[]]
  /** Each with its name first; none take away what is there. */
  readonly directives: readonly (readonly string[])[]
}

/** What one directive is set to, or nothing. */
export function single(name: string, ...args: readonly (string | undefined)[]): Setting {
  const given = args.filter((arg) => arg !== undefined)
  return { target: name, directives: given.length === 0 ? [] : [[name, ...given]] }
}

export function settingEdits(
  steps: readonly PlaceStep[],
  settings: readonly Setting[],
): readonly Edit[] {
  return settings.map(({ target, directives }) =>
    placeEdit({ steps, target }, directives.map(statement).join('\n')),
  )
}

/** One directive as text. */
export function statement(words: readonly string[]): string {
  return `${words.map((word) => writeWord(readableWord(word))).join(' ')};`
}

/** What cannot be done, in the words of the reference where it has some. */
export function fail(msg: string): never {
  throw new Refusal(replyCodes.failure, msg)
}

/** A whole number of a field that must lie within bounds, both included. */
export function boundedField(
  fields: Fields,
  name: string,
  [min, max]: readonly [number, number],
): string | undefined {
  const value = fields[name]
  if (value === undefined) return undefined
  if (typeof value === 'number' && value >= min && value <= max) return String(value)
  fail(` ${name} should be from ${min} to ${max}`)
}

export function textField(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  return typeof value === 'string' ? value : undefined
}

/** `on` or `off` for true and false. */
export function flagField(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  return value === undefined ? undefined : value === true ? 'on' : 'off'
}
