import assert from 'node:assert/strict'
import { cpus } from 'node:os'
import { test } from 'node:test'
import type { ValueEnv, ValueType } from '../../core/module.ts'
import {
  type Condition,
  cpuCondition,
  loadCondition,
  loopCondition,
  memoryCondition,
  responseCondition,
} from './conditions.ts'
import { SystemWatch } from './system-watch.ts'

type State = Partial<
  Pick<SystemWatch, 'load' | 'cpuPercent' | 'loopDelayMs' | 'freeBytes' | 'swapUsedPercent'>
>

const parse = (type: ValueType<readonly Condition[]>, text: string): readonly Condition[] =>
  type.parse(text.split(' '), {} as ValueEnv)

function holds(condition: Condition, state: State, responseMs = 0): boolean {
  const watch = Object.assign(new SystemWatch(1000), state)
  return condition.holds(watch, () => responseMs)
}

const thresholds: readonly (readonly [
  type: ValueType<readonly Condition[]>,
  text: string,
  below: State,
  reached: State,
])[] = [
  [loadCondition, 'load=1.5', { load: 1.49 }, { load: 1.5 }],
  [
    loadCondition,
    'load=ncpu*1.5',
    { load: 1.5 * cpus().length - 0.01 },
    { load: 1.5 * cpus().length },
  ],
  [cpuCondition, 'usage=80', { cpuPercent: 79.9 }, { cpuPercent: 80 }],
  [loopCondition, 'delay=50ms', { loopDelayMs: 49 }, { loopDelayMs: 50 }],
  [memoryCondition, 'free=1m', { freeBytes: 1_048_576 }, { freeBytes: 1_048_575 }],
  [memoryCondition, 'swapratio=20%', { swapUsedPercent: 19 }, { swapUsedPercent: 20 }],
]

for (const [type, text, below, reached] of thresholds) {
  test(`${text} holds when it is reached`, () => {
    const [condition] = parse(type, text) as readonly [Condition]
    assert.equal(holds(condition, below), false)
    assert.equal(holds(condition, reached), true)
  })
}

test('response times have a rule of their own', () => {
  const [plain] = parse(responseCondition, 'rt=0.2 period=5s') as readonly [Condition]
  assert.equal(holds(plain, {}, 199), false)
  assert.equal(holds(plain, {}, 200), true)
  assert.deepEqual(plain.average, { method: 'AMM', samples: 5, periodMs: 5000 })
  const [weighted] = parse(responseCondition, 'rt=1 period=5s method=WMA:10') as readonly [
    Condition,
  ]
  assert.deepEqual(weighted.average, { method: 'WMA', samples: 10, periodMs: 5000 })
})

test('what is to be done is a status, a path or a named location', () => {
  const actionOf = (text: string): unknown => parse(loadCondition, `load=1 ${text}`)[0]!.action
  assert.equal(actionOf('action=429'), 429)
  assert.equal(actionOf('action=/busy'), '/busy')
  assert.equal(actionOf('action=/'), '/')
  assert.equal(actionOf('action=@busy'), '@busy')
  assert.equal(parse(loadCondition, 'load=1')[0]!.action, undefined)
})

test('memory may have two limits', () => {
  const conditions = parse(memoryCondition, 'swapratio=10% free=1m action=/x')
  assert.deepEqual(
    conditions.map(({ action }) => action),
    ['/x', '/x'],
  )
})
