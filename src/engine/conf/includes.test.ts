import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Block, directives } from './block.ts'
import { formatDiagnostic } from './diagnostics.ts'
import { createMemoryReader } from './file-reader.ts'
import {
  type Configuration,
  configurationFromText,
  fileTexts,
  loadConfiguration,
} from './includes.ts'
import { blockDepthMax, includeDepthMax } from './limits.ts'
import { print } from './printer.ts'
import type { Directive } from './tree.ts'

function load(files: Readonly<Record<string, string>>): Configuration {
  return loadConfiguration('/conf/main.conf', createMemoryReader(files))
}

function faultsOf({ diagnostics }: Configuration): readonly string[] {
  return diagnostics.map(formatDiagnostic)
}

/** `name args { … }` in one line, to compare trees by. */
function outline(block: Block): string {
  const line = ({ name, args, block: inner }: Directive): string =>
    [name, ...args].join(' ') + (inner === undefined ? '' : ` { ${outline(inner)} }`)
  return [...directives(block)].map(line).join('; ')
}

test('included directives stand in place of the include', () => {
  const configuration = load({
    '/conf/main.conf': 'a; http { include sites/*.conf; z; } include /etc/x.conf;',
    '/conf/sites/2.conf': 'server { include sites/common; }',
    '/conf/sites/1.conf': 'b; c;',
    '/conf/sites/common': 'd;',
    '/etc/x.conf': 'e;',
  })
  assert.deepEqual(faultsOf(configuration), [])
  assert.equal(outline(configuration.main.block!), 'a; http { b; c; server { d }; z }; e')
  assert.deepEqual(
    [...configuration.files.keys()],
    [
      '/conf/main.conf',
      '/conf/sites/1.conf',
      '/conf/sites/2.conf',
      '/conf/sites/common',
      '/etc/x.conf',
    ],
  )
})

test('files keep their own text and tree', () => {
  const texts = { '/conf/main.conf': '# m\ninclude a; # x\n', '/conf/a': ' b;\n\n# end' }
  const configuration = load(texts)
  for (const { text, main } of configuration.files.values()) assert.equal(print(main), text)
  assert.deepEqual(fileTexts(configuration), texts)
  assert.equal(configuration.files.get('/conf/a')?.includedAt?.line, 2)
})

test('captured texts give the same tree in another place', () => {
  const first = load({
    '/conf/main.conf': 'include a*; include b;',
    '/conf/a1': 'x;',
    '/conf/b': 'y;',
  })
  const again = load(fileTexts(first))
  assert.deepEqual(again.main, first.main)
})

test('what holds no include is the very node of its file', () => {
  const { main, files } = load({
    '/conf/main.conf': 'http { a; } include b;',
    '/conf/b': 'c { d; }',
  })
  const [http, c] = [...directives(main.block!)]
  assert.equal(http, [...directives(files.get('/conf/main.conf')!.main.block!)][0])
  assert.equal(c, [...directives(files.get('/conf/b')!.main.block!)][0])
})

test('a file that is included twice gives nodes of its own each time', () => {
  const { main } = load({
    '/conf/main.conf': 's { include a; } s { include a; }',
    '/conf/a': 'x { y; }',
  })
  const [first, second] = [...directives(main.block!)].map(
    ({ block }) => [...directives(block!)][0]!,
  )
  assert.notEqual(first, second)
  assert.notEqual([...directives(first!.block!)][0], [...directives(second!.block!)][0])
  assert.deepEqual(first, second)
})

test('a missing file is an error, a pattern that matches nothing is not', () => {
  const configuration = load({ '/conf/main.conf': 'include x*;\ninclude y; z;' })
  assert.deepEqual(faultsOf(configuration), [
    'open() "/conf/y" failed (2: No such file or directory) in /conf/main.conf:2',
  ])
  assert.equal(outline(configuration.main.block!), 'z')
})

test('a missing main file is an error without a place', () => {
  assert.deepEqual(faultsOf(load({})), [
    'open() "/conf/main.conf" failed (2: No such file or directory)',
  ])
})

test('faults come in the order in which a reader meets them', () => {
  const configuration = load({
    '/conf/main.conf': ';\ninclude a;\n;include b;\ninclude a;',
    '/conf/a': '\n;include b;\n}',
    '/conf/b': '\n\n;',
  })
  assert.deepEqual(faultsOf(configuration), [
    'unexpected ";" in /conf/main.conf:1',
    'unexpected ";" in /conf/a:2',
    'unexpected ";" in /conf/b:3',
    'unexpected "}" in /conf/a:3',
    'unexpected ";" in /conf/main.conf:3',
  ])
})

test('files that include themselves are refused', () => {
  assert.deepEqual(faultsOf(load({ '/conf/main.conf': 'include main.conf;' })), [
    '"/conf/main.conf" includes itself in /conf/main.conf:1',
  ])
  const ring = load({
    '/conf/main.conf': 'include a;',
    '/conf/a': 'include b;',
    '/conf/b': 'include a;',
  })
  assert.deepEqual(faultsOf(ring), ['"/conf/a" includes itself in /conf/b:1'])
})

test('a chain of files ends at its limit', () => {
  const files: Record<string, string> = { '/conf/main.conf': 'include 0;' }
  for (let i = 0; i < 50; i++) files[`/conf/${i}`] = `include ${i + 1};`
  assert.deepEqual(faultsOf(load(files)), [
    `files include one another deeper than ${includeDepthMax} in /conf/${includeDepthMax - 1}:1`,
  ])
})

test('blocks that grow deep by includes end at their limit', () => {
  const files: Record<string, string> = { '/conf/main.conf': 'include 0;' }
  const [open, close] = ['a {'.repeat(10), '}'.repeat(10)]
  for (let i = 0; i < 20; i++) files[`/conf/${i}`] = `${open} include ${i + 1}; ${close}`
  const [first] = load(files).diagnostics
  assert.equal(first?.message, `blocks are nested deeper than ${blockDepthMax}`)
})

test('files that double at each step end at a limit', () => {
  const files: Record<string, string> = { '/conf/main.conf': 'include 0;', '/conf/29': 'x;' }
  for (let i = 0; i < 29; i++) files[`/conf/${i}`] = `include ${i + 1}; include ${i + 1};`
  const configuration = loadConfiguration('/conf/main.conf', createMemoryReader(files), 10_000)
  assert.deepEqual(
    configuration.diagnostics.map(({ message }) => message),
    ['too many directives are included'],
  )
})

test('a fragment is placed under its name and may not include', () => {
  const configuration = configurationFromText('return 1;\n include x;', 'body of server a')
  assert.equal(outline(configuration.main.block!), 'return 1')
  assert.deepEqual(faultsOf(configuration), [
    '"include" directive is not allowed here in body of server a:2',
  ])
})

test('10,000 servers are read in well under a second', () => {
  const server =
    'server { listen 80; server_name a; location / { return 200 "x"; proxy_pass b; } }\n'
  const start = performance.now()
  const { main } = load({
    '/conf/main.conf': 'http { include s; }',
    '/conf/s': server.repeat(10_000),
  })
  assert.equal([...directives(main.block!)][0]!.block!.size, 10_000)
  // A tenth of this is usual; the bound only keeps quadratic work out.
  assert.ok(performance.now() - start < 10_000)
})
