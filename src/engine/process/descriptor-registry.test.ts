import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { silentLog } from '../core/log.ts'
import { ListenError } from '../net/listening-socket.ts'
import { listenKey, type ListenOptions, type ListenSpec } from '../net/listen-plan.ts'
import { type Borrower, DescriptorRegistry } from './descriptor-registry.ts'

const host = '127.0.0.1'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

function spec(port: number, options: ListenOptions = {}): ListenSpec {
  const address = { family: 4, host, port } as const
  return { key: listenKey('tcp', address), protocol: 'tcp', address, options }
}

function registryFor(t: TestContext): DescriptorRegistry {
  const registry = new DescriptorRegistry(silentLog)
  t.after(() => registry.closeAll(true))
  return registry
}

const one: Borrower = { family: 'worker', slot: 0 }
const two: Borrower = { family: 'worker', slot: 1 }
const all = (): boolean => true

test('workers share a socket; each has its own with reuseport', async (t) => {
  const registry = registryFor(t)
  const shared = spec(await freePort())
  assert.equal(registry.open(one, shared), registry.open(two, shared))
  const own = spec(await freePort(), { reuseport: true })
  assert.notEqual(registry.open(one, own), registry.open(two, own))
})

test('what nobody borrows is closed, what a dead borrower leaves is kept for its successor', async (t) => {
  const registry = registryFor(t)
  const [given, left] = [spec(await freePort()), spec(await freePort())]
  registry.open(one, given)
  const fd = registry.open(one, left)
  registry.release(one, given.key)
  registry.releaseAll(one)
  registry.sweep(() => false)
  assert.deepEqual(
    registry.inheritance().map(({ key }) => key),
    [`worker ${left.key}`],
  )
  assert.equal(registry.open({ ...one }, left), fd)
  registry.releaseAll(one)
  registry.sweep(all)
  assert.deepEqual(registry.inheritance().length, 1, 'the successor has it')
})

test('once the family is complete, what none of them asked for is closed', async (t) => {
  const registry = registryFor(t)
  registry.open(one, spec(await freePort()))
  registry.releaseAll(one)
  registry.sweep(all)
  assert.deepEqual(registry.inheritance(), [])
})

test('a port in use is an error with its reason, and leaves nothing', async (t) => {
  const registry = registryFor(t)
  const server = createServer().listen(0, host)
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  assert.throws(
    () => registry.open(one, spec(port)),
    (error: unknown) =>
      error instanceof ListenError &&
      error.message === `bind() to ${host}:${port} failed (98: Address already in use)`,
  )
  assert.deepEqual(registry.inheritance(), [])
})
