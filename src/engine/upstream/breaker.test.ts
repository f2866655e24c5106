import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BreakerConfig } from './breaker.ts'
import { balancers, Clock, groupConfig, peerConfig, portOf } from './group.fixture.ts'
import { Group, type GroupConfig } from './group.ts'
import { PeerWalk } from './walk.ts'

const roundRobin = balancers['round robin']!

const never: BreakerConfig = {
  errorRatio: 0,
  slowMs: 0,
  slowRatio: 0,
  consecutive: 0,
  windowMs: 10_000,
  requestsMin: 4,
  openMs: 30_000,
  trials: 1,
  ejectionMax: 100,
}

class Bench {
  readonly clock = new Clock()
  readonly group: Group

  constructor(
    breaker: Partial<BreakerConfig>,
    ports: readonly number[],
    rest: Partial<GroupConfig> = {},
  ) {
    const peers = ports.map((port) => peerConfig(port, { maxFails: 0 }))
    const config = { ...groupConfig(roundRobin, peers), ...rest, breaker: { ...never, ...breaker } }
    this.group = new Group(config, { now: this.clock.now })
  }

  /** One request; the port it went to, 0 for none. */
  request(outcome: (port: number) => 'ok' | 'slow' | 'error' | 'broken' | 'given up'): number {
    const walk = new PeerWalk(this.group, '')
    const port = portOf(walk.next()?.address)
    if (port === 0) return 0
    const what = outcome(port)
    if (what === 'ok') walk.noteAnswer(5)
    if (what === 'slow') walk.noteAnswer(500)
    if (what === 'error') walk.noteAnswer(5, true)
    walk.done(what === 'broken')
    return port
  }

  requests(count: number, outcome: Parameters<Bench['request']>[0]): readonly number[] {
    return Array.from({ length: count }, () => this.request(outcome))
  }
}

const bad =
  (what: 'slow' | 'error' | 'broken'): Parameters<Bench['request']>[0] =>
  (port) =>
    port === 2 ? what : 'ok'

const tripped = [
  { name: 'a ratio of errors', breaker: { errorRatio: 50 }, outcome: bad('error') },
  { name: 'a ratio of failures', breaker: { errorRatio: 50 }, outcome: bad('broken') },
  {
    name: 'a ratio of slow answers',
    breaker: { slowMs: 300, slowRatio: 50 },
    outcome: bad('slow'),
  },
  { name: 'errors in a row', breaker: { consecutive: 4 }, outcome: bad('error') },
] as const

for (const { name, breaker, outcome } of tripped) {
  test(`${name} takes a peer out of use`, () => {
    const bench = new Bench(breaker, [1, 2])
    assert.equal(bench.requests(8, outcome).filter((port) => port === 2).length, 4)
    assert.deepEqual(new Set(bench.requests(20, outcome)), new Set([1]))
    const [, second] = bench.group.peers
    assert.equal(second?.status(), 'unavail')
  })
}

test('fewer requests than there must be say nothing of a ratio', () => {
  const bench = new Bench({ errorRatio: 1, requestsMin: 5 }, [1, 2])
  assert.equal(bench.requests(8, bad('error')).filter((port) => port === 2).length, 4)
  assert.equal(bench.requests(2, bad('error')).filter((port) => port === 2).length, 1)
  assert.deepEqual(new Set(bench.requests(10, bad('error'))), new Set([1]))
})

test('what lies behind the window is forgotten', () => {
  const bench = new Bench({ errorRatio: 50, windowMs: 1000 }, [1])
  for (let turn = 0; turn < 20; turn += 1) {
    assert.equal(
      bench.request(() => 'error'),
      1,
    )
    bench.clock.ms += 1000
  }
})

test('a good answer ends a row of errors', () => {
  const bench = new Bench({ consecutive: 2 }, [1])
  for (const what of ['error', 'ok', 'error', 'ok', 'error'] as const) {
    assert.equal(
      bench.request(() => what),
      1,
    )
  }
  assert.equal(
    bench.request(() => 'error'),
    1,
  )
  assert.equal(
    bench.request(() => 'ok'),
    0,
  )
})

test('after its time as many requests as are trials are let through, and close the circuit', () => {
  const bench = new Bench({ consecutive: 1, trials: 2 }, [1])
  bench.request(() => 'error')
  bench.clock.ms += 29_999
  assert.equal(
    bench.request(() => 'ok'),
    0,
  )
  bench.clock.ms += 1
  const walks = Array.from({ length: 3 }, () => new PeerWalk(bench.group, ''))
  const begun = walks.filter((walk) => walk.next() !== undefined)
  assert.equal(begun.length, 2)
  for (const walk of begun) {
    assert.equal(bench.group.peers[0]!.status(), 'unavail')
    walk.noteAnswer(1)
  }
  assert.equal(bench.group.peers[0]!.status(), 'up')
  for (const walk of begun) walk.done(false)
  assert.deepEqual(
    bench.requests(3, () => 'ok'),
    [1, 1, 1],
  )
})

