import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../../test/support/random.ts'
import { tickMs, Timer, TimingWheel } from './timing-wheel.ts'

/** Time by hand: `advance` runs the wheel's sleeps in order. */
class Bench {
  time = 1_000_003
  readonly fired: Timer[] = []
  readonly wheel: TimingWheel
  sleeps = 0
  #wakeAt = Infinity
  #wake: (() => void) | undefined

  constructor() {
    this.wheel = new TimingWheel({ now: () => this.time }, (wake, ms) => {
      this.sleeps += 1
      this.#wake = wake
      this.#wakeAt = this.time + ms
      return () => {
        if (this.#wake !== wake) return
        this.#wake = undefined
        this.#wakeAt = Infinity
      }
    })
  }

  get sleeping(): boolean {
    return this.#wake !== undefined
  }

  timer(onTimeout: (timer: Timer) => void = () => {}): Timer {
    return new Timer({
      onTimeout: (timer) => {
        this.fired.push(timer)
        onTimeout(timer)
      },
    })
  }

  advance(ms: number): void {
    const until = this.time + ms
    while (this.#wake !== undefined && this.#wakeAt <= until) {
      this.time = Math.max(this.time, this.#wakeAt)
      const wake = this.#wake
      this.#wake = undefined
      this.#wakeAt = Infinity
      wake()
    }
    this.time = until
  }
}

test('ends a timer within a tick after its time, never before', () => {
  for (const ms of [0, 1, 19, 20, 21, 999, 20_480, 60_000, 3_600_000]) {
    const bench = new Bench()
    const timer = bench.timer()
    bench.wheel.arm(timer, ms)
    bench.advance(ms - 0.5)
    assert.equal(bench.fired.length, 0, `${ms} ms: too early`)
    bench.advance(tickMs + 1.5)
    assert.deepEqual(bench.fired, [timer], `${ms} ms: too late`)
    assert.equal(timer.running, false)
    assert.equal(bench.wheel.size, 0)
  }
})

test('a cancelled timer does not end, and may be armed again', () => {
  const bench = new Bench()
  const timer = bench.timer()
  bench.wheel.arm(timer, 100)
  bench.wheel.cancel(timer)
  assert.equal(bench.wheel.size, 0)
  bench.advance(1000)
  assert.equal(bench.fired.length, 0)
  bench.wheel.arm(timer, 100)
  bench.advance(200)
  assert.equal(bench.fired.length, 1)
})

test('refreshing moves the end on without touching the wheel', () => {
  const bench = new Bench()
  const timer = bench.timer()
  bench.wheel.arm(timer, 1000)
  for (let i = 0; i < 100; i += 1) {
    bench.advance(500)
    const { due } = timer
    bench.wheel.arm(timer, 1000)
    assert.equal(timer.due, due)
  }
  assert.equal(bench.fired.length, 0)
  bench.advance(1100)
  assert.equal(bench.fired.length, 1)
})

test('a shorter time than before takes effect', () => {
  const bench = new Bench()
  const timer = bench.timer()
  bench.wheel.arm(timer, 60_000)
  bench.wheel.arm(timer, 50)
  bench.advance(100)
  assert.equal(bench.fired.length, 1)
})

test('owners may arm, cancel and arm themselves while they are told', () => {
  const bench = new Bench()
  const victim = bench.timer()
  const again = bench.timer((timer) => {
    bench.wheel.cancel(victim)
    if (bench.fired.length < 3) bench.wheel.arm(timer, 0)
  })
  bench.wheel.arm(again, 10)
  bench.wheel.arm(victim, 40)
  bench.advance(500)
  assert.deepEqual(bench.fired, [again, again, again])
})

test('an empty wheel does not tick, a full one only where timers hang', () => {
  const bench = new Bench()
  assert.equal(bench.sleeping, false)
  bench.wheel.arm(bench.timer(), 600_000)
  const before = bench.sleeps
  bench.advance(610_000)
  assert.equal(bench.fired.length, 1)
  assert.ok(bench.sleeps - before < 40, `${bench.sleeps - before} wake-ups for one timer`)
  assert.equal(bench.sleeping, false)
})

test('a stopped process makes up for it at once', () => {
  const bench = new Bench()
  for (let i = 0; i < 50; i += 1) bench.wheel.arm(bench.timer(), i * 1000)
  bench.time += 3_600_000
  bench.advance(0)
  assert.equal(bench.fired.length, 50)
})

test('ten thousand timers, armed and cancelled at random, end when they must', () => {
  const random = new Random(7)
  const bench = new Bench()
  const expected = new Map<Timer, number>()
  const timers = Array.from({ length: 10_000 }, () =>
    bench.timer((timer) => {
      const due = expected.get(timer)!
      assert.ok(bench.time >= due && bench.time <= due + 2 * tickMs, `${bench.time} for ${due}`)
      expected.delete(timer)
    }),
  )
  for (let round = 0; round < 50; round += 1) {
    for (let i = 0; i < 2000; i += 1) {
      const timer = random.pick(timers)
      if (random.chance(0.2)) {
        bench.wheel.cancel(timer)
        expected.delete(timer)
      } else {
        const ms = random.integer(0, 120_000)
        bench.wheel.arm(timer, ms)
        expected.set(timer, bench.time + ms)
      }
    }
    assert.equal(bench.wheel.size, expected.size)
    bench.advance(random.integer(0, 30_000))
  }
  bench.advance(200_000)
  assert.equal(expected.size, 0)
})
