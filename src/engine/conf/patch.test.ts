import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockOf, directives, findDirective, splice } from './block.ts'
import { parse } from './parser.ts'
import {
  addChild,
  formatPath,
  nodeAt,
  type Path,
  PatchError,
  type PatchFault,
  removeNode,
  replaceAt,
  updateBlock,
} from './patch.ts'
import { directive, type Directive } from './tree.ts'

const { main } = parse(
  'user a; http { server { listen 1; } } stream { upstream x { } upstream "y z" { server b; } server { } }',
  'x',
)

function names(node: Directive): readonly string[] {
  return [...directives(node.block!)].map(({ name }) => name)
}

test('steps lead by name, by name and arguments, and by position', () => {
  assert.equal(nodeAt(main, []), main)
  assert.deepEqual(nodeAt(main, ['stream', 'upstream']).args, ['x'])
  assert.deepEqual(nodeAt(main, ['stream', ['upstream', 'y z'], 0]).args, ['b'])
  assert.deepEqual(nodeAt(main, [0]).args, ['a'])
})

test('a change shares everything beside its path', () => {
  const changed = replaceAt(
    main,
    ['stream', ['upstream', 'y z'], 'server'],
    directive('server', ['c']),
  )
  assert.deepEqual(nodeAt(changed, ['stream', 1, 0]).args, ['c'])
  assert.deepEqual(nodeAt(main, ['stream', 1, 0]).args, ['b'])
  for (const path of [['user'], ['http'], ['stream', 0], ['stream', 2]]) {
    assert.equal(nodeAt(changed, path), nodeAt(main, path))
  }
})

test('one change among 100,000 servers makes few new objects', () => {
  const servers = Array.from({ length: 100_000 }, (_, i) => directive('server', [String(i)]))
  const large = directive('main', [], blockOf([directive('stream', [], blockOf(servers))]))
  const changed = addChild(large, ['stream'], directive('server', ['new']))
  const [before, after] = [large, changed].map(
    (tree) => findDirective(tree.block, 'stream')!.block!,
  )
  assert.equal(after!.size, 100_001)
  const shared = (after as { parts: readonly unknown[] }).parts.filter((part) =>
    (before as { parts: readonly unknown[] }).parts.includes(part),
  )
  assert.equal(shared.length, (before as { parts: readonly unknown[] }).parts.length - 1)
})

test('directives are added, removed and replaced', () => {
  const added = directive('new')
  assert.deepEqual(names(addChild(main, [], added)), ['user', 'http', 'stream', 'new'])
  assert.deepEqual(names(addChild(main, [], added, 1)), ['user', 'new', 'http', 'stream'])
  assert.deepEqual(names(removeNode(main, ['http'])), ['user', 'stream'])
  assert.deepEqual(names(replaceAt(main, [1], added)), ['user', 'new', 'stream'])
})

test('an update that changes nothing gives the very same tree', () => {
  assert.equal(
    updateBlock(main, ['stream'], (block) => block),
    main,
  )
  assert.equal(
    replaceAt(main, ['stream', 0], (node) => node),
    main,
  )
  const emptied = updateBlock(main, ['stream'], (block) => splice(block, 0, block.size, []))
  assert.equal(nodeAt(emptied, ['stream']).block!.size, 0)
})

const faults: readonly (readonly [PatchFault, () => unknown, Path])[] = [
  ['not-found', () => nodeAt(main, ['mail']), ['mail']],
  ['not-found', () => nodeAt(main, ['stream', ['upstream', 'z']]), ['stream', ['upstream', 'z']]],
  ['not-found', () => nodeAt(main, ['stream', 9]), ['stream', 9]],
  ['not-found', () => nodeAt(main, ['stream', -1]), ['stream', -1]],
  ['not-found', () => nodeAt(main, ['stream', 0.5]), ['stream', 0.5]],
  ['not-a-block', () => nodeAt(main, ['user', 'x']), ['user']],
  ['not-a-block', () => addChild(main, ['user'], directive('x')), ['user']],
  ['root', () => replaceAt(main, [], directive('x')), []],
  ['root', () => removeNode(main, []), []],
  ['out-of-range', () => addChild(main, ['http'], directive('x'), 2), ['http', 2]],
]

test('a path that leads nowhere is told apart by its fault', () => {
  for (const [fault, change, path] of faults) {
    assert.throws(change, (error) => {
      assert.ok(error instanceof PatchError)
      assert.deepEqual([error.fault, error.path], [fault, path])
      return true
    })
  }
})

test('paths are shown as one would write them', () => {
  assert.equal(formatPath(['stream', ['upstream', 'y z'], 0]), 'stream > upstream "y z" > #0')
  assert.equal(formatPath([]), 'main')
})
