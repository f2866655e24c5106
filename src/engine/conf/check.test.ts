import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockOf } from './block.ts'
import { checkBlock, checkConfiguration, CheckMemo, checkTree } from './check.ts'
import { formatDiagnostic } from './diagnostics.ts'
import type { DirectiveShape, DirectiveTable } from './directive-table.ts'
import { createMemoryReader } from './file-reader.ts'
import { loadConfiguration } from './includes.ts'
import { parse } from './parser.ts'
import { addChild, removeNode, replaceAt } from './patch.ts'
import { directive, type Directive } from './tree.ts'

const shapes: Readonly<Record<string, DirectiveShape>> = {
  'main user': { row: { args: [1, 2] } },
  'main stream': { block: { args: [0, 0], opens: 'stream', repeated: false } },
  'stream server': { block: { args: [0, 0], opens: 'server', repeated: true } },
  'stream upstream': { block: { args: [1, 1], opens: 'upstream', repeated: true } },
  'stream map': { block: { args: [2, 2], opens: 'free', repeated: true } },
  'stream timeout': { row: { args: [1, 1] } },
  'upstream server': { row: { args: [1, Infinity], merge: true } },
  'server listen': { row: { args: [1, Infinity], merge: true } },
  'server timeout': { row: { args: [1, 1] } },
  'server x_by_lua_block': { block: { args: [0, 0], opens: 'free', repeated: false } },
}
const names = new Set(Object.keys(shapes).map((key) => key.split(' ')[1]))

const table: DirectiveTable = {
  find: (context, name) => shapes[`${context} ${name}`],
  knows: (name) => names.has(name),
}

/** Configurations and all that is wrong with them. */
const cases: readonly (readonly [text: string, ...messages: string[]])[] = [
  ['user a; stream { server { listen 1; listen 2; timeout 1; } timeout 2; }'],
  ['stream { upstream x { server a b c; server d; } map $a $b { x 1; y 2; anything at all; } }'],
  ['stream { server { x_by_lua_block { foo } } }'],
  ['foo;', 'unknown directive "foo" in x:1'],
  ['stream {\n foo\n{ bar; } }', 'unknown directive "foo" in x:3'],
  ['listen 80;', '"listen" directive is not allowed here in x:1'],
  ['user { }', 'directive "user" is not terminated by ";" in x:1'],
  ['user\n\n{ }', 'directive "user" is not terminated by ";" in x:3'],
  ['stream;', 'directive "stream" has no opening "{" in x:1'],
  ['stream { server a; }', 'directive "server" has no opening "{" in x:1'],
  ['stream { upstream x { server { } } }', 'directive "server" is not terminated by ";" in x:1'],
  ['user;', 'invalid number of arguments in "user" directive in x:1'],
  ['user a b c;', 'invalid number of arguments in "user" directive in x:1'],
  ['stream { upstream { } }', 'invalid number of arguments in "upstream" directive in x:1'],
  ['user a;\nuser b;', '"user" directive is duplicate in x:2'],
  ['stream { map $a $b { x 1;\n y { } } }', 'unexpected "{" in x:2'],
  [
    'foo;\nstream { bar; }\nstream {\n baz; }',
    'unknown directive "foo" in x:1',
    'unknown directive "bar" in x:2',
    '"stream" directive is duplicate in x:3',
    'unknown directive "baz" in x:4',
  ],
]

test('messages are those of nginx, all of them, in order', () => {
  for (const [text, ...messages] of cases) {
    assert.deepEqual(checkTree(parse(text, 'x').main, table).map(formatDiagnostic), messages, text)
  }
})

