/**
 * The value types that directives of both subsystems share: how one argument becomes a value, and what the
 * reference page calls it.
 */
import { ConfError } from '../conf/diagnostics.ts'
import {
  choiceArgument,
  flagArgument,
  numberArgument,
  offsetArgument,
  sizeArgument,
  timeMsArgument,
  timeSecondsArgument,
} from '../conf/units.ts'
import type { ComplexValue } from '../core/complex-value.ts'
import type { ValueType } from '../core/module.ts'

/** `on | off`. */
export const flag: ValueType<boolean> = {
  describe: 'on | off',
  parse: ([text = ''], { node }) => flagArgument(node.name, text),
}

/** A directive without arguments: it stands there or it does not. */
export const present: ValueType<boolean> = { describe: '', parse: () => true }

/** Bytes: `16k`. */
export const size: ValueType<number> = {
  describe: 'size',
  parse: ([text = ''], { node }) => sizeArgument(node.name, text),
}

/** Bytes, with gigabytes: `1g`. */
export const offset: ValueType<number> = {
  describe: 'size',
  parse: ([text = ''], { node }) => offsetArgument(node.name, text),
}

/** Milliseconds from `10s`, `1m30s`, `500ms`. */
export const timeMs: ValueType<number> = {
  describe: 'time',
  parse: ([text = ''], { node }) => timeMsArgument(node.name, text),
}

/** Seconds from `5m`, `1d`. */
export const timeSeconds: ValueType<number> = {
  describe: 'time',
  parse: ([text = ''], { node }) => timeSecondsArgument(node.name, text),
}

export const count: ValueType<number> = {
  describe: 'number',
  parse: ([text = ''], { node }) => numberArgument(node.name, text),
}

/** A number within bounds, both included. */
export function countBetween(min: number, max: number): ValueType<number> {
  return {
    describe: `number from ${min} to ${max}`,
    parse: ([text = ''], { node }) => {
      const value = numberArgument(node.name, text)
      if (value >= min && value <= max) return value
      throw new ConfError(`value must be between ${min} and ${max}`)
    },
  }
}

/** The text as it stands. */
export const text: ValueType<string> = {
  describe: 'string',
  parse: ([value = '']) => value,
}

/** A text with variables. */
export const complexValue: ValueType<ComplexValue> = {
  describe: 'string with variables',
  parse: ([value = ''], env) => env.complex(value),
}

/** One of a few words. */
export function oneOf<const T extends string>(...choices: readonly T[]): ValueType<T> {
  return {
    describe: choices.join(' | '),
    parse: ([value = '']) => choiceArgument(value, choices),
  }
}

/** Some of a few words. */
export function someOf<const T extends string>(...choices: readonly T[]): ValueType<readonly T[]> {
  return {
    describe: `${choices.join(' | ')} ...`,
    parse: (args) => args.map((value) => choiceArgument(value, choices)),
  }
}

/** `merge` for directives that collect lists over their occurrences. */
export function concat<T>(lists: readonly (readonly T[])[]): readonly T[] {
  return lists.length === 1 ? lists[0]! : lists.flat()
}
