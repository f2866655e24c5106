import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  append,
  type Block,
  blockOf,
  diffBlocks,
  directives,
  emptyBlock,
  findDirective,
  indexOfDirective,
  itemAt,
  splice,
} from './block.ts'
import { directive, type Directive } from './tree.ts'

const fanout = 32

/** A small generator with a seed, so that a failure can be run again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function nodes(count: number, name = 'x'): Directive[] {
  return Array.from({ length: count }, (_, i) => directive(name, [String(i)]))
}

function partsOf(block: Block, into: Set<Block> = new Set()): Set<Block> {
  into.add(block)
  if (block.kind === 'branch') for (const part of block.parts) partsOf(part, into)
  return into
}

function assertSound(block: Block): void {
  for (const part of partsOf(block)) {
    if (part.kind === 'leaf') {
      assert.equal(part.size, part.items.length)
      assert.ok(part.size <= fanout)
      assert.ok(part.size > 0 || part === block, 'an empty leaf within a branch')
    } else {
      assert.ok(part.parts.length > 1 && part.parts.length <= fanout)
      assert.equal(
        part.size,
        part.parts.reduce((sum, inner) => sum + inner.size, 0),
      )
      assert.equal(part.height, Math.max(...part.parts.map((inner) => inner.height)) + 1)
    }
    assert.ok(Object.isFrozen(part))
  }
}

test('random splices give what they give on a plain array', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = randomFrom(seed)
    const start = nodes(random(3000))
    let block = blockOf(start)
    let list = start
    for (let step = 0; step < 150; step++) {
      const index = random(list.length + 1)
      const remove = Math.min(random(random(4) === 0 ? 400 : 3), list.length - index)
      const added = nodes(random(random(6) === 0 ? 2000 : 3))
      const nextBlock = splice(block, index, remove, added)
      const nextList = list.toSpliced(index, remove, ...added)
      const diff = diffBlocks(block, nextBlock)
      assert.deepEqual(diff.removed, list.slice(index, index + remove), `seed ${seed}`)
      assert.deepEqual(diff.added, added, `seed ${seed}`)
      block = nextBlock
      list = nextList
    }
    assertSound(block)
    assert.ok([...directives(block)].every((node, i) => node === list[i]))
    assert.equal(block.size, list.length)
    for (let i = 0; i < 20 && list.length > 0; i++) {
      const at = random(list.length)
      assert.equal(indexOfDirective(block, list[at]!), at)
      assert.equal(itemAt(block, at), list[at])
    }
  }
})

test('appending one by one stays sound and shallow', () => {
  let block = emptyBlock
  const list = nodes(5000)
  for (const node of list) block = append(block, node)
  assertSound(block)
  assert.ok(block.height <= 3)
  assert.deepEqual([...directives(block)], list)
})

test('one large insertion into a small block makes as many levels as it needs', () => {
  const block = splice(blockOf(nodes(3)), 1, 1, nodes(100_000))
  assertSound(block)
  assert.equal(block.size, 100_002)
})

test('a queue, filled at one end and emptied at the other, does not grow', () => {
  let block = blockOf(nodes(1000))
  for (let i = 0; i < 5000; i++) block = splice(append(block, directive('x')), 0, 1, [])
  assertSound(block)
  assert.equal(block.size, 1000)
  assert.ok(partsOf(block).size < 200, `${partsOf(block).size} parts`)
})

test('a change to 100,000 directives shares all but one path', () => {
  const block = blockOf(nodes(100_000))
  const known = partsOf(block)
  const fresh = directive('y')
  for (const changed of [
    splice(block, 50_000, 1, [fresh]),
    splice(block, 0, 1, []),
    append(block, fresh),
  ]) {
    const own = [...partsOf(changed)].filter((part) => !known.has(part))
    assert.ok(own.length <= 8, `${own.length} new parts`)
  }
})

test('a diff passes over what is shared, also where the root gained a level', () => {
  let block = blockOf(nodes(fanout ** 3))
  const height = block.height
  const before = block
  const added: Directive[] = []
  while (block.height === height) {
    const node = directive('y', [String(added.length)])
    added.push(node)
    block = splice(block, 7, 0, [node])
  }
  const diff = diffBlocks(before, block)
  assert.deepEqual(diff.removed, [])
  assert.deepEqual(new Set(diff.added), new Set(added))
})

test('a directive that only moved is in no diff', () => {
  const list = nodes(200)
  const before = blockOf(list)
  const after = splice(splice(before, 150, 1, []), 3, 0, [list[150]!])
  assert.deepEqual(diffBlocks(before, after), { removed: [], added: [] })
})

test('finds by name and by object', () => {
  const list = [...nodes(100), directive('y', ['1']), directive('y', ['2'])]
  const block = blockOf(list)
  assert.equal(findDirective(block, 'y'), list[100])
  assert.equal(findDirective(block, 'z'), undefined)
  assert.equal(findDirective(undefined, 'y'), undefined)
  assert.equal(indexOfDirective(block, directive('y')), -1)
})

test('objects are found while others come, go and take their places', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = randomFrom(seed)
    let list = nodes(500)
    let block = blockOf(list)
    for (let step = 0; step < 1500; step++) {
      const at = random(list.length)
      const old = list[at]!
      assert.equal(indexOfDirective(block, old), at, `seed ${seed} step ${step}`)
      const kind = random(4)
      const next = kind === 0 ? [] : [directive('y', [String(step)])]
      const [index, remove] = kind === 1 ? [list.length, 0] : [at, kind === 2 ? 0 : 1]
      block = splice(block, index, remove, next)
      list = list.toSpliced(index, remove, ...next)
      if (remove === 1) assert.equal(indexOfDirective(block, old), -1)
    }
  }
})

test('an object is found in every version that holds it, and in blocks of other trees', () => {
  const [first, ...others] = nodes(100)
  const before = blockOf([...others, first!])
  const after = splice(before, 99, 1, [directive('y')])
  assert.equal(indexOfDirective(before, first!), 99)
  assert.equal(indexOfDirective(after, first!), -1)
  assert.equal(indexOfDirective(blockOf([first!, ...others]), first!), 0)
})

test('a splice outside the block is refused', () => {
  const block = blockOf(nodes(3))
  for (const [index, remove] of [
    [-1, 0],
    [0, -1],
    [2, 2],
    [4, 0],
  ] as const) {
    assert.throws(() => splice(block, index, remove, []), RangeError)
  }
  assert.throws(() => itemAt(block, 3), RangeError)
  assert.throws(() => itemAt(block, -1), RangeError)
})