test('faults of reading and of shape come in the order of the files', () => {
  const configuration = loadConfiguration(
    'main',
    createMemoryReader({
      main: 'foo;\ninclude a; include b;\n;bar;',
      a: '\nfoo; ;\nfoo "a"b;\ninclude c; }\nfoo;',
      b: 'foo;',
      c: 'foo;',
    }),
  )
  assert.deepEqual(checkConfiguration(configuration, table).map(formatDiagnostic), [
    'unknown directive "foo" in main:1',
    'unknown directive "foo" in a:2',
    'unexpected ";" in a:2',
    'unexpected "b" in a:3',
    'unknown directive "foo" in c:1',
    'unexpected "}" in a:4',
    'unknown directive "foo" in a:5',
    'unknown directive "foo" in b:1',
    'unexpected ";" in main:3',
    'unknown directive "bar" in main:3',
  ])
})

test('a fragment is tested in the context it is meant for', () => {
  const { main } = parse('listen 80; user a;', 'body')
  const messages = checkBlock(main.block!, 'server', table).map(formatDiagnostic)
  assert.deepEqual(messages, ['"user" directive is not allowed here in body:1'])
})

function server(port: number): Directive {
  return directive('server', [], blockOf([directive('listen', [String(port)])]))
}

function largeTree(): Directive {
  const servers = Array.from({ length: 10_000 }, (_, i) => server(i))
  return directive('main', [], blockOf([directive('stream', [], blockOf(servers))]))
}

test('after a change only what is new is looked at', () => {
  const memo = new CheckMemo()
  let main = largeTree()
  assert.deepEqual(checkTree(main, table, memo), [])
  assert.equal(memo.visits, 20_001)
  const changes: readonly ((tree: Directive) => Directive)[] = [
    (tree) => addChild(tree, ['stream'], server(1)),
    (tree) => addChild(tree, ['stream'], server(2), 5000),
    (tree) => replaceAt(tree, ['stream', 7], server(3)),
  ]
  for (const change of changes) {
    memo.visits = 0
    main = change(main)
    assert.deepEqual(checkTree(main, table, memo), [])
    // The stream block on the path, the server, its listen.
    assert.equal(memo.visits, 3)
  }
  memo.visits = 0
  assert.deepEqual(checkTree(removeNode(main, ['stream', 3]), table, memo), [])
  assert.equal(memo.visits, 1)
})

test('a test that is remembered looks at no directive at all, and at few parts of the block', () => {
  const memo = new CheckMemo()
  const main = largeTree()
  let finds = 0
  const counting: DirectiveTable = {
    knows: (name) => names.has(name),
    find: (context, name) => {
      finds++
      return table.find(context, name)
    },
  }
  checkTree(main, counting, memo)
  finds = 0
  checkTree(addChild(main, ['stream'], server(1)), counting, memo)
  // The new leaf's children, which are remembered one by one, and the path.
  assert.ok(finds < 50, `${finds} look-ups`)
})

test('what is wrong is never remembered as right', () => {
  const memo = new CheckMemo()
  const wrong = addChild(largeTree(), ['stream'], directive('foo'), 5000)
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(
      checkTree(wrong, table, memo).map(({ message }) => message),
      ['unknown directive "foo"'],
    )
  }
})

test('a second occurrence is found although the first is in a remembered part', () => {
  const memo = new CheckMemo()
  const once = addChild(largeTree(), ['stream'], directive('timeout', ['1']), 100)
  assert.deepEqual(checkTree(once, table, memo), [])
  for (const index of [0, 50, 9000, undefined]) {
    const twice = addChild(once, ['stream'], directive('timeout', ['2']), index)
    const messages = checkTree(twice, table, memo).map(({ message }) => message)
    assert.deepEqual(messages, ['"timeout" directive is duplicate'])
  }
  assert.deepEqual(checkTree(once, table, memo), [])
})

test('a node is right only in the contexts in which it was found right', () => {
  const memo = new CheckMemo()
  const { main } = parse('listen 1;', 'x')
  assert.deepEqual(checkBlock(main.block!, 'server', table, memo), [])
  assert.equal(checkBlock(main.block!, 'stream', table, memo).length, 1)
})
