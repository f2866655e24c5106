import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CpuTimes, MemoryState } from '../../core/system-load.ts'
import { SystemWatch, type WatchSources } from './system-watch.ts'

class Machine implements WatchSources {
  looks = 0
  time = 0
  cpu: CpuTimes = { busy: 0, total: 0 }
  state: MemoryState | undefined = {
    totalBytes: 1000,
    freeBytes: 100,
    bufferBytes: 20,
    cachedBytes: 3,
    swapTotalBytes: 200,
    swapFreeBytes: 150,
  }
  readonly load = (): number => {
    this.looks += 1
    return this.looks
  }
  readonly cpuTimes = (): CpuTimes => this.cpu
  readonly memory = (): MemoryState | undefined => this.state
  readonly now = (): number => this.time
}

test('the machine is looked at when somebody asks, and then by itself', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const machine = new Machine()
  const watch = new SystemWatch(1000, machine)
  t.mock.timers.tick(5000)
  assert.equal(machine.looks, 0)
  watch.touch()
  assert.equal(machine.looks, 1)
  assert.equal(watch.load, 1)
  assert.equal(watch.freeBytes, 123)
  assert.equal(watch.swapUsedPercent, 25)
  assert.equal(watch.cpuPercent, 0, 'one look tells nothing of processors')
  machine.cpu = { busy: 30, total: 40 }
  t.mock.timers.tick(1000)
  assert.equal(watch.cpuPercent, 75)
  assert.equal(machine.looks, 2)
  t.mock.timers.tick(1_000_000)
  const { looks } = machine
  assert.ok(looks < 100, 'nobody asks any more')
  watch.touch()
  assert.equal(machine.looks, looks + 1)
  watch.stop()
})

test('a machine that does not tell its memory has enough', () => {
  const machine = new Machine()
  machine.state = undefined
  const watch = new SystemWatch(1000, machine)
  watch.look()
  assert.equal(watch.freeBytes, Infinity)
  assert.equal(watch.swapUsedPercent, 0)
})

test('the delay of the event loop is smoothed: seen at once, forgotten soon', () => {
  const machine = new Machine()
  const watch = new SystemWatch(1000, machine)
  const turn = (ms: number): void => {
    machine.time += ms
    watch.probe()
  }
  watch.probe()
  turn(20)
  assert.equal(watch.loopDelayMs, 0)
  turn(520)
  assert.equal(watch.loopDelayMs, 100)
  for (let i = 0; i < 10; i++) turn(20)
  assert.ok(watch.loopDelayMs < 11, String(watch.loopDelayMs))
  for (let i = 0; i < 30; i++) turn(120)
  assert.ok(watch.loopDelayMs > 95, String(watch.loopDelayMs))
})
