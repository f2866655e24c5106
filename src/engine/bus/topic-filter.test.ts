import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '../../../test/support/random.ts'
import { filterFault, parseShared, topicFault, topicMatcher, withoutGroup } from './topic-filter.ts'
import { TopicTree } from './topic-tree.ts'

/** Filter, topic, whether it matches: the examples of MQTT 3.1.1 §4.7 and the edges around them. */
const rows: readonly (readonly [filter: string, topic: string, matches: boolean])[] = [
  ['sport/tennis/player1/#', 'sport/tennis/player1', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
  ['sport/tennis/player1/#', 'sport/tennis/player2', false],
  ['sport/#', 'sport', true],
  ['#', 'anything/at/all', true],
  ['#', '/', true],
  ['sport/tennis/+', 'sport/tennis/player1', true],
  ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['+/+', '/finance', true],
  ['/+', '/finance', true],
  ['+', '/finance', false],
  ['#', '$SYS/uptime', false],
  ['+/uptime', '$SYS/uptime', false],
  ['$SYS/#', '$SYS/uptime', true],
  ['$SYS/+', '$SYS/uptime', true],
  ['/dyn/#', '/dyn/kv_http_a', true],
  ['/dyn/#', '/dynamic', false],
  ['/cluster/+/kv_set/#', '/cluster/c1/kv_set/a/b', true],
  ['a//b', 'a//b', true],
  ['a/+/b', 'a//b', true],
  ['A', 'a', false],
]

describe('topic filters', () => {
  for (const [filter, topic, matches] of rows) {
    it(`${filter} ${matches ? 'matches' : 'does not match'} ${topic}`, () => {
      assert.equal(topicMatcher(filter).matches(topic), matches)
      const tree = new TopicTree<string>()
      tree.add(filter, 'it')
      assert.deepEqual(tree.match(topic), matches ? ['it'] : [])
    })
  }

  it('agree with the tree for any set of filters', (t) => {
    const random = seededRandom(t)
    const level = (): string => random.pick(['', 'a', 'b', '$x', '+'])
    const tree = new TopicTree<string>()
    const filters = new Set<string>()
    for (let step = 0; step < 2_000; step++) {
      const levels = Array.from({ length: random.integer(1, 4) }, level)
      const filter = levels.join('/') + (random.chance(0.3) ? '/#' : '')
      if (random.chance(0.6)) {
        filters.add(filter)
        tree.add(filter, filter)
      } else {
        filters.delete(filter)
        tree.remove(filter, filter)
      }
      const topic = levels.join('/').replaceAll('+', 'a')
      const expected = [...filters].filter((each) => topicMatcher(each).matches(topic))
      assert.deepEqual(tree.match(topic).toSorted(), expected.toSorted(), topic)
    }
  })

  it('may name a group that shares the messages', () => {
    const shared = { group: 'njet', filter: '/rpc/#' }
    assert.deepEqual(parseShared('$share/njet//rpc/#'), shared)
    assert.equal(parseShared('/rpc/#'), undefined)
    assert.equal(parseShared('$share/njet'), undefined)
    assert.equal(withoutGroup('$share/njet//rpc/#'), '/rpc/#')
    assert.equal(withoutGroup('/rpc/#'), '/rpc/#')
  })

  it('are refused with the reason', () => {
    for (const good of ['a', '/', '#', '+', 'a/+/b/#', '$share/g/a/+']) {
      assert.equal(filterFault(good), undefined, good)
    }
    for (const bad of ['', 'a#', '#/a', 'a/#/b', 'a+', '+a/b', 'a\0', 'a/'.repeat(100)]) {
      assert.equal(typeof filterFault(bad), 'string', bad)
    }
    assert.equal(topicFault('/dyn/a'), undefined)
    for (const bad of ['', 'a/+', '#', 'x'.repeat(65_536)])
      assert.equal(typeof topicFault(bad), 'string')
  })
})
