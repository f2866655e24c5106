import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfError } from '../conf/diagnostics.ts'
import { NameTable, parseServerName } from './server-names.ts'

function tableOf(names: Readonly<Record<string, readonly string[]>>): NameTable<string> {
  let table = NameTable.empty<string>()
  for (const [server, texts] of Object.entries(names)) {
    for (const text of texts) {
      for (const name of parseServerName(text)) table = table.add(name, server)
    }
  }
  return table
}

test('an exact name wins over wildcards, the longer wildcard over the shorter, regexes come last', () => {
  const table = tableOf({
    exact: ['www.example.com'],
    dotted: ['.example.com'],
    long: ['*.a.example.com'],
    tail: ['www.example.*'],
    longTail: ['www.example.co.*'],
    firstRegex: ['~^(?<first>w\\d)\\.test$'],
    secondRegex: ['~^w1\\.test$'],
  })
  const expected: Readonly<Record<string, string | undefined>> = {
    'www.example.com': 'exact',
    'example.com': 'dotted',
    'b.example.com': 'dotted',
    'x.a.example.com': 'long',
    'a.example.com': 'dotted',
    'www.example.org': 'tail',
    'www.example.co.uk': 'longTail',
    'w1.test': 'firstRegex',
    'other.org': undefined,
    'notexample.com': undefined,
  }
  for (const [host, server] of Object.entries(expected)) {
    assert.equal(table.find(host)?.server, server, host)
  }
  assert.deepEqual(table.find('w7.test')?.regex?.names, ['first'])
})

test('a removed name gives way to the one it hid; other versions of the table stay as they are', () => {
  const [name] = parseServerName('a.test')
  const both = NameTable.empty<string>().add(name!, 'first').add(name!, 'second')
  const one = both.remove(name!, 'first')
  assert.equal(both.find('a.test')?.server, 'first')
  assert.equal(one.find('a.test')?.server, 'second')
  assert.equal(one.remove(name!, 'second').find('a.test'), undefined)
})

test('names that are no names are refused', () => {
  for (const text of ['a*b.test', '*', '*.', 'www.*.test', '*.test.*', '~', '~(']) {
    assert.throws(() => parseServerName(text), ConfError, text)
  }
})
