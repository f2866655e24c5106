import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OptionError, parseOptions } from './options.ts'

test('letters stand together, values follow at once or as the next word', () => {
  const options = parseOptions(['-tq', '-c', 'a.conf', '-p/srv', '-g', 'daemon off;'])
  assert(options.test && options.quiet && !options.dump)
  assert.equal(options.conf, 'a.conf')
  assert.equal(options.prefix, '/srv')
  assert.equal(options.globals, 'daemon off;')
})

test('a letter with a value ends its word', () => {
  assert.equal(parseOptions(['-tctest.conf']).conf, 'test.conf')
  assert.equal(parseOptions(['-s', 'reload']).signal, 'reload')
})

const refused: readonly (readonly [words: readonly string[], message: string])[] = [
  [['foo'], 'invalid option: "foo"'],
  [['-x'], 'invalid option: "x"'],
  [['-tx'], 'invalid option: "x"'],
  [['-s'], 'option "-s" requires parameter'],
  [['-s', 'kill'], 'invalid option: "-s kill"'],
  [['-c'], 'option "-c" requires file name'],
  [['-e'], 'option "-e" requires file name'],
  [['-p'], 'option "-p" requires directory name'],
  [['-g'], 'option "-g" requires parameter'],
]

for (const [words, message] of refused) {
  test(`${words.join(' ')}: ${message}`, () => {
    assert.throws(() => parseOptions(words), new OptionError(message))
  })
}
