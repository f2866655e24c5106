import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../test/support/random.ts'
import { append, type Block, blockOf, directives, itemAt, splice } from '../conf/block.ts'
import { type Directive, directive } from '../conf/tree.ts'
import { GroupIndex, groupsOf, readGroupsAhead } from './group-index.ts'

function group(name: string, zone?: string): Directive {
  const inside = zone === undefined ? [] : [directive('zone', [zone, '64k'])]
  return directive('upstream', [name], blockOf([...inside, directive('server', ['127.0.0.1'])]))
}

function treeOf(block: Block): Directive {
  return directive('main', [], blockOf([directive('http', [], block)]))
}

test('finds groups by name in any letters, and zones while some group has them', () => {
  const [one, two] = [group('One', 'z'), group('two', 'z')]
  const index = GroupIndex.empty.at(blockOf([one, two, directive('server', [], blockOf([]))]))
  assert.equal(index.find('ONE'), one)
  assert.equal(index.find('three'), undefined)
  assert.equal(index.at(blockOf([two])).hasZone('z'), true)
  const none = index.at(blockOf([group('two')]))
  assert.equal(none.hasZone('z'), false)
  assert.equal(none.find('One'), undefined)
  assert.equal(index.find('One'), one, 'the version before is as it was')
})

test('is read ahead some groups at a time, and is whole whenever it is asked for', () => {
  const block = blockOf(Array.from({ length: 100 }, (_, i) => group(`a${i}`, 'z')))
  const tree = treeOf(block)
  let turns = 1
  while (!readGroupsAhead(tree, 'http', 30)) turns += 1
  assert.ok(turns >= 4, `${turns}`)
  assert.equal(groupsOf(tree, 'http').find('a99'), itemAt(block, 99))
  const other = blockOf(Array.from({ length: 100 }, (_, i) => group(`b${i}`)))
  assert.equal(readGroupsAhead(treeOf(other), 'http', 30), false)
  assert.equal(groupsOf(tree, 'http').find('a0'), itemAt(block, 0))
  assert.equal(groupsOf(tree, 'http').find('b0'), undefined)
  assert.equal(groupsOf(treeOf(other), 'http').find('b99'), itemAt(other, 99))
  assert.equal(groupsOf(treeOf(other), 'http').hasZone('z'), false)
})

test('follows random changes, also to versions that were there before', (t) => {
  const random = seededRandom(t)
  let block = blockOf(Array.from({ length: 500 }, (_, i) => group(`g${i}`, `z${i % 70}`)))
  const versions = [block]
  for (let round = 0; round < 300; round++) {
    const at = random.integer(0, block.size - 1)
    const fresh = group(`n${round}`, random.chance(0.5) ? `z${random.integer(0, 99)}` : undefined)
    const kind = random.integer(0, 3)
    if (kind === 0) block = append(block, fresh)
    else if (kind === 1) block = splice(block, at, 1, [])
    else if (kind === 2) block = splice(block, at, 1, [group(itemAt(block, at).args[0]!, 'again')])
    else block = random.pick(versions)
    versions.push(block)
    const index = groupsOf(treeOf(block), 'http')
    const expected = [...directives(block)]
    assert.equal([...index.groups()].length, expected.length)
    for (const node of expected) assert.equal(index.find(node.args[0]!), node)
    const zones = new Set(expected.map((node) => zoneName(node)))
    for (let i = 0; i < 100; i++) assert.equal(index.hasZone(`z${i}`), zones.has(`z${i}`))
  }
})

function zoneName({ block }: Directive): string | undefined {
  return [...directives(block!)].find(({ name }) => name === 'zone')?.args[0]
}
