import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { PersistentMap } from '../core/persistent-map.ts'
import { BusView } from './bus-view.ts'

const key = '/ins/stream_srv/s_1'
const body = '{"type":"add","addr_port":"0.0.0.0:1","server_name":"a"}'

function createBroker(): {
  log: string[]
  publish(topic: string, payload: string, options: { readonly retain: boolean }): Promise<void>
} {
  const log: string[] = []
  return {
    log,
    publish: async (topic, payload, { retain }) =>
      void log.push(`${retain ? 'retained' : 'plain'} ${topic} ${payload}`),
  }
}

test('an addition is retained; a deletion erases it and is told', async () => {
  const broker = createBroker()
  const none = PersistentMap.empty<string>()
  let instructions = none.set(key, body)
  const view = new BusView(broker, () => instructions)
  await view.onCommit([{ key, body }])
  instructions = none
  await view.onCommit([{ key, body: null }])
  assert.deepEqual(broker.log, [
    `retained ${key} ${body}`,
    `retained ${key} `,
    `plain ${key} {"type":"del","addr_port":"0.0.0.0:1","server_name":"a"}`,
  ])
})

test('a change is told in one go, in its order', async () => {
  const published: string[] = []
  let acknowledge = (): void => undefined
  const acknowledged = new Promise<void>((resolve) => (acknowledge = resolve))
  const broker = {
    publish: (_topic: string, payload: string): Promise<void> => {
      published.push(payload)
      return acknowledged
    },
  }
  let instructions = PersistentMap.from([[key, body]])
  const view = new BusView(broker, () => instructions)
  view.onRetained(key, body)
  instructions = PersistentMap.from([['/ins/stream_srv/s_2', 'second']])
  const told = view.onCommit([
    { key, body: null },
    { key: '/ins/stream_srv/s_2', body: 'second' },
  ])
  await turnOfLoop()
  assert.deepEqual(published, [
    '',
    '{"type":"del","addr_port":"0.0.0.0:1","server_name":"a"}',
    'second',
  ])
  acknowledge()
  await told
})

test('changes that follow one upon the other are told together, as what they come to', async () => {
  const broker = createBroker()
  let instructions = PersistentMap.empty<string>()
  const view = new BusView(broker, () => instructions)
  const told: Promise<void>[] = []
  const commit = (name: string, value: string | null): void => {
    instructions = value === null ? instructions.delete(name) : instructions.set(name, value)
    told.push(view.onCommit([{ key: name, body: value }]))
  }
  commit('/ins/stream_srv/first', 'at once')
  await told[0]
  commit('/ins/stream_srv/first', null)
  commit('/ins/stream_srv/first', 'again')
  commit('/ins/stream_srv/fleeting', 'came')
  commit('/ins/stream_srv/fleeting', null)
  commit('/ins/stream_srv/second', 'one')
  commit('/ins/stream_srv/second', 'two')
  await turnOfLoop()
  assert.deepEqual(broker.log, ['retained /ins/stream_srv/first at once'])
  await Promise.all(told)
  assert.deepEqual(broker.log.slice(1), [
    'retained /ins/stream_srv/first again',
    'retained /ins/stream_srv/second two',
  ])
})

test('after a connection the broker is brought to what the journal says, and no further', async () => {
  const broker = createBroker()
  const wanted = PersistentMap.from([
    ['/ins/stream_srv/kept', 'same'],
    ['/ins/stream_srv/changed', 'new'],
    ['/ins/stream_srv/missing', 'body'],
  ])
  const view = new BusView(broker, () => wanted)
  view.onRetained('/ins/stream_srv/kept', 'same')
  view.onRetained('/ins/stream_srv/changed', 'old')
  view.onRetained('/ins/stream_srv/gone', 'stale')
  await view.complete()
  assert.deepEqual(broker.log.toSorted(), [
    'retained /ins/stream_srv/changed new',
    'retained /ins/stream_srv/gone ',
    'retained /ins/stream_srv/missing body',
  ])
})

test('what an old connection left unsent does not outlive the comparison', async () => {
  const retained = new Map<string, string>()
  let arrive = (): void => undefined
  let online = false
  const broker = {
    publish: async (topic: string, payload: string): Promise<void> => {
      if (!online) await new Promise<void>((resolve) => (arrive = resolve))
      retained.set(topic, payload)
    },
  }
  const none = PersistentMap.empty<string>()
  let instructions = none.set(key, body)
  const view = new BusView(broker, () => instructions)
  const sent = view.onCommit([{ key, body }])
  // The connection breaks before the broker has it, and the server is deleted meanwhile.
  await turnOfLoop()
  view.forget()
  instructions = none
  online = true
  const completed = view.complete()
  arrive()
  await Promise.all([sent, completed])
  assert.deepEqual([...retained], [[key, '']])
})
