import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { silentLog } from '../../core/log.ts'
import { balancers, Clock, groupConfig, peerConfig, seededChance, serve } from '../group.fixture.ts'
import { Group } from '../group.ts'
import { createPrivateZone, type PeerZone } from '../peer-zone.ts'
import { PeerWalk } from '../walk.ts'
import { GroupProber } from './group-prober.ts'
import { probeLease } from './health-cells.ts'
import { ProbeQueue } from './probe-queue.ts'
import { type ProbeConfig, ProbeFailure } from './probe.ts'

/** Steps that are due, run by hand, on a clock that the test drives. */
class Schedule {
  readonly clock: Clock
  readonly #steps = new Set<{ readonly at: number; readonly step: () => void }>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  readonly add = (step: () => void, delayMs: number): (() => void) => {
    const entry = { at: this.clock.ms + delayMs, step }
    this.#steps.add(entry)
    return () => void this.#steps.delete(entry)
  }

  get size(): number {
    return this.#steps.size
  }

  /** Lets that time pass, step by step, and what follows from each. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.ms + ms
    for (;;) {
      const [next] = [...this.#steps].sort((a, b) => a.at - b.at)
      if (next === undefined || next.at > until) break
      this.clock.ms = Math.max(this.clock.ms, next.at)
      this.#steps.delete(next)
      next.step()
      await settled()
    }
    this.clock.ms = until
  }
}

/** Continuations of promises have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A probe whose outcome the test decides, by port. */
class FakeProbe {
  readonly ill = new Set<number>()
  readonly asked: { readonly port: number; readonly at: number }[] = []
  opened = 0
  readonly #clock: Clock
  hangs = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  config(options: Partial<ProbeConfig> = {}): ProbeConfig {
    const times = { intervalMs: 1000, jitterMs: 0, timeoutMs: 500, visitIntervalMs: 0 }
    const counts = { passes: 1, fails: 1, port: 0 }
    return { type: 'http', ...times, ...counts, probe: this, ...options }
  }

