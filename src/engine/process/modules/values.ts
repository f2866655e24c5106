/** How the arguments of the main context's directives become values, with nginx's messages. */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseFlag, parseNumber, parseTimeMs } from '../../conf/units.ts'
import type { ValueType } from '../../core/module.ts'

export const flag: ValueType<boolean> = {
  describe: 'on | off',
  parse: ([text = ''], { node }) => {
    const value = parseFlag(text)
    if (value !== undefined) return value
    const message = `invalid value "${text}" in "${node.name}" directive`
    throw new ConfError(`${message}, it must be "on" or "off"`)
  },
}

export const number: ValueType<number> = {
  describe: 'number',
  parse: ([text = ''], { node }) => {
    const value = parseNumber(text)
    if (value === undefined) throw new ConfError(`"${node.name}" directive invalid number`)
    return value
  },
}

export const milliseconds: ValueType<number> = {
  describe: 'time',
  parse: ([text = ''], { node }) => {
    const value = parseTimeMs(text)
    if (value === undefined) throw new ConfError(`"${node.name}" directive invalid value`)
    return value
  },
}

export const text: ValueType<string> = {
  describe: 'text',
  parse: ([value = '']) => value,
}

/** A path that starts at the prefix unless it is absolute. */
export const prefixPath: ValueType<string> = {
  describe: 'path',
  parse: ([path = ''], env) => env.prefixPath(path),
}

/** Any number of occurrences, each read by `one`, kept as a list. */
export function listOf<T>(one: ValueType<T>): ValueType<readonly T[]> {
  return { describe: one.describe, parse: (args, env) => [one.parse(args, env)] }
}

/** Folds the occurrences of a repeatable directive. */
export function concat<T>(lists: readonly (readonly T[])[]): readonly T[] {
  return lists.flat()
}
