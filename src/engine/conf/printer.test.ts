import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockOf, directives } from './block.ts'
import { configurationFromText, loadConfiguration } from './includes.ts'
import { createMemoryReader } from './file-reader.ts'
import { parse } from './parser.ts'
import { addChild, type Path, removeNode, replaceAt } from './patch.ts'
import { dumpFiles, print, printDirective } from './printer.ts'
import { directive, type Directive, withArgs } from './tree.ts'

function tree(text: string): Directive {
  const { main, diagnostics } = parse(text, 'main.conf')
  assert.deepEqual(diagnostics, [])
  return main
}

const fresh = directive('new', ['a b'])

interface Case {
  readonly before: string
  /** Block that gets `fresh`, and where in it. */
  readonly at: Path
  readonly index?: number
  readonly after: string
}

const additions: readonly Case[] = [
  { before: '', at: [], after: 'new "a b";\n' },
  { before: '# only\n', at: [], after: '# only\nnew "a b";\n' },
  { before: 'a;\n', at: [], after: 'a;\nnew "a b";\n' },
  { before: 'a;', at: [], after: 'a;\nnew "a b";\n' },
  { before: 'a; # x', at: [], after: 'a; # x\nnew "a b";\n' },
  { before: '# head\na;\n', at: [], index: 0, after: 'new "a b";\n# head\na;\n' },
  { before: 'a; # x\n# y\nb;\n', at: [], index: 1, after: 'a; # x\nnew "a b";\n# y\nb;\n' },
  { before: 's {\n  a;\n}\n', at: ['s'], after: 's {\n  a;\n  new "a b";\n}\n' },
  { before: 's {\n  a;\n}\n', at: ['s'], index: 0, after: 's {\n  new "a b";\n  a;\n}\n' },
  { before: 's { # x\n  a;\n}\n', at: ['s'], index: 0, after: 's { # x\n  new "a b";\n  a;\n}\n' },
  {
    before: 's {\n\ta; # x\n\t# y\n}\n',
    at: ['s'],
    after: 's {\n\ta; # x\n\tnew "a b";\n\t# y\n}\n',
  },
  { before: 's { a; }\n', at: ['s'], after: 's { a; new "a b"; }\n' },
  { before: 's {a;}\n', at: ['s'], after: 's {a; new "a b"; }\n' },
  { before: 's { a; # x\n}\n', at: ['s'], after: 's { a; # x\n    new "a b";\n}\n' },
  { before: 's { a; }\n', at: ['s'], index: 0, after: 's { new "a b"; a; }\n' },
  { before: 's {}\n', at: ['s'], after: 's {\n    new "a b";\n}\n' },
  { before: 's {\n}\n', at: ['s'], after: 's {\n    new "a b";\n}\n' },
  { before: 't {\n  s {}\n}\n', at: ['t', 's'], after: 't {\n  s {\n    new "a b";\n  }\n}\n' },
]

test('what is added is laid out as its neighbours are; the rest stays as it was', () => {
  for (const { before, at, index, after } of additions) {
    const changed = addChild(tree(before), at, fresh, index)
    assert.equal(print(changed), after, JSON.stringify(before))
    const again = tree(print(changed))
    assert.equal(print(again), after)
  }
})

test('a replaced directive keeps its place, a changed one its comments too', () => {
  const main = tree('s {\n  # why\n  a 1; # beside\n  b;\n}\n')
  const changed = replaceAt(main, ['s', 'a'], (node) => withArgs(node, ['x y']))
  assert.equal(print(changed), 's {\n  # why\n  a "x y"; # beside\n  b;\n}\n')
  const replaced = replaceAt(main, ['s', 'b'], fresh)
  assert.equal(print(replaced), 's {\n  # why\n  a 1; # beside\n  new "a b";\n}\n')
})

test('a removed directive takes its own comments along, and no others', () => {
  const main = tree('a; # of a\n# of b\nb { # of b\n} # of b\nc; # of c\n')
  assert.equal(print(removeNode(main, ['b'])), 'a; # of a\nc; # of c\n')
  assert.equal(print(removeNode(main, ['a'])), '\n# of b\nb { # of b\n} # of b\nc; # of c\n')
})

test('what comes to stand behind a comment gets a line of its own', () => {
  assert.equal(print(removeNode(tree('a; # x\nb; c;'), ['b'])), 'a; # x\nc;')
  assert.equal(print(removeNode(tree('s { a; # x\n b; }'), ['s', 'b'])), 's { a; # x\n}')
})

test('a fragment from elsewhere is indented anew, with its comments', () => {
  const { main: body } = configurationFromText(
    'listen 1; # beside\n  # above\nif ($x)\n{ deny all; # no\n}\n# last',
    'body',
  )
  const server = directive('server', [], blockOf([...directives(body.block!)]))
  const changed = addChild(tree('stream {\n  a;\n}\n'), ['stream'], server)
  assert.equal(
    print(changed),
    `stream {
  a;
  server {
    listen 1; # beside
    # above
    if ($x)
{
      deny all; # no
    }
  }
}
`,
  )
})

test('an expanded tree is printed whole', () => {
  const files = { 'main.conf': 'http {\n  include a;\n  b;\n}\n', a: 'x; # of x\ny {\nz;\n}\n' }
  const { main } = loadConfiguration('main.conf', createMemoryReader(files))
  assert.equal(print(main), 'http {\n  x; # of x\n  y {\n    z;\n  }\n  b;\n}\n')
})

test('a built tree is printed in the usual form', () => {
  const block = blockOf([directive('listen', ['80']), directive('location', ['/'], blockOf([]))])
  const script = Object.freeze({ ...directive('x_script'), script: ' return 1 ' })
  const main = directive('main', [], blockOf([directive('server', [], block), script]))
  const text = `server {
    listen 80;
    location / {
    }
}
x_script { return 1 }
`
  assert.equal(print(main), text)
  assert.equal(printDirective(directive('server', [], block)), text.slice(0, text.indexOf('\nx_')))
})

test('files are dumped under their names', () => {
  const dump = dumpFiles([
    ['/a', 'user x;\n'],
    ['/b', '# no end'],
  ])
  assert.equal(dump, '# configuration file /a:\nuser x;\n\n# configuration file /b:\n# no end\n')
})

test('ten thousand new servers are printed in linear time', () => {
  const servers = Array.from({ length: 10_000 }, () => directive('server', [], blockOf([fresh])))
  const main = directive('main', [], blockOf([directive('stream', [], blockOf(servers))]))
  const start = performance.now()
  const text = print(main)
  assert.equal(text.split('\n').length, 30_003)
  assert.ok(performance.now() - start < 5000)
})
