import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseToml } from './toml.ts'

const plain = (text: string): unknown => JSON.parse(JSON.stringify(parseToml(text)))

test('tables, dotted keys, strings, numbers, booleans and lists are read', () => {
  const text = `
# of the file
exporter = "otlp"   # behind a value
'quoted key' = 'no \\escapes'
[exporters.otlp]
host = "local\\u0068ost"\r
port = 4_318
use_ssl = false
headers."x-key" = "a\\tb"
hosts = [ "a", # one
  'b', ]
[sampler]
ratio = 0.25
offset = -1e3
empty = []
`
  assert.deepEqual(plain(text), {
    exporter: 'otlp',
    'quoted key': 'no \\escapes',
    exporters: {
      otlp: {
        host: 'localhost',
        port: 4318,
        use_ssl: false,
        headers: { 'x-key': 'a\tb' },
        hosts: ['a', 'b'],
      },
    },
    sampler: { ratio: 0.25, offset: -1000, empty: [] },
  })
})

test('names of the language are names like others', () => {
  assert.deepEqual(Object.keys(parseToml('__proto__ = 1\nconstructor = 2')), [
    '__proto__',
    'constructor',
  ])
})

const refused: readonly (readonly [text: string, message: string])[] = [
  ['a = 1\nb', '"=" is expected in line 2'],
  ['a = 1 b = 2', 'the line should end here in line 1'],
  ['a = 1\na = 2', '"a" stands twice in line 2'],
  ['[a]\n[a]', 'table "a" stands twice in line 2'],
  ['a = 1\n[a]', '"a" is no table in line 2'],
  ['[[a]]', 'lists of tables are not supported in line 1'],
  ['a = """x"""', 'strings over several lines are not supported in line 1'],
  ['a = "x', 'a string, a number, true or false is expected in line 1'],
  ['a = "\\q"', 'unknown escape "\\q" in line 1'],
  ['a = 2026-11-22', 'a string, a number, true or false is expected in line 1'],
  ['a = { b = 1 }', 'a string, a number, true or false is expected in line 1'],
  ['a = [1 2]', '"," or "]" is expected in line 1'],
  ['= 1', 'a key is expected in line 1'],
  ['a.b.c.d.e.f.g.h.i = 1', 'keys have at most 8 parts in line 1'],
]

for (const [text, message] of refused) {
  test(`refused: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseToml(text), { message })
  })
}
