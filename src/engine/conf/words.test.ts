import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfError } from './diagnostics.ts'
import { joinWords, splitWords, writeWord } from './words.ts'

/** A word and the form in which it is written. */
const written: readonly (readonly [word: string, text: string])[] = [
  ['plain', 'plain'],
  ['a#b}c', 'a#b}c'],
  ['${host}:$port', '${host}:$port'],
  ['~^/a\\.php$', '~^/a\\.php$'],
  ['~^\\d{2}$', '"~^\\d{2}$"'],
  ['', '""'],
  ['a b', '"a b"'],
  ['a;', '"a;"'],
  ['{', '"{"'],
  ['}', '"}"'],
  ['#', '"#"'],
  ['say "hi"', '\'say "hi"\''],
  ['it\'s "x"', '"it\'s \\"x\\""'],
  ['a\nb\tc\r', '"a\\nb\\tc\\r"'],
  ['a\\', 'a\\\\'],
  ['a\\n', 'a\\\\n'],
  ['\\\n', '"\\\\\\n"'],
  ['\\${a', '"\\${a"'],
]

test('words are bare where they can be, and quoted where they must', () => {
  for (const [word, text] of written) {
    assert.equal(writeWord(word), text)
    assert.deepEqual(splitWords(text), [word])
  }
})

test('words are separated by white space', () => {
  assert.deepEqual(splitWords(' a  "b c"\t\'\'\n d '), ['a', 'b c', '', 'd'])
  assert.equal(joinWords(['Connection', '']), 'Connection ""')
})

const refused: readonly (readonly [text: string, message: string])[] = [
  ['a;', 'unexpected ";"'],
  ['a; b', 'unexpected ";"'],
  ['a {', 'unexpected "{"'],
  ['a }', 'unexpected "}"'],
  ['a # b', 'unexpected "#"'],
  ['"a"b', 'unexpected "b"'],
  ['"a', 'unexpected end of value, probably missing a closing quote'],
  ['a\\', 'unexpected end of value after "\\"'],
  ['"a\\"', 'unexpected end of value, probably missing a closing quote'],
]

test('a text that is more than words is refused', () => {
  for (const [text, message] of refused) {
    assert.throws(() => splitWords(text), new ConfError(message), text)
  }
})
