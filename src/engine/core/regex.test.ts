import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfError } from '../conf/diagnostics.ts'
import { compileRegex } from './regex.ts'

test('what PCRE writes differently is rewritten', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['^(?P<user>\\w+)$', 'anna', true],
    ['(?i)ABC', 'xabcx', true],
    ['^[[:digit:]]+\\z', '123', true],
    ['^[[:digit:]]+\\z', '12a', false],
    ['\\Aa\\hb', 'a b', true],
    ['\\.php$', 'x.php', true],
    ['^[]x]+$', 'x]', true],
    ['^[\\h;]+$', ' ;', true],
    ['^(?P<a>x)(?P=a)$', 'xx', true],
    ['(*UTF8)^.$', 'é', true],
    ['^a.b$', 'a\rb', true],
    ['^a.b$', 'a\nb', false],
    ['(?s)^a.b$', 'a\nb', true],
    ['^[.]$', 'x', false],
    ['^\\v\\H$', '\vx', true],
  ]
  for (const [source, text, matches] of cases) {
    assert.equal(compileRegex(source, { ignoreCase: false }).test(text), matches, source)
  }
})

test('counts and names its groups', () => {
  const regex = compileRegex('(a)(?<name>b)(?:c)', { ignoreCase: true })
  assert.equal(regex.groups, 2)
  assert.deepEqual(regex.names, ['name'])
  assert.equal(regex.exec('xABCx')?.groups?.['name'], 'B')
})

test('what the engine cannot do is an error, never another match', () => {
  for (const source of ['a++', 'a*+b', '(?x)a b', 'a\\Kb', '\\Qa.b\\E', '\\p{L}', '(']) {
    assert.throws(() => compileRegex(source, { ignoreCase: false }), ConfError, source)
  }
  // An escaped quantifier and a plus in a class are no possessive quantifiers.
  assert.ok(compileRegex('a\\++', { ignoreCase: false }).test('a++'))
  assert.ok(compileRegex('[*+]+', { ignoreCase: false }).test('*+'))
})
