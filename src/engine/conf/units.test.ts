import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  choiceArgument,
  flagArgument,
  parseFixedPoint,
  parseFlag,
  parseNumber,
  parseOffset,
  parseSize,
  parseTimeMs,
  parseTimeSeconds,
  sizeArgument,
} from './units.ts'

type Cases<T> = Readonly<Record<string, T | undefined>>

function check<T>(parse: (text: string) => T | undefined, cases: Cases<T>): void {
  for (const [text, value] of Object.entries(cases)) assert.equal(parse(text), value, `"${text}"`)
}

test('sizes', () => {
  check(parseSize, { '0': 0, '10': 10, '8k': 8192, '8K': 8192, '1m': 1048576, '1g': undefined })
  check(parseSize, {
    '': undefined,
    k: undefined,
    '-1': undefined,
    '1.5k': undefined,
    ' 1': undefined,
  })
  check(parseSize, { '9007199254740991': 2 ** 53 - 1, '9007199254740992': undefined })
  check(parseSize, { '8796093022208k': undefined, '8796093022207k': 9007199254739968 })
})

test('offsets', () => {
  check(parseOffset, { '1g': 2 ** 30, '2G': 2 ** 31, '1m': 2 ** 20, '1t': undefined })
})

test('milliseconds', () => {
  check(parseTimeMs, { '10': 10_000, '10s': 10_000, '10ms': 10, '1m': 60_000, '1h30m': 5_400_000 })
  check(parseTimeMs, {
    '1h 30m': 5_400_000,
    '1h30': 3_630_000,
    '1d': 86_400_000,
    '1w': 604_800_000,
  })
  check(parseTimeMs, { '1s500ms': 1500, '1ms1s': undefined, '1m1h': undefined, '1M': undefined })
  check(parseTimeMs, {
    '': undefined,
    s: undefined,
    '1y': undefined,
    '-1': undefined,
    '1.5s': undefined,
  })
  check(parseTimeMs, { '99999999999999999999s': undefined, '15000w': 9_072_000_000_000 })
})

test('seconds', () => {
  check(parseTimeSeconds, {
    '10': 10,
    '1m': 60,
    '1M': 2_592_000,
    '1y': 31_536_000,
    '1y6M': 47_088_000,
  })
  check(parseTimeSeconds, { '500ms': undefined, '1y1y': undefined, '1 1': 2 })
})

test('numbers, flags and fixed points', () => {
  check(parseNumber, { '0': 0, '007': 7, '': undefined, '-1': undefined, '1e3': undefined })
  check(parseFlag, { on: true, OFF: false, yes: undefined, '': undefined })
  check((text) => parseFixedPoint(text, 2), { '1.5': 150, '1': 100, '.25': 25, '1.': 100 })
  check((text) => parseFixedPoint(text, 2), { '1.234': undefined, '.': undefined, '-1': undefined })
})

test('what is refused is said with the name of the directive', () => {
  assert.equal(sizeArgument('x', '1k'), 1024)
  assert.throws(() => sizeArgument('x', '1x'), { message: '"x" directive invalid value' })
  const message = 'invalid value "yes" in "x" directive, it must be "on" or "off"'
  assert.throws(() => flagArgument('x', 'yes'), { message })
  assert.equal(choiceArgument('Build', ['on', 'build']), 'build')
  assert.throws(() => choiceArgument('no', ['on', 'build']), { message: 'invalid value "no"' })
})
