/**
 * Processes are killed in the middle of a stream of changes: what was acknowledged is there afterwards, what
 * was not is wholly there or wholly not, and in every worker, in the list and on the bus it is the same.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { isAlive } from '../support/process-tree.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { makeTempPrefix, type TempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import { Model } from './model.ts'
import {
  byClientAddress,
  type Control,
  host,
  pageFor,
  type Reply,
  startControl,
  success,
  textFor,
} from './support.ts'

const limits = {
  /** Lives of a master; each ends with its death. */
  lives: 4,
  /** A kill comes at some time within the changes. */
  killWithinMs: 40,
  /** Changes that are sent after a kill, as far as they come through. */
  changesAfterKill: 3,
  /** Clients of one name at a time; more come until every worker has answered. */
  crowd: 8,
} as const

const addresses = ['127.0.1.1', '127.0.1.2', '127.0.1.3', '127.0.1.4', '127.0.1.5']
const paths = ['/p1', '/p2', '/p3']
const word = 'map'

/** Text of a server or a location, or `undefined` where there is none; and the word of the map. */
type State = Model<string | undefined>

interface World {
  readonly t: TestContext
  readonly random: Random
  readonly prefix: TempPrefix
  readonly port: number
  readonly httpPort: number
  readonly controlPort: number
  readonly state: State
  changes: number
}

function start({ t, prefix, port, httpPort, controlPort }: World): Promise<Control> {
  return startControl(t, {
    workers: 2,
    prefix,
    controlPort,
    blocks: `http {
      server {
        listen ${host}:${httpPort};
        server_name pages;
        location / { return 200 "$pid default"; }
      }
    }`,
    stream: `
      ${byClientAddress}
      map $remote_addr $word { default w0; }
      server { listen ${host}:${port}; return "$pid default $word"; }`,
  })
}

/** Makes one random change and notes what is known of it; false when nothing is. */
async function change(control: Control, world: World): Promise<boolean> {
  const { t, random, state } = world
  const name = random.chance(0.15) ? word : random.pick([...addresses, ...paths])
  const before = state.value(name)
  const text = `w${++world.changes}`
  const after = name === word || before === undefined ? text : undefined
  let reply: Reply
  try {
    if (name === word) reply = await setWord(control, t, text)
    else if (name.startsWith('/')) reply = await changeLocation(control, world, name, after)
    else reply = await changeServer(control, world, name, after)
  } catch (error) {
    // A connection that was refused has carried nothing.
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') state.leaveOpen(name, after)
    return false
  }
  if (reply.status === 500) state.leaveOpen(name, after)
  else if (reply.text === success.text) state.set(name, after)
  else assert.equal(JSON.parse(reply.text).code, 4, reply.text)
  return reply.text === success.text
}

function changeServer(
  control: Control,
  { t, port }: World,
  name: string,
  text: string | undefined,
): Promise<Reply> {
  const server = { addr_port: `${host}:${port}`, server_name: `s-${name}` }
  if (text === undefined) return control.del(t, server)
  return control.add(t, { ...server, server_body: `return "$pid ${text} $word";` })
}

function changeLocation(
  control: Control,
  { t, httpPort }: World,
  location_name: string,
  text: string | undefined,
): Promise<Reply> {
  const place = { addr_port: `${host}:${httpPort}`, server_name: 'pages' }
  if (text === undefined) return control.delLocation(t, place, { location_name })
  const location_body = `return 200 "$pid ${text}";`
  return control.addLocations(t, place, { location_name, location_body })
}

function setWord(control: Control, t: TestContext, valueTo: string): Promise<Reply> {
  const map = {
    keyFrom: '$remote_addr',
    keyTo: '$word',
    values: [{ valueFrom: 'default', valueTo }],
  }
  return control.ask(t, 'PUT', '/api/v1/config/stream_dyn_map', { maps: [map] })
}

/** Changes, one after the other, until a while after `killed`, or until one is not answered. */
async function changeUntil(control: Control, world: World, killed: AbortSignal): Promise<void> {
  for (let left: number = limits.changesAfterKill; left > 0;) {
    if (!(await change(control, world))) return
    if (killed.aborted) left -= 1
  }
}

/** Kills while changes are under way. */
async function strike(control: Control, world: World, victims: readonly number[]): Promise<void> {
  const killed = new AbortController()
  const changing = changeUntil(control, world, killed.signal)
  await delay(world.random.integer(0, limits.killWithinMs))
  for (const pid of victims) process.kill(pid, 'SIGKILL')
  killed.abort()
  await changing
  await until(() => victims.every((pid) => !isAlive(pid)), { what: 'the end of the victims' })
}

