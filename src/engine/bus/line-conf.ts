/**
 * The configuration files of the bus: one `key value` a line, `#` begins a comment line. This is the grammar
 * of mosquitto's files, which `mqtt.conf`, `iot-work.conf` and `iot-ctrl.conf` follow.
 *
 * A file's keys are a table, keyed by the name in the file; what the table does not hold is refused.
 */
import { ConfError } from '../conf/diagnostics.ts'

export interface LineKey<T> {
  /** The value where the file does not say. */
  readonly default: T
  /** Throws `ConfError` without the place. `soFar` is what earlier lines of this key gave. */
  readonly parse: (text: string, soFar: T) => T
  /** May stand more than once. */
  readonly repeated?: boolean
}

export type LineKeys<Conf> = { readonly [Key in keyof Conf]-?: LineKey<Conf[Key]> }

/** Reads the whole text; the error names the file and the line. An empty text is all defaults. */
export function parseLines<Conf extends object>(
  text: string,
  file: string,
  keys: LineKeys<Conf>,
): Conf {
  const table = new Map<string, LineKey<unknown>>(Object.entries(keys))
  const values = new Map([...table].map(([name, key]) => [name, key.default]))
  const seen = new Set<string>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [, name = '', rest = ''] = /^\s*(\S+)\s*(.*?)\s*$/.exec(line) ?? []
    if (name === '' || name.startsWith('#')) continue
    placed(`${file}:${index + 1}`, () => {
      const key = table.get(name)
      if (key === undefined) throw new ConfError(`unknown directive "${name}"`)
      if (seen.has(name) && key.repeated !== true) {
        throw new ConfError(`"${name}" directive is duplicate`)
      }
      seen.add(name)
      values.set(name, key.parse(rest, values.get(name)))
    })
  }
  return Object.fromEntries(values) as Conf
}

export function textKey<T extends string | undefined>(byDefault: T): LineKey<T | string> {
  return { default: byDefault, parse: (text) => notEmpty(text) }
}

/** `true` and `false`, as mosquitto writes them; also `on` and `off`, `1` and `0`. */
export function booleanKey(byDefault: boolean): LineKey<boolean> {
  return {
    default: byDefault,
    parse: (text) => {
      if (['true', 'on', '1'].includes(text)) return true
      if (['false', 'off', '0'].includes(text)) return false
      throw new ConfError(`invalid value "${text}", it must be "true" or "false"`)
    },
  }
}

export function integerKey(
  byDefault: number,
  range: { readonly min: number; readonly max: number },
): LineKey<number> {
  return {
    default: byDefault,
    parse: (text) => {
      const value = Number(text)
      if (/^\d+$/.test(text) && value >= range.min && value <= range.max) return value
      throw new ConfError(`invalid value "${text}", it must be ${range.min} to ${range.max}`)
    },
  }
}

export function listKey(): LineKey<readonly string[]> {
  return { default: [], repeated: true, parse: (text, soFar) => [...soFar, notEmpty(text)] }
}

export function notEmpty(text: string): string {
  if (text === '') throw new ConfError('invalid number of arguments')
  return text
}

function placed(place: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    throw new ConfError(`${error.message} in ${place}`)
  }
}
