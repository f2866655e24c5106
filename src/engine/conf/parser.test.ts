import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { directives } from './block.ts'
import { formatDiagnostic, formatWithColumn } from './diagnostics.ts'
import { blockDepthMax, diagnosticsMax } from './limits.ts'
import { parse, parseParameter } from './parser.ts'
import { print } from './printer.ts'
import { type Directive, reportedAt } from './tree.ts'

const folder = `${import.meta.dirname}/fixtures`
const separator = '----------\n'

/** `TRIJET_WRITE_FIXTURES=1` writes what is read now; look at the difference before keeping it. */
const rewrite = process.env['TRIJET_WRITE_FIXTURES'] !== undefined

/** One line for each directive, `line:column name [arguments]`, and one for each fault. */
function describe(text: string): string {
  const { main, diagnostics } = parse(text, 'x')
  const faults = diagnostics.map((fault) => `${formatWithColumn(fault).replace('x:', '')}\n`)
  return [
    ...describeChildren(main, ''),
    ...(faults.length > 0 ? ['faults\n', ...faults] : []),
  ].join('')
}

function* describeChildren(owner: Directive, indent: string): Generator<string> {
  for (const node of directives(owner.block!)) {
    const { line, column } = node.at!
    const args = node.args.map((arg) => ` ${JSON.stringify(arg)}`).join('')
    const script = node.script === undefined ? '' : ` script ${JSON.stringify(node.script)}`
    yield `${indent}${line}:${column} ${node.name}${args}${script}${node.block ? ' {' : ''}\n`
    if (node.block !== undefined) yield* describeChildren(node, `${indent}  `)
  }
}

for (const name of readdirSync(folder)) {
  test(`fixture ${name}`, () => {
    const path = `${folder}/${name}`
    const [input, expected] = readFileSync(path, 'utf8').split(separator) as [string, string]
    const actual = describe(input)
    if (rewrite) writeFileSync(path, input + separator + actual)
    else assert.equal(actual, expected)
    const { main, diagnostics } = parse(input, 'x')
    if (diagnostics.length === 0) assert.equal(print(main), input)
  })
}

test('blocks may be nested as deep as the limit and no deeper', () => {
  const nested = (depth: number): string => 'a{'.repeat(depth) + '}'.repeat(depth)
  assert.deepEqual(parse(nested(blockDepthMax), 'x').diagnostics, [])
  const [first] = parse(nested(100_000), 'x').diagnostics
  assert.equal(first?.message, `blocks are nested deeper than ${blockDepthMax}`)
})

test('a file of nothing but faults is given up', () => {
  assert.equal(parse(';'.repeat(100_000), 'x').diagnostics.length, diagnosticsMax)
})

test('the argument of -g takes simple directives only', () => {
  const { main, diagnostics } = parseParameter('daemon off; user "a b";')
  assert.deepEqual(diagnostics, [])
  assert.deepEqual(
    [...directives(main.block!)].map(({ args }) => args),
    [['off'], ['a b']],
  )
  const [first] = parseParameter('daemon off').diagnostics
  assert.equal(
    formatDiagnostic(first!),
    'unexpected end of parameter, expecting ";" in command line',
  )
})

test('a message about a directive names the line of its end', () => {
  const { main } = parse('user\n  a\n  b  ;server\n{ }', 'x')
  const [user, server] = [...directives(main.block!)]
  assert.deepEqual(reportedAt(user!), { file: 'x', line: 3, column: 6 })
  assert.deepEqual(reportedAt(server!), { file: 'x', line: 4, column: 1 })
})

test('nodes are frozen through and through', () => {
  const { main } = parse('server { listen 80; }', 'x')
  const [server] = [...directives(main.block!)]
  for (const part of [main, server, server!.args, server!.at, server!.source, server!.block]) {
    assert.ok(Object.isFrozen(part))
  }
})

test('a text that lost characters in decoding is warned about, not refused', () => {
  const { diagnostics } = parse('return "\uFFFD";', 'x')
  assert.deepEqual(
    diagnostics.map(({ severity }) => severity),
    ['warn'],
  )
})