/** Looks at the list, and then at every worker: they agree with each other and with what is known. */
async function verify(control: Control, world: World): Promise<void> {
  const { t, state } = world
  await control.waitForControl(t)
  await untilComplete(control)
  const servers = await control.servers(t)
  const text = (name: string): string | undefined =>
    servers
      .find(({ server_name }) => server_name === `s-${name}`)
      ?.server_body?.match(/ (w\d+) /)?.[1]
  for (const name of addresses) state.settle(name, text(name))
  const locations = await control.locations(t)
  for (const path of paths) {
    const found = locations.find(({ location_name }) => location_name === path)
    state.settle(path, found?.location_body?.match(/ (w\d+)"/)?.[1])
  }
  const { maps } = await control.get<{ maps: { values: { valueTo: string }[] }[] }>(
    t,
    '/api/v1/config/stream_dyn_map',
  )
  state.settle(word, maps[1]!.values[0]!.valueTo)
  assert.ok(state.certain)
  await Promise.all([
    ...addresses.map((address) => {
      const expected = `${state.value(address) ?? 'default'} ${state.value(word)}`
      return verifyWorkers(address, expected, () => textFor(t, world.port, address))
    }),
    ...paths.map((path) => {
      const page = async (): Promise<string> =>
        (await pageFor(t, world.httpPort, `${path}/x`)).body.toString()
      return verifyWorkers(path, state.value(path) ?? 'default', page)
    }),
  ])
}

/** Asks until both workers have answered; each answers with its pid and what is expected. */
async function verifyWorkers(
  name: string,
  expected: string,
  ask: () => Promise<string>,
): Promise<void> {
  const seen = new Set<string>()
  await until(
    async () => {
      const clients = Array.from({ length: limits.crowd }, ask)
      for (const answer of await Promise.all(clients)) {
        const space = answer.indexOf(' ')
        assert.equal(answer.slice(space + 1), expected, `what worker ${answer} says of ${name}`)
        seen.add(answer.slice(0, space))
      }
      return seen.size >= 2
    },
    { what: `both workers' answers of ${name}` },
  )
}

/** Every process is there again. */
async function untilComplete(control: Control): Promise<void> {
  const complete = (): boolean =>
    control.engine.children('worker process').length === 2 &&
    control.engine.children('copilot').length === 2
  await until(complete, { what: 'two workers and two copilots', deadlineMs: 40_000 })
}

/** The retained topics become what the journal says. */
async function verifyBus({ t, prefix }: World, control: Control): Promise<void> {
  const servers = await control.servers(t)
  const locations = await control.locations(t)
  const expected = [
    ...servers.map((server) => JSON.stringify({ type: 'add', ...server })),
    ...locations.map(({ addr_port, server_name, ...location }) =>
      JSON.stringify({ type: 'add', addr_port, server_name, locations: [location] }),
    ),
  ].sort()
  const command = [
    'mosquitto_sub',
    '--unix',
    prefix.file('data/mosquitto.sock'),
    '-V',
    '311',
  ] as const
  const words = [
    ...command,
    '-t',
    '/ins/stream_srv/#',
    '-t',
    '/ins/loc/#',
    '--retained-only',
    '-W',
    '1',
  ] as const
  let retained: readonly string[] = []
  const agree = async (): Promise<boolean> => {
    const { stdout } = await run([...words])
    retained = stdout.split('\n').filter((line) => line !== '')
    return retained.toSorted().join('\n') === expected.join('\n')
  }
  await until(agree, { what: 'the retained topics' }).catch(() => undefined)
  assert.deepEqual(retained.toSorted(), expected)
}

/** Every process, then two and three at once, in any order: nine kills before the master's own. */
function victimsOfLife(random: Random): readonly (readonly string[])[] {
  const pairs = [
    ['ctrl', 'worker 0'],
    ['mqtt', 'worker 1'],
    ['ctrl', 'mqtt'],
  ]
  return random.shuffle([
    ['worker 0'],
    ['worker 1'],
    ['ctrl'],
    ['mqtt'],
    random.pick(pairs),
    ['worker 0', 'worker 1', random.pick(['ctrl', 'mqtt'])],
  ])
}

function pidOf(control: Control, victim: string): number {
  const [kind, index] = victim.split(' ')
  const title = kind === 'worker' ? 'worker process' : kind!
  const pids = control.engine.children(title).map(({ pid }) => pid)
  const pid = pids.sort((a, b) => a - b)[Number(index ?? 0)]
  assert.ok(pid !== undefined, `${victim} is there`)
  return pid
}

test('kills in the middle of changes', { timeout: 300_000 }, async (t) => {
  const random = seededRandom(t)
  const [port, httpPort, controlPort] = (await freePorts(3)) as [number, number, number]
  const state: State = new Model()
  for (const name of [...addresses, ...paths]) state.set(name, undefined)
  state.set(word, 'w0')
  const prefix = makeTempPrefix(t)
  const world: World = { t, random, prefix, port, httpPort, controlPort, state, changes: 0 }
  let kills = 0
  let revision = 0
  for (let life = 0; life < limits.lives; life++) {
    const control = await start(world)
    await verify(control, world)
    for (const victims of victimsOfLife(random)) {
      await strike(
        control,
        world,
        victims.map((victim) => pidOf(control, victim)),
      )
      kills += victims.length
      if (random.chance(0.2)) control.engine.signal('SIGHUP')
      await verify(control, world)
    }
    await verifyBus(world, control)
    const now = await control.revision(t)
    assert.ok(now >= revision, `revision ${now} after ${revision}`)
    revision = now
    const processes = control.engine.processes().map(({ pid }) => pid)
    await strike(control, world, [control.engine.pid])
    kills += 1
    await until(() => processes.every((pid) => !isAlive(pid)), { what: 'the end of all processes' })
  }
  t.diagnostic(`${kills} kills, ${world.changes} changes, revision ${revision}`)
  assert.ok(kills >= 40, `${kills} kills`)
})
