/** How directives of `userid*` become values. */
import { ConfError } from '../conf/diagnostics.ts'
import { parseNumber, parseTimeSeconds } from '../conf/units.ts'
import type { ValueType } from '../core/module.ts'

export const domainType: ValueType<string> = {
  describe: 'name | none',
  parse: ([name = '']) => (name === 'none' ? '' : `; domain=${name}`),
}

export const p3pType: ValueType<string> = {
  describe: 'string | none',
  parse: ([value = '']) => (value === 'none' ? '' : value),
}

export const expiresType: ValueType<number> = {
  describe: 'time | max | off',
  parse: ([value = '']) => {
    if (value === 'max') return Infinity
    if (value === 'off') return 0
    const seconds = parseTimeSeconds(value)
    if (seconds === undefined) throw new ConfError('"userid_expires" directive invalid value')
    return seconds
  },
}

export const markType: ValueType<string> = {
  describe: 'letter | digit | = | off',
  parse: ([value = '']) => {
    if (value === 'off') return ''
    if (/^[A-Za-z0-9=]$/.test(value)) return value
    throw new ConfError(
      '"userid_mark" directive value must be "off" or a single letter, digit or "="',
    )
  },
}

export const serviceType: ValueType<number | undefined> = {
  describe: 'number',
  parse: ([value = ''], { node }) => {
    const number = parseNumber(value)
    if (number === undefined) throw new ConfError(`"${node.name}" directive invalid number`)
    return number
  },
}

const knownFlags: Readonly<Record<string, string>> = {
  secure: '; secure',
  httponly: '; httponly',
  'samesite=strict': '; samesite=strict',
  'samesite=lax': '; samesite=lax',
  'samesite=none': '; samesite=none',
}

export const flagsType: ValueType<string> = {
  describe: 'off | flag ...',
  parse: (args) => {
    if (args[0] === 'off' && args.length === 1) return ''
    return args
      .map((arg) => {
        const known = knownFlags[arg.toLowerCase()]
        if (known === undefined) throw new ConfError(`invalid value "${arg}"`)
        return known
      })
      .join('')
  },
}