test('a trial that goes wrong opens the circuit again', () => {
  const bench = new Bench({ consecutive: 1 }, [1])
  bench.request(() => 'error')
  bench.clock.ms += 30_000
  assert.equal(
    bench.request(() => 'error'),
    1,
  )
  bench.clock.ms += 29_999
  assert.equal(
    bench.request(() => 'ok'),
    0,
  )
})

test('a trial that the client gave up leaves its place to another', () => {
  const bench = new Bench({ consecutive: 1 }, [1])
  bench.request(() => 'error')
  bench.clock.ms += 30_000
  assert.equal(
    bench.request(() => 'given up'),
    1,
  )
  assert.equal(
    bench.request(() => 'ok'),
    1,
  )
  assert.equal(bench.group.peers[0]!.status(), 'up')
})

test('trials that were lost with their process are made again', () => {
  const bench = new Bench({ consecutive: 1 }, [1])
  bench.request(() => 'error')
  bench.clock.ms += 30_000
  const lost = new PeerWalk(bench.group, '')
  assert.ok(lost.next())
  assert.equal(
    bench.request(() => 'ok'),
    0,
  )
  bench.clock.ms += 30_000
  assert.equal(
    bench.request(() => 'ok'),
    1,
  )
})

test('requests under way when the circuit opened do not decide a trial', () => {
  const bench = new Bench({ consecutive: 1 }, [1])
  const early = new PeerWalk(bench.group, '')
  early.next()
  bench.request(() => 'error')
  bench.clock.ms += 30_000
  const trial = new PeerWalk(bench.group, '')
  trial.next()
  early.done(true)
  assert.equal(bench.group.peers[0]!.status(), 'unavail')
  trial.noteAnswer(1)
  assert.equal(bench.group.peers[0]!.status(), 'up')
})

test('no more than a part of the peers is out of use at a time', () => {
  const bench = new Bench({ consecutive: 2, ejectionMax: 50 }, [1, 2, 3, 4])
  bench.requests(200, () => 'error')
  const states = bench.group.peers.map((peer) => peer.status()).toSorted()
  assert.deepEqual(states, ['unavail', 'unavail', 'up', 'up'])
})

test('a circuit that is no longer configured is closed', () => {
  const bench = new Bench({ consecutive: 1, openMs: 3_600_000 }, [1])
  bench.request(() => 'error')
  assert.equal(
    bench.request(() => 'ok'),
    0,
  )
  const { breaker: _, ...config } = bench.group.config
  const plain = bench.group.next(config)
  plain.activate()
  const again = plain.next(bench.group.config)
  again.activate()
  assert.equal(again.peers[0]!.status(), 'up')
})

test('a peer that comes back warms up', () => {
  const peers = [peerConfig(1, { slowStartMs: 10_000 })]
  const clock = new Clock()
  const breaker = { ...never, consecutive: 1 }
  const group = new Group({ ...groupConfig(roundRobin, peers), breaker }, { now: clock.now })
  const walk = new PeerWalk(group, '')
  walk.next()
  walk.done(true)
  clock.ms += 30_000
  walk.reset(group, '')
  walk.next()
  walk.noteAnswer(1)
  walk.done(false)
  clock.ms += 5_000
  assert.equal(group.peers[0]!.ramp(clock.ms), 0.5)
})

test('a budget bounds how many requests are tried again', () => {
  const retryBudget = { percent: 20, retriesMin: 3, windowMs: 10_000 }
  const bench = new Bench({}, [1, 2, 3], { retryBudget })
  let attempts = 0
  const total = 100
  for (let request = 0; request < total; request += 1) {
    const walk = new PeerWalk(bench.group, '')
    while (walk.tries > 0 && walk.next() !== undefined) {
      attempts += 1
      walk.done(true)
    }
  }
  const retries = attempts - total
  assert.ok(retries >= 3 && retries <= total * 0.2 + 3, `${retries} retries`)
  bench.clock.ms += 20_000
  const walk = new PeerWalk(bench.group, '')
  walk.next()
  assert.equal(walk.tries, 3, 'the peer in use, and two more')
  walk.done(true)
  assert.equal(walk.tries, 2)
})
