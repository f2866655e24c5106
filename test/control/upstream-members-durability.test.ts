/**
 * Processes are killed while members of a group come, change and go: what was acknowledged is there
 * afterwards, what was not is wholly there or wholly not, and traffic goes to nobody else.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type CountedBackend, startCountedBackend } from '../support/counted-backend.ts'
import { rawHttp } from '../support/http.ts'
import { freePorts } from '../support/ports.ts'
import { isAlive } from '../support/process-tree.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import { Model } from './model.ts'
import { type Control, type ControlOptions, host, startControl } from './support.ts'

const limits = {
  kills: 14,
  /** A kill comes at some time within the changes. */
  killWithinMs: 60,
  /** Requests after each kill: enough for every member in both workers. */
  requests: 40,
} as const

/** Weight of a member by its address; `undefined` where it is none. */
type State = Model<number | undefined>

interface World {
  readonly t: TestContext
  readonly random: Random
  readonly backends: readonly CountedBackend[]
  readonly port: number
  readonly state: State
  readonly options: ControlOptions
}

interface Member {
  readonly id: number
  readonly server: string
  readonly weight: number
}

const path = '/api/v1/upstream_api/http/upstreams/backend/servers/'

async function createWorld(t: TestContext, members: (first: string) => string): Promise<World> {
  const backends = await Promise.all(Array.from({ length: 5 }, () => startCountedBackend(t)))
  const [port, controlPort] = (await freePorts(2)) as [number, number]
  const [first] = backends
  const prefix = makeTempPrefix(t)
  prefix.write('conf/backend.state', `server ${first!.address};\n`)
  const group = `zone backend 128k; ${members(first!.address)} keepalive 8;`
  const state: State = new Model()
  for (const backend of backends) state.set(backend.address, backend === first ? 1 : undefined)
  const blocks = `http {
    upstream backend { ${group} }
    server { listen ${host}:${port}; location / { proxy_pass http://backend; } }
  }`
  const options = { workers: 2, prefix, controlPort, blocks, stream: '' }
  return { t, random: seededRandom(t), backends, port, state, options }
}

function list(control: Control, { t }: World): Promise<readonly Member[]> {
  return control.get<readonly Member[]>(t, path)
}

/** One random change of a member that is not the first; false when its outcome is open. */
async function change(control: Control, world: World): Promise<boolean> {
  const { t, random, state, backends } = world
  const server = random.pick(backends.slice(1)).address
  const weight = random.chance(0.3) ? undefined : random.integer(2, 9)
  try {
    const member = (await list(control, world)).find((each) => each.server === server)
    if (member === undefined && weight === undefined) return true
    const isNew = member === undefined
    const method = weight === undefined ? 'DELETE' : isNew ? 'POST' : 'PATCH'
    state.leaveOpen(server, weight)
    const at = `${path}${member?.id ?? ''}`
    const { status, text } = await control.ask(t, method, at, { server, weight })
    if (status >= 500) return false
    assert.ok(status < 300, text)
    state.set(server, weight)
    return true
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    return false
  }
}

/** Changes until somebody has died, or nobody answers. */
async function strike(control: Control, world: World, victim: number): Promise<void> {
  const { random } = world
  const killed = new AbortController()
  const changing = (async () => {
    while (!killed.signal.aborted && (await change(control, world)));
  })()
  await delay(random.integer(0, limits.killWithinMs))
  process.kill(victim, 'SIGKILL')
  killed.abort()
  await changing
  await until(() => !isAlive(victim), { what: 'the end of the victim' })
}

async function verify(control: Control, world: World): Promise<void> {
  const { t, state, backends, port } = world
  await control.waitForControl(t)
  // A change that is tried comes behind whatever is still under way.
  await until(async () => {
    const { status } = await control.ask(t, 'PATCH', `${path}0?dry_run=1`, { weight: 1 })
    return status === 200
  })
  const members = await list(control, world)
  for (const { address } of backends) {
    state.settle(address, members.find(({ server }) => server === address)?.weight)
  }
  assert.equal(new Set(members.map(({ id }) => id)).size, members.length)
  const before = backends.map(({ requests }) => requests)
  for (let i = 0; i < limits.requests; i += 1) {
    const bytes = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    assert.equal((await rawHttp(t, { host, port }, bytes)).status, 200)
  }
  for (const [i, { address, requests }] of backends.entries()) {
    assert.equal(requests > before[i]!, state.value(address) !== undefined, address)
  }
}

const victims = ['worker process', 'conf/ctrl.conf', 'conf/mqtt.conf', 'master process'] as const

async function live(world: World): Promise<void> {
  const { t, random, options } = world
  let control = await startControl(t, options)
  await verify(control, world)
  for (let kill = 0; kill < limits.kills; kill += 1) {
    const title = random.pick(victims)
    const isMaster = title === 'master process'
    const children = control.engine.children('')
    const pid = isMaster ? control.engine.pid : (await control.engine.child(title)).pid
    await strike(control, world, pid)
    if (isMaster) {
      await until(() => children.every((child) => !isAlive(child.pid)), { what: 'the end of all' })
      control = await startControl(t, options)
    }
    await verify(control, world)
  }
}

test('kills while members of a block change', { timeout: 400_000 }, async (t) => {
  await live(await createWorld(t, (first) => `server ${first};`))
})

test('kills while members of a file of state change', { timeout: 400_000 }, async (t) => {
  await live(await createWorld(t, () => 'state conf/backend.state;'))
})
