import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directives, findDirective } from './block.ts'
import { configurationFromText } from './includes.ts'
import type { Directive } from './tree.ts'
import { reconcile } from './reconcile.ts'

function read(text: string): Directive {
  const { main, diagnostics } = configurationFromText(text, 'test.conf')
  assert.deepEqual(diagnostics, [])
  return main
}

function servers(main: Directive): Directive[] {
  return [...directives(findDirective(main.block, 'stream')!.block!)]
}

const before = read(`
  stream {
    server { listen 1; return a; }
    server { listen 2; return b; }
    server { listen 3; return c; }
  }`)

test('the same text gives the same tree, whatever its lines and comments', () => {
  const next = read(`
    # moved down
    stream { server { listen 1; return a; } server { listen 2; return "b"; }

      server { listen 3; return c; } }`)
  assert.equal(reconcile(before, next), before)
})

test('what stays is the same object, in the new order', () => {
  const next = read(`
    stream {
      server { listen 3; return c; }
      server { listen 2; return changed; }
      server { listen 1; return a; }
    }`)
  const [first, second, third] = servers(before)
  const result = servers(reconcile(before, next))
  assert.equal(result[0], third)
  assert.notEqual(result[1], second)
  assert.deepEqual([...directives(result[1]!.block!)][1]!.args, ['changed'])
  assert.equal(result[2], first)
})

test('within a changed block the unchanged parts are kept', () => {
  const next = read('stream { server { listen 2; return b2; } }')
  const kept = findDirective(servers(before)[0]!.block, 'listen')
  const one = read('stream { server { listen 1; return other; } }')
  assert.equal(findDirective(servers(reconcile(before, one))[0]!.block, 'listen'), kept)
  assert.equal(servers(reconcile(before, next)).length, 1)
})

test('one node never stands twice in a tree', () => {
  const next = read(`
    stream {
      server { listen 1; return a; }
      server { listen 1; return a; }
    }`)
  const [one, two] = servers(reconcile(before, next))
  assert.equal(one, servers(before)[0])
  assert.notEqual(one, two)
})

test('an outdated directive is new, with the blocks around it; the rest is kept', () => {
  const [first, second, third] = servers(before)
  const outdated = findDirective(second!.block, 'return')
  const result = reconcile(
    before,
    read(
      'stream { server { listen 1; return a; } server { listen 2; return b; } server { listen 3; return c; } }',
    ),
    (node) => node === outdated,
  )
  const [one, two, three] = servers(result)
  assert.equal(one, first)
  assert.notEqual(two, second)
  assert.equal(findDirective(two!.block, 'listen'), findDirective(second!.block, 'listen'))
  assert.notEqual(findDirective(two!.block, 'return'), outdated)
  assert.equal(three, third)
})

test('ten thousand servers are compared in well under a second', () => {
  const text = Array.from({ length: 10_000 }, (_, i) => `server { listen ${i + 1}; return ${i}; }`)
  const one = read(`stream { ${text.join('\n')} }`)
  const two = read(`stream { ${text.toSpliced(5_000, 1).join('\n')} }`)
  const result = servers(reconcile(one, two))
  const known = new Set(servers(one))
  assert.equal(result.length, 9_999)
  assert(result.every((node) => known.has(node)))
})
