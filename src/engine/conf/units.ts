/**
 * Values as nginx writes them: sizes, offsets, times, numbers, flags.
 *
 * The `parse…` functions give `undefined` for what nginx refuses; the `…Argument` functions throw nginx's
 * message instead. Results are exact integers: a value past 2^53 − 1 is refused, where nginx would take
 * it up to 2^63 − 1.
 */
import { ConfError } from './diagnostics.ts'

/** Bytes: `1024`, `8k`, `1m`. nginx has no larger unit for what it keeps in memory. */
export function parseSize(text: string): number | undefined {
  return parseScaled(text, sizeUnits)
}

/** Bytes of a file or a body: as a size, and `1g`. */
export function parseOffset(text: string): number | undefined {
  return parseScaled(text, offsetUnits)
}

/** A decimal number without sign. */
export function parseNumber(text: string): number | undefined {
  return /^\d+$/.test(text) ? exact(Number(text)) : undefined
}

/** A number with at most `places` decimals, times 10^places: `1.5` with two places is 150. */
export function parseFixedPoint(text: string, places: number): number | undefined {
  const match = /^(\d+)(?:\.(\d*))?$|^\.(\d+)$/.exec(text)
  if (match === null) return undefined
  const decimals = match[2] ?? match[3] ?? ''
  if (decimals.length > places) return undefined
  return exact(Number(`${match[1] ?? '0'}${decimals.padEnd(places, '0')}`))
}

/** `on` and `off` in any case, as nginx takes them. */
export function parseFlag(text: string): boolean | undefined {
  const lower = text.toLowerCase()
  if (lower === 'on') return true
  return lower === 'off' ? false : undefined
}

/** Milliseconds of `500ms`, `1m30s`, `10`; a number without unit is seconds. Months and years are refused. */
export function parseTimeMs(text: string): number | undefined {
  return parseTime(text, millisecondUnits)
}

/** Seconds of `1y6M`, `1h30m`, `10`; milliseconds are refused. */
export function parseTimeSeconds(text: string): number | undefined {
  return parseTime(text, secondUnits)
}

const sizeUnits: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2 }
const offsetUnits: Readonly<Record<string, number>> = { ...sizeUnits, g: 1024 ** 3 }

function parseScaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+)([kmg]?)$/i.exec(text)
  if (match === null) return undefined
  const unit = match[2]!.toLowerCase()
  const scale = unit === '' ? 1 : units[unit]
  return scale === undefined ? undefined : exact(Number(match[1]) * scale)
}

/** A unit and what it is worth, largest first: each may stand once, and only before smaller ones. */
type TimeUnits = readonly (readonly [unit: string, scale: number])[]

const day = 24 * 60 * 60

const secondUnits: TimeUnits = [
  ['y', 365 * day],
  ['M', 30 * day],
  ['w', 7 * day],
  ['d', day],
  ['h', 60 * 60],
  ['m', 60],
  ['s', 1],
]

const millisecondUnits: TimeUnits = [
  ['w', 7 * day * 1000],
  ['d', day * 1000],
  ['h', 60 * 60 * 1000],
  ['m', 60 * 1000],
  ['s', 1000],
  ['ms', 1],
]

/**
 * Parts may stand apart, as in `1h 30m`. A number without unit is seconds, at the end or before white
 * space; nothing but such a number may follow it: `1h30`, `1h 30 `.
 */
function parseTime(text: string, units: TimeUnits): number | undefined {
  const part = /(\d*)(ms|[yMwdhms ]|) */y
  const second = units.findIndex(([unit]) => unit === 's')
  let total = 0
  let rank = -1
  while (part.lastIndex < text.length) {
    const [, digits, unit] = part.exec(text)!
    const isBare = unit === '' || unit === ' '
    const index = isBare ? second : units.findIndex(([name]) => name === unit)
    if (unit === '' ? part.lastIndex < text.length : index <= rank) return undefined
    rank = isBare ? units.length : index
    total += Number(digits) * units[index]![1]
  }
  return /\d/.test(text) ? exact(total) : undefined
}

function exact(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined
}

export function sizeArgument(directive: string, text: string): number {
  return parseSize(text) ?? refuse(`"${directive}" directive invalid value`)
}

export function offsetArgument(directive: string, text: string): number {
  return parseOffset(text) ?? refuse(`"${directive}" directive invalid value`)
}

export function timeMsArgument(directive: string, text: string): number {
  return parseTimeMs(text) ?? refuse(`"${directive}" directive invalid value`)
}

export function timeSecondsArgument(directive: string, text: string): number {
  return parseTimeSeconds(text) ?? refuse(`"${directive}" directive invalid value`)
}

export function numberArgument(directive: string, text: string): number {
  return parseNumber(text) ?? refuse(`"${directive}" directive invalid number`)
}

export function flagArgument(directive: string, text: string): boolean {
  const message = `invalid value "${text}" in "${directive}" directive, it must be "on" or "off"`
  return parseFlag(text) ?? refuse(message)
}

/** One of a few words, in any case. */
export function choiceArgument<T extends string>(text: string, choices: readonly T[]): T {
  const lower = text.toLowerCase()
  return choices.find((choice) => choice === lower) ?? refuse(`invalid value "${text}"`)
}

function refuse(message: string): never {
  throw new ConfError(message)
}
