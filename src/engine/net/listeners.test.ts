import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeTempPrefix } from '../../../test/support/temp-prefix.ts'
import { within } from '../../../test/support/wait.ts'
import { Recorder } from '../../../test/net/recorder.ts'
import { silentLog } from '../core/log.ts'
import { PersistentMap } from '../core/persistent-map.ts'
import type { Address } from './address.ts'
import { createTransport } from './create-transport.ts'
import { LocalDescriptorSource, type DescriptorSource } from './descriptor-source.ts'
import { listenKey, type ListenOptions, type ListenPlan, type ListenSpec } from './listen-plan.ts'
import { ListenerSet } from './listeners.ts'
import { ListenError } from './listening-socket.ts'
import type { Acceptor } from './socket.ts'
import type { Transport } from './transport.ts'

/** A port that says its name to whoever connects. */
function sayer(name: string): Acceptor {
  return {
    onAccept: (socket) => {
      socket.write(Buffer.from(name))
      socket.end()
    },
  }
}

function plan(address: Address, port: Acceptor, options: ListenOptions = {}): ListenPlan {
  return { key: listenKey('tcp', address), protocol: 'tcp', address, options, port }
}

function plans(...list: readonly ListenPlan[]): PersistentMap<ListenPlan> {
  return PersistentMap.from(list.map((one) => [one.key, one] as const))
}

/** Counts what is open, over the real thing. */
class CountingSource implements DescriptorSource {
  readonly opened: string[] = []
  readonly released: string[] = []
  readonly #real = new LocalDescriptorSource(silentLog)

  open(spec: ListenSpec): Promise<number> {
    this.opened.push(spec.key)
    return this.#real.open(spec)
  }

  release(spec: ListenSpec): void {
    this.released.push(spec.key)
    this.#real.release(spec)
  }
}

function setUp(t: TestContext): { transport: Transport; source: CountingSource; set: ListenerSet } {
  const transport = createTransport({ log: silentLog })
  const source = new CountingSource()
  const set = new ListenerSet(transport, source, silentLog)
  t.after(() => {
    set.close()
    transport.close()
  })
  return { transport, source, set }
}

async function ask(transport: Transport, address: Address): Promise<string> {
  const side = new Recorder({ onEnd: (socket) => socket.end() })
  transport.connect(address, {}, side)
  const error = await within(side.closed)
  return error === undefined ? side.text : String(error.code)
}

const anyPort: Address = { family: 4, host: '127.0.0.1', port: 0 }
const otherAnyPort: Address = { family: 4, host: '127.0.0.2', port: 0 }

test('opens, exchanges what is behind, and closes', async (t) => {
  const { transport, source, set } = setUp(t)
  const { key } = plan(anyPort, sayer('one'))
  await set.apply(plans(plan(anyPort, sayer('one'))))
  const { local } = set.get(key)!
  assert.equal(await ask(transport, local), 'one')
  await set.apply(plans(plan(anyPort, sayer('two'), { backlog: 7 })))
  assert.deepEqual(set.get(key)!.local, local)
  assert.equal(await ask(transport, local), 'two')
  assert.equal(source.opened.length, 1)
  await set.apply(plans())
  assert.equal(await ask(transport, local), 'ECONNREFUSED')
  assert.deepEqual(source.released, [key])
  assert.equal(set.size, 0)
})

test('a change touches only what differs', async (t) => {
  const { source, set } = setUp(t)
  const first = plan(anyPort, sayer('one'))
  await set.apply(plans(first))
  const listener = set.get(first.key)
  await set.apply(plans(first, plan(otherAnyPort, sayer('two'))))
  assert.equal(set.get(first.key), listener)
  assert.equal(source.opened.length, 2)
})

test('an address that is taken refuses the whole change and leaves nothing open', async (t) => {
  const { transport, source, set } = setUp(t)
  const holder = plan(anyPort, sayer('holder'))
  await set.apply(plans(holder))
  const taken = set.get(holder.key)!.local
  const other = new ListenerSet(transport, source, silentLog)
  const wanted = plans(plan(otherAnyPort, sayer('x')), plan(taken, sayer('y')))
  await assert.rejects(other.prepare(wanted), (error) => {
    assert.ok(error instanceof ListenError)
    assert.equal(error.code, 'EADDRINUSE')
    assert.match(
      error.message,
      /^bind\(\) to 127\.0\.0\.1:\d+ failed \(98: Address already in use\)$/,
    )
    return true
  })
  assert.equal(other.size, 0)
  assert.equal(await ask(transport, taken), 'holder')
})

test('nothing is served before commit, nothing is left after abort', async (t) => {
  const { transport, set } = setUp(t)
  const path = join(makeTempPrefix(t).path, 'a.sock')
  const address: Address = { family: 'unix', path }
  const prepared = await set.prepare(plans(plan(address, sayer('x'))))
  assert.equal(set.size, 0)
  assert.ok(existsSync(path))
  prepared.abort()
  assert.equal(existsSync(path), false)
  const again = await set.prepare(plans(plan(address, sayer('y'))))
  again.commit()
  assert.equal(await ask(transport, address), 'y')
})

test('a socket file that a killed process left behind is taken over, a live one is not', async (t) => {
  const { transport, set } = setUp(t)
  const path = join(makeTempPrefix(t).path, 'a.sock')
  const address: Address = { family: 'unix', path }
  const dead = new ListenerSet(transport, { ...leaky }, silentLog)
  await dead.apply(plans(plan(address, sayer('dead'))))
  dead.close()
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(existsSync(path))
  await set.apply(plans(plan(address, sayer('alive'))))
  assert.equal(await ask(transport, address), 'alive')
  const second = new ListenerSet(transport, { ...leaky }, silentLog)
  await assert.rejects(second.apply(plans(plan(address, sayer('no')))), /Address already in use/)
})

/** Like a process that dies: closes its descriptors, but removes no files. */
const leaky: DescriptorSource = {
  open: (spec) => new LocalDescriptorSource(silentLog).open(spec),
  release: () => {},
}

test('reuseport can be switched on while connections come in', async (t) => {
  const { transport, source, set } = setUp(t)
  const first = plan(anyPort, sayer('shared'))
  await set.apply(plans(first))
  const { local } = set.get(first.key)!
  // The key names port 0; what is bound is the real port, so the second socket must join it.
  const fixed = plan(local, sayer('one'))
  const next = new ListenerSet(transport, source, silentLog)
  set.close()
  await new Promise((resolve) => setImmediate(resolve))
  await next.apply(plans(fixed))
  await next.apply(plans(plan(local, sayer('per worker'), { reuseport: true })))
  assert.equal(await ask(transport, local), 'per worker')
  await next.apply(plans(plan(local, sayer('back'))))
  assert.equal(await ask(transport, local), 'back')
  next.close()
})
