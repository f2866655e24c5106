import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfError } from '../conf/diagnostics.ts'
import { ByteSink } from './byte-sink.ts'
import { compileComplexValue } from './complex-value.ts'
import {
  appendValue,
  VariableNames,
  type VariableHost,
  VariableTable,
  type VariableValue,
} from './variables.ts'

const names = new VariableNames()
const values: Readonly<Record<string, string>> = { a: '1', b_2: '2', '1': 'capture' }
const get = (slot: number): VariableValue => values[names.name(slot)]
const host: VariableHost = { get, append: (slot, sink) => appendValue(get(slot), sink) }

function evaluate(text: string): string {
  const value = compileComplexValue(text, names, () => {})
  const sink = new ByteSink(Buffer.alloc(1))
  value.append(host, sink)
  assert.equal(sink.bytes.toString('utf8', 0, sink.length), value.evaluate(host))
  return value.evaluate(host)
}

test('variables are read with and without braces, unknown ones as nothing', () => {
  assert.equal(evaluate('plain'), 'plain')
  assert.equal(evaluate('$a'), '1')
  assert.equal(evaluate('x${a}y$b_2.$a'), 'x1y2.1')
  assert.equal(evaluate('$A'), '1')
  assert.equal(evaluate('[$missing]'), '[]')
})

test('a capture is one digit', () => {
  assert.equal(evaluate('$10'), 'capture0')
  assert.equal(evaluate('${1}0'), 'capture0')
})

test('tells which variables it reads and whether it is constant', () => {
  const used: string[] = []
  const value = compileComplexValue('$a-${b_2}', names, (name) => used.push(name))
  assert.deepEqual(used, ['a', 'b_2'])
  assert.equal(value.constant, undefined)
  assert.equal(compileComplexValue('x', names, () => {}).constant, 'x')
})

test('a dollar that starts no name is refused', () => {
  for (const text of ['$', 'a$-', '${a', '${}'])
    assert.throws(() => evaluate(text), ConfError, text)
})

test('prefixes find what no name is defined for, the longest first', () => {
  const table = new VariableTable<VariableHost>(
    names,
    new Map([['arg_known', { get: () => 'known' }]]),
    [
      { prefix: 'arg_', get: (_, name) => `arg ${name}` },
      { prefix: 'arg_long_', get: (_, name) => `long ${name}` },
    ],
  )
  const read = (name: string): string | undefined => table.find(name)?.get(host, name)
  assert.equal(read('arg_known'), 'known')
  assert.equal(read('arg_x'), 'arg arg_x')
  assert.equal(read('arg_long_x'), 'long arg_long_x')
  assert.equal(read('nothing'), undefined)
  const more = table.extend([['nothing', { get: () => 'now' }]])
  assert.equal(more.find('nothing')?.get(host, ''), 'now')
  assert.equal(table.find('nothing'), undefined)
})
