/**
 * Processes are killed in the middle of changes of every kind, before and after the acknowledgement: what was
 * acknowledged is there afterwards, what was not is wholly there or wholly not, and in every worker, in the
 * lists and on the bus it is the same.
 *
 * ```text
 *   life of a master   changes ──✕──✕──────▶ look   changes ──✕───────▶ look   …   ✕ (the master)
 *                          kills, of one or several processes
 * ```
 *
 * Two engines live at the same time: most of the time is spent waiting for processes that start.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { isAlive } from '../support/process-tree.ts'
import { type Random, Random as Generator, seededRandom } from '../support/random.ts'
import { makeTempPrefix, type TempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import {
  added,
  bodiesOf,
  optionsOf,
  outcomeOf,
  own,
  type Ports,
  readLists,
  type Thing,
  thingsOf,
  type Value,
} from './durable-things.ts'
import { Model } from './model.ts'
import { type Control, host, startControl, success, textFor } from './support.ts'
import { connectWorkers, type WorkerClient } from './worker-clients.ts'

const limits = {
  /** Lives of the masters of one engine; each ends with its death. */
  lives: 7,
  workers: 3,
  /** Changes under way at the same time. */
  changers: 2,
  /** A kill comes at some time within the changes. */
  killWithinMs: 40,
  /** Changes that a changer sends after the kills, as far as they come through. */
  changesAfterKill: 3,
  /** Clients of one name at a time; more come until every worker has answered. */
  crowd: 8,
  killsMin: 200,
} as const

interface World {
  readonly t: TestContext
  readonly random: Random
  readonly prefix: TempPrefix
  readonly ports: Ports
  readonly controlPort: number
  readonly things: readonly Thing[]
  readonly state: Model<Value>
  /** Things of which a change is under way. */
  readonly busy: Set<Thing>
  /** Names of those that a change was acknowledged of. */
  readonly changed: Set<string>
  changes: number
  kills: number
  /** Changes that were under way when somebody died. */
  struck: number
}

function start({ t, prefix, ports, controlPort }: World): Promise<Control> {
  const { workers } = limits
  return startControl(t, { workers, prefix, controlPort, ...optionsOf(ports) })
}

/** Makes one random change and notes what is known of it; false when nothing is. */
async function change(control: Control, world: World): Promise<boolean> {
  const { t, random, state, things, busy } = world
  const free = things.filter((thing) => !busy.has(thing) && state.isCertain(thing.name))
  if (free.length === 0) return false
  const thing = random.pick(free)
  const { name } = thing
  const after = thing.next(state.value(name), `w${++world.changes}`)
  busy.add(thing)
  try {
    const outcome = outcomeOf(thing, await thing.change(control, t, after))
    if (outcome === 'done') {
      state.set(name, after)
      world.changed.add(name)
    } else if (outcome === 'open') state.leaveOpen(name, after)
    return outcome === 'done'
  } catch (error) {
    // A connection that was refused has carried nothing.
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof assert.AssertionError) throw error
    if (code !== 'ECONNREFUSED') state.leaveOpen(name, after)
    return false
  } finally {
    busy.delete(thing)
  }
}

/** The next acknowledgement, for a kill that comes right behind it. */
class Acknowledgements {
  #next = Promise.withResolvers<void>()

  get next(): Promise<void> {
    return this.#next.promise
  }

  tell(): void {
    this.#next.resolve()
    this.#next = Promise.withResolvers()
  }
}

/** Kills while changes are under way, at any time or right behind an acknowledgement. */
async function strike(control: Control, world: World, victims: readonly number[]): Promise<void> {
  const { random, busy } = world
  const acknowledged = new Acknowledgements()
  let left = victims.length
  const changer = async (): Promise<void> => {
    for (let more: number = limits.changesAfterKill; more > 0;) {
      if (!(await change(control, world))) {
        acknowledged.tell()
        return
      }
      acknowledged.tell()
      if (left === 0) more -= 1
    }
  }
  const changing = Array.from({ length: limits.changers }, changer)
  const idle = Promise.all(changing)
  for (const pid of victims) {
    const moment = delay(random.integer(0, limits.killWithinMs))
    await (random.chance(0.5) ? moment : Promise.race([acknowledged.next, idle]))
    world.struck += busy.size
    process.kill(pid, 'SIGKILL')
    world.kills += 1
    left -= 1
  }
  await idle
  await until(() => victims.every((pid) => !isAlive(pid)), { what: 'the end of the victims' })
}

