import assert from 'node:assert/strict'
import { test } from 'node:test'
import { within } from '../../../test/support/wait.ts'
import { Clock, groupConfig, peerConfig } from './group.fixture.ts'
import { Group } from './group.ts'
import type { QueueWaiter } from './peer-queue.ts'
import { PeerWalk } from './walk.ts'

class Waiter implements QueueWaiter {
  readonly walk: PeerWalk
  readonly served = Promise.withResolvers<void>()
  readonly timedOut = Promise.withResolvers<void>()

  constructor(group: Group) {
    this.walk = new PeerWalk(group, '')
  }

  onPeerFree(): boolean {
    if (this.walk.next() === undefined) return false
    this.served.resolve()
    return true
  }

  onQueueTimeout(): void {
    this.timedOut.resolve()
  }
}

function busyGroup(queue: { waitersMax: number; timeoutMs: number }, clock = new Clock()): Group {
  const config = groupConfig({ kind: 'round_robin' }, [peerConfig(1, { maxConns: 1 })])
  return new Group({ ...config, queue }, { now: clock.now })
}

test('those who wait are served in their order, one for each place that becomes free', async () => {
  const group = busyGroup({ waitersMax: 2, timeoutMs: 60_000 })
  const busy = new PeerWalk(group, '')
  busy.next()
  const [one, two, three] = [new Waiter(group), new Waiter(group), new Waiter(group)]
  assert.deepEqual(
    [one, two, three].map((waiter) => group.queue!.enter(waiter)),
    [true, true, false],
  )
  busy.done(false)
  await within(one.served.promise)
  assert.equal(group.queue!.length, 1)
  one.walk.done(false)
  await within(two.served.promise)
  two.walk.done(false)
  assert.equal(group.queue!.length, 0)
})

test('who leaves is not served, and who waits too long is told so', async () => {
  const clock = new Clock()
  const group = busyGroup({ waitersMax: 5, timeoutMs: 1000 }, clock)
  const busy = new PeerWalk(group, '')
  busy.next()
  const [gone, late] = [new Waiter(group), new Waiter(group)]
  group.queue!.enter(gone)
  group.queue!.enter(late)
  group.queue!.leave(gone)
  clock.ms += 1001
  await within(late.timedOut.promise)
  assert.equal(group.queue!.length, 0)
  busy.done(false)
  assert.equal(gone.walk.peer, undefined)
})
