import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { defineWorkerScaling, parseWorkerScaling, scaledWorkerCount } from './worker-scaling.ts'

const args = (text: string): readonly string[] => (text === '' ? [] : text.split(' '))

test('what is not said has the usual value', () => {
  assert.deepEqual(parseWorkerScaling([]), {
    intervalMs: 60_000,
    lowPercent: 10,
    highPercent: 70,
    step: 1,
    workersMin: 1,
    workersMax: availableParallelism(),
    systemHighPercent: 80,
  })
})

test('an interval is minutes, or a time', () => {
  assert.equal(parseWorkerScaling(['interval=2']).intervalMs, 120_000)
  assert.equal(parseWorkerScaling(['interval=5s']).intervalMs, 5_000)
})

const refused: readonly (readonly [text: string, message: string])[] = [
  ['speed=1', 'invalid parameter "speed=1"'],
  ['interval', 'invalid parameter "interval"'],
  ['interval=0', 'invalid parameter "interval=0"'],
  ['min_worker=1 min_worker=2', 'duplicate parameter "min_worker=2"'],
  ['max_worker=513', '"max_worker" must be a number from 1 to 512, not "513"'],
  ['low_threshold=9', '"low_threshold" must be a number from 10 to 100, not "9"'],
  ['low_threshold=80', '"low_threshold" must not be above "high_threshold"'],
  ['min_worker=5 max_worker=4', '"min_worker" must not be above "max_worker"'],
]

for (const [text, message] of refused) {
  test(`refused: ${text}`, () => {
    assert.throws(() => parseWorkerScaling(args(text)), { message })
  })
}

test('the engine’s own configuration is not the place for it', () => {
  const { value } = defineWorkerScaling(false).directives.sysguard_cpu
  const message = '"sysguard_cpu" belongs to the configuration of the ctrl copilot'
  assert.throws(() => value.parse([], {} as never), { message })
})

const scaling = parseWorkerScaling(
  args('low_threshold=20 high_threshold=60 worker_step=2 min_worker=2 max_worker=7'),
)

const cases: readonly (readonly [
  workers: number,
  workerPercent: number,
  systemPercent: number,
  expected: number,
])[] = [
  [3, 61, 50, 5],
  [6, 99, 50, 7],
  [7, 99, 50, 7],
  [3, 61, 81, 3],
  [3, 60, 50, 3],
  [3, 20, 50, 3],
  [5, 19, 99, 3],
  [3, 0, 0, 2],
  [2, 0, 0, 2],
  // Set otherwise by hand: never further away from where it should be.
  [1, 0, 0, 1],
  [9, 99, 0, 9],
]

for (const [workers, workerPercent, systemPercent, expected] of cases) {
  test(`${workers} workers at ${workerPercent}%, machine at ${systemPercent}%: ${expected}`, () => {
    const load = { workers, workerPercent, systemPercent }
    assert.equal(scaledWorkerCount(load, scaling), expected)
  })
}