/** Looks at the lists, and then at every worker: they agree with each other and with what is known. */
async function verify(control: Control, world: World): Promise<void> {
  const { t, state, things } = world
  await control.waitForControl(t)
  const clients = await connectPages(world)
  await settled(control, world)
  const lists = await readLists(control, t, world.ports)
  for (const thing of things) state.settle(thing.name, thing.listed(lists))
  assert.ok(state.certain)
  await Promise.all([verifyPages(world, clients), verifyCertificates(world), verifyStream(world)])
  for (const client of clients) client.close()
}

/** What waited for a worker and had no answer in time may still be made: a change that is tried comes behind. */
async function settled(control: Control, { t, ports }: World): Promise<void> {
  const server = { addr_port: `${host}:${ports.http}`, server_name: 'tried.test' }
  const isTried = async (): Promise<boolean> =>
    (await control.addHttp(t, server, '?dry_run=1')).text === success.text
  await until(isTried, { what: 'a change that is tried' })
}

function connectPages({ t, ports }: World): Promise<readonly WorkerClient[]> {
  const { workers } = limits
  return connectWorkers(t, { port: ports.http, workers, path: '/', name: 'pages' })
}

async function verifyPages(
  { things, state }: World,
  clients: readonly WorkerClient[],
): Promise<void> {
  for (const client of clients) {
    for (const { name, page, text } of things) {
      if (page === undefined || text === undefined) continue
      const answer = await client.get(page.path, page.host)
      assert.equal(answer.text, text(state.value(name)), `${name} in worker ${client.worker}`)
    }
    const colour = state.value('key value') ?? ''
    await until(async () => (await client.get('/kv', 'pages')).text === colour, {
      what: `the key value "${colour}" in worker ${client.worker}`,
    })
  }
}

async function verifyCertificates({ t, ports, state }: World): Promise<void> {
  const secure = { rejectUnauthorized: false, servername: 'secure.test' }
  const to = { port: ports.secure, workers: limits.workers, path: '/', name: 'secure.test', secure }
  const clients = await connectWorkers(t, to)
  const expected = state.value('certificate') === undefined ? own : added
  for (const client of clients) {
    const { serial } = await client.get('/', 'secure.test')
    assert.equal(serial, expected.serial, `certificate in worker ${client.worker}`)
    client.close()
  }
}

/** Asks until all workers have answered; each answers with its pid and what is expected. */
async function verifyStream({ t, ports, things, state }: World): Promise<void> {
  for (const { name, address } of things) {
    if (address === undefined) continue
    const expected = `${state.value(name) ?? 'default'} ${state.value('map')}`
    const seen = new Set<string>()
    await until(
      async () => {
        const crowd = Array.from({ length: limits.crowd }, () => textFor(t, ports.stream, address))
        for (const answer of await Promise.all(crowd)) {
          const space = answer.indexOf(' ')
          assert.equal(answer.slice(space + 1), expected, `what worker ${answer} says of ${name}`)
          seen.add(answer.slice(0, space))
        }
        return seen.size >= limits.workers
      },
      { what: `all workers' answers of ${name}` },
    )
  }
}

/** The retained topics become what the journal says. */
async function verifyBus({ t, prefix, ports }: World, control: Control): Promise<void> {
  const expected = bodiesOf(await readLists(control, t, ports)).toSorted()
  const topics = ['/ins/stream_srv/#', '/ins/srv/#', '/ins/loc/#', '/ins/ups/#']
  const words = [
    ...['mosquitto_sub', '--unix', prefix.file('data/mosquitto.sock'), '-V', '311'],
    ...topics.flatMap((topic) => ['-t', topic]),
    ...['--retained-only', '-W', '1'],
  ] as [string, ...string[]]
  let retained: readonly string[] = []
  const agree = async (): Promise<boolean> => {
    const { stdout } = await run(words)
    retained = stdout.split('\n').filter((line) => line !== '')
    return retained.toSorted().join('\n') === expected.join('\n')
  }
  await until(agree, { what: 'the retained topics' }).catch(() => undefined)
  assert.deepEqual(retained.toSorted(), expected)
}