  open({
    address,
  }: Parameters<ProbeConfig['probe']['open']>[0]): ReturnType<ProbeConfig['probe']['open']> {
    const port = address.family === 'unix' ? 0 : address.port
    this.opened += 1
    return {
      run: async (signal) => {
        this.asked.push({ port, at: this.#clock.ms })
        if (this.hangs) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          throw new ProbeFailure('timed out')
        }
        if (this.ill.has(port)) throw new ProbeFailure('ill')
      },
      close: () => {
        this.opened -= 1
      },
    }
  }
}

interface Bench {
  readonly clock: Clock
  readonly schedule: Schedule
  readonly probe: FakeProbe
  readonly group: Group
  readonly prober: GroupProber
  groupOf(ports: readonly number[], probes: readonly ProbeConfig[], mandatory?: boolean): Group
}

function start(
  options: Partial<ProbeConfig> = {},
  mandatory = false,
  zone: PeerZone = createPrivateZone(64),
): Bench {
  const clock = new Clock()
  const schedule = new Schedule(clock)
  const probe = new FakeProbe(clock)
  let last: Group | undefined
  const groupOf: Bench['groupOf'] = (ports, probes, must = mandatory) => {
    const peers = ports.map((port) => peerConfig(port, { maxFails: 0 }))
    const health = { mandatory: must, probes }
    const config = { ...groupConfig(balancers['round robin']!, peers), health }
    last = last?.next(config) ?? new Group(config, { zone, now: clock.now })
    last.activate()
    return last
  }
  const group = groupOf([1, 2], [probe.config(options)])
  const prober = new GroupProber(group, {
    queue: new ProbeQueue(1),
    log: silentLog,
    now: clock.now,
    chance: seededChance(3),
    schedule: schedule.add,
  })
  prober.tick()
  return { clock, schedule, probe, group, prober, groupOf }
}

function statuses(group: Group): readonly string[] {
  return group.peers.map((peer) => peer.status())
}

suite('outcomes', () => {
  test('as many failures in a row as are configured, and as many good checks back', async () => {
    const { schedule, probe, group } = start({ fails: 3, passes: 2 })
    await schedule.pass(1)
    probe.ill.add(2)
    await schedule.pass(2000)
    assert.deepEqual(statuses(group), ['up', 'up'])
    probe.ill.delete(2)
    await schedule.pass(1000)
    probe.ill.add(2)
    await schedule.pass(2000)
    assert.deepEqual(statuses(group), ['up', 'up'], 'a good check in between ended the row')
    await schedule.pass(1000)
    assert.deepEqual(statuses(group), ['up', 'unhealthy'])
    assert.deepEqual(
      Array.from({ length: 4 }, () => serve(group)),
      [1, 1, 1, 1],
    )
    probe.ill.delete(2)
    await schedule.pass(1000)
    assert.deepEqual(statuses(group), ['up', 'unhealthy'])
    await schedule.pass(1000)
    assert.deepEqual(statuses(group), ['up', 'up'])
    const { checks, fails, unhealthy, lastPassed } = group.peers[1]!.state.health.totals()
    assert.deepEqual([checks, fails, unhealthy, lastPassed], [9, 5, 1, true])
  })

  test('the first outcome decides for a peer that waits for it', async () => {
    const { schedule, probe, group } = start({ fails: 3, passes: 3 }, true)
    assert.deepEqual(statuses(group), ['checking', 'checking'])
    assert.equal(serve(group), 0)
    probe.ill.add(2)
    await schedule.pass(1)
    assert.deepEqual(statuses(group), ['up', 'unhealthy'])
  })

  test('a check that takes too long has failed', async () => {
    const { schedule, probe, group } = start()
    probe.hangs = true
    await schedule.pass(1)
    assert.deepEqual(statuses(group), ['up', 'up'])
    await schedule.pass(1000)
    assert.deepEqual(statuses(group), ['unhealthy', 'unhealthy'])
  })

  test('several probes must all be content', async () => {
    const bench = start()
    const second = new FakeProbe(bench.clock)
    const group = bench.groupOf([1, 2], [bench.probe.config(), second.config({ type: 'tcp' })])
    bench.prober.follow(group)
    bench.probe.ill.add(1)
    second.ill.add(1)
    await bench.schedule.pass(1000)
    bench.probe.ill.delete(1)
    await bench.schedule.pass(1000)
    assert.deepEqual(statuses(group), ['unhealthy', 'up'])
    second.ill.delete(1)
    await bench.schedule.pass(1000)
    assert.deepEqual(statuses(group), ['up', 'up'])
  })
})

suite('times', () => {
  test('checks come after the interval and a jitter by chance', async () => {
    const { schedule, probe } = start({ intervalMs: 1000, jitterMs: 200 })
    await schedule.pass(20_000)
    const times = probe.asked.filter(({ port }) => port === 1).map(({ at }) => at)
    const gaps = times.slice(1).map((at, i) => at - times[i]!)
    assert.ok(gaps.every((gap) => gap >= 1000 && gap < 1200))
    assert.ok(new Set(gaps.map(Math.round)).size > 5)
  })

  test('a peer that took a client lately is left alone, an ill one is not', async () => {
    const { schedule, probe, group } = start({ visitIntervalMs: 5000 })
    await schedule.pass(1)
    probe.asked.length = 0
    const walk = new PeerWalk(group, '')
    walk.next()
    walk.done(false)
    await schedule.pass(4000)
    assert.equal(probe.asked.filter(({ port }) => port === 1).length, 0)
    assert.ok(probe.asked.some(({ port }) => port === 2))
    probe.ill.add(2)
    await schedule.pass(1000)
    probe.asked.length = 0
    await schedule.pass(3000)
    assert.ok(probe.asked.filter(({ port }) => port === 2).length >= 3)
  })
})

suite('versions of a group', () => {
  test('what stays goes on, what comes is checked, what goes is let go', async () => {
    const { schedule, probe, prober, groupOf } = start()
    await schedule.pass(500)
    const config = probe.config()
    prober.follow(groupOf([1, 3], [config]))
    assert.equal(probe.opened, 2)
    await schedule.pass(1)
    assert.deepEqual(new Set(probe.asked.map(({ port }) => port)), new Set([1, 2, 3]))
    const before = probe.opened
    const next = groupOf([3, 1], [config])
    prober.follow(next)
    assert.equal(probe.opened, before)
    prober.close()
    assert.equal(probe.opened, 0)
    assert.equal(schedule.size, 0)
  })

  test('what was found is kept as long as the probe is there', async () => {
    const { schedule, probe, prober, groupOf } = start()
    probe.ill.add(2)
    await schedule.pass(1)
    const kept = groupOf([1, 2], [probe.config({ intervalMs: 3_600_000 })])
    prober.follow(kept)
    assert.deepEqual(statuses(kept), ['up', 'unhealthy'])
    const none = groupOf([1, 2], [])
    prober.follow(none)
    assert.deepEqual(statuses(none), ['up', 'up'])
  })

  test('a peer that joins a mandatory group waits, one that was there does not', async () => {
    const { schedule, probe, prober, groupOf } = start({}, true)
    await schedule.pass(1)
    const next = groupOf([1, 2, 3], [probe.config()])
    assert.deepEqual(statuses(next), ['up', 'up', 'checking'])
    prober.follow(next)
    await schedule.pass(1)
    assert.deepEqual(statuses(next), ['up', 'up', 'up'])
  })
})

suite('lease', () => {
  test('it is one process at a time', () => {
    const zone = createPrivateZone(4)
    const record = zone.acquire('group')
    const lease = probeLease(zone.health, record)
    assert.ok(lease.take(1000))
    assert.ok(lease.take(2000))
    lease.giveUp()
    // Another process that lives: the one that started this one.
    const other = 1
    zone.health.prober.set(record, other)
    zone.health.proberSeenAt.set(record, 3000)
    assert.equal(lease.take(4000), false, 'it was there a moment ago')
    assert.equal(lease.take(60_000), true, 'it has been silent for too long')
  })

  test('who has died is followed soon', () => {
    const zone = createPrivateZone(4)
    const record = zone.acquire('group')
    // The last process of the system's numbers, started at another time than any that has it.
    zone.health.prober.set(record, (511 << 22) | 4_194_303)
    zone.health.proberSeenAt.set(record, 3000)
    const lease = probeLease(zone.health, record)
    assert.equal(lease.take(3500), false)
    assert.equal(lease.take(5000), true)
  })

  test('only who has the right checks', async () => {
    const bench = start()
    const { schedule, probe, prober, group, clock } = bench
    await schedule.pass(1)
    assert.equal(probe.asked.length, 2)
    const zone = group.options.zone!
    for (let record = 0; record < 64; record += 1) {
      if (zone.health.prober.get(record) !== 0) zone.health.prober.set(record, 1)
    }
    clock.ms += 1
    prober.tick()
    await schedule.pass(10_000)
    assert.equal(probe.asked.length, 2)
    assert.equal(probe.opened, 0)
  })
})