type Victim = 'worker' | 'ctrl' | 'mqtt'

/** Every process twice, most of them three times, one to three at once: who dies again starts later. */
function victimsOfLife(random: Random): readonly (readonly Victim[])[] {
  const processes: readonly Victim[] = ['worker', 'worker', 'worker', 'ctrl', 'mqtt']
  const first = random.shuffle(processes)
  const second = random.shuffle(processes)
  const third = random.shuffle(processes)
  return [
    ...[first.slice(0, 1), first.slice(1, 3), first.slice(3)],
    ...[second.slice(0, 2), second.slice(2)],
    ...[third.slice(0, 2), third.slice(2, 4)],
  ]
}

/** Processes of those kinds: of the workers the oldest, so that each has its turn. */
async function pidsOf(control: Control, victims: readonly Victim[]): Promise<readonly number[]> {
  return until(
    () => {
      const pids = new Set<number>()
      for (const victim of victims) {
        const title = victim === 'worker' ? 'worker process' : victim
        const all = control.engine.children(title).map(({ pid }) => pid)
        const pid = all.sort((a, b) => a - b).find((each) => !pids.has(each))
        if (pid !== undefined) pids.add(pid)
      }
      return pids.size === victims.length && [...pids]
    },
    { what: `the processes ${victims.join()}`, deadlineMs: 40_000 },
  )
}

async function createWorld(t: TestContext, random: Random): Promise<World> {
  const [stream, http, secure, back, controlPort] = await freePorts(5)
  const ports = { stream: stream!, http: http!, secure: secure!, back: back! }
  const things = thingsOf(ports)
  const state = new Model<Value>()
  for (const { name, first } of things) state.set(name, first)
  const prefix = makeTempPrefix(t)
  const counts = { changes: 0, kills: 0, struck: 0 }
  return {
    ...{ t, random, prefix, ports, things, state, controlPort: controlPort! },
    ...{ busy: new Set(), changed: new Set(), ...counts },
  }
}

/** Lives and deaths of one engine. */
async function live(world: World): Promise<void> {
  const { t, random } = world
  let revision = 0
  for (let life = 0; life < limits.lives; life++) {
    const control = await start(world)
    await verify(control, world)
    for (const victims of victimsOfLife(random)) {
      await strike(control, world, await pidsOf(control, victims))
      if (random.chance(0.2)) control.engine.signal('SIGHUP')
      await verify(control, world)
    }
    await verifyBus(world, control)
    const now = await control.revision(t)
    assert.ok(now >= revision, `revision ${now} after ${revision}`)
    revision = now
    const processes = control.engine.processes().map(({ pid }) => pid)
    await strike(control, world, [control.engine.pid])
    await until(() => processes.every((pid) => !isAlive(pid)), { what: 'the end of all processes' })
  }
}

test('kills in the middle of changes', { timeout: 1_800_000 }, async (t) => {
  const random = seededRandom(t)
  const seeds = [random.uint32(), random.uint32()]
  const worlds = await Promise.all(seeds.map((seed) => createWorld(t, new Generator(seed))))
  await Promise.all(worlds.map(live))
  const sum = (count: (world: World) => number): number =>
    worlds.reduce((total, world) => total + count(world), 0)
  const kills = sum((world) => world.kills)
  const struck = sum((world) => world.struck)
  t.diagnostic(
    `${kills} kills, ${struck} of changes under way, ${sum(({ changes }) => changes)} changes`,
  )
  const changed = worlds.map((world) => world.changed).reduce((all, each) => all.union(each))
  assert.deepEqual(changed, new Set(worlds[0]!.things.map(({ name }) => name)), 'of each kind')
  assert.ok(kills >= limits.killsMin, `${kills} kills`)
})
