/**
 * What the event bus shows of the changes, seen by mosquitto's clients, on the engine's own broker and on
 * another one.
 */
import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { freePort, freePorts } from '../support/ports.ts'
import { run, runOk, startProcess, type RunningProcess } from '../support/process.ts'
import { isAlive } from '../support/process-tree.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import { type Control, host, type ServerFields, startControl, success, topicOf } from './support.ts'

type Where = readonly string[]

const patient = { timeout: 120_000 }

function socketOf({ prefix }: Control): Where {
  return ['--unix', prefix.file('data/mosquitto.sock')]
}

/** `topic payload` of everything that is retained; the empty list while there is no broker. */
async function retained(where: Where, ...filters: readonly string[]): Promise<readonly string[]> {
  const topics = filters.flatMap((filter) => ['-t', filter])
  const words = ['-V', '311', '-q', '1', '-v', '--retained-only', '-W', '1', ...topics]
  const { stdout } = await run(['mosquitto_sub', ...where, ...words])
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort()
}

async function waitForRetained(where: Where, expected: readonly string[]): Promise<void> {
  let found: readonly string[] = []
  const filters = ['/ins/#', '/dyn/config/#']
  const agree = async (): Promise<boolean> => {
    found = await retained(where, ...filters)
    return found.join('\n') === expected.toSorted().join('\n')
  }
  await until(agree, { what: 'the retained topics' }).catch(() => undefined)
  assert.deepEqual(found, expected.toSorted())
}

function publish(where: Where, topic: string, ...options: readonly string[]): Promise<string> {
  return runOk(['mosquitto_pub', ...where, '-V', '311', '-q', '1', '-t', topic, ...options])
}

/** A subscriber that stays; resolves when it is subscribed. */
async function subscribe(t: TestContext, where: Where, filter: string): Promise<RunningProcess> {
  const words = ['-V', '311', '-q', '1', '-v', '-d', '-t', filter]
  const subscriber = await startProcess(t, ['stdbuf', '-oL', 'mosquitto_sub', ...where, ...words])
  await subscriber.waitForOutput(/Subscribed/)
  return subscriber
}

function start(t: TestContext, port: number, controlHttp = ''): Promise<Control> {
  return startControl(t, {
    stream: `
      map $remote_addr $word { default nothing; }
      server { listen ${host}:${port}; server_name fixed; proxy_pass ${host}:1; }`,
    controlHttp,
  })
}

function named(port: number, server_name: string): ServerFields {
  return { addr_port: `${host}:${port}`, server_name, server_body: 'return $word;' }
}

function addLine(server: ServerFields): string {
  return `${topicOf(server)} ${JSON.stringify({ type: 'add', ...server })}`
}

test('an addition is retained; a deletion erases it and is told', patient, async (t) => {
  const port = await freePort()
  const control = await start(t, port)
  const where = socketOf(control)
  const subscriber = await subscribe(t, where, '/ins/stream_srv/#')
  const server = named(port, 'a')
  assert.deepEqual(await control.add(t, server), success)
  await until(() => subscriber.stdout.includes(addLine(server)), { what: 'the addition' })
  await waitForRetained(where, [addLine(server)])
  assert.deepEqual(await control.add(t, named(port, 'dry'), '?dry_run=1'), success)
  assert.deepEqual(await control.del(t, server), success)
  const { addr_port, server_name } = server
  const del = JSON.stringify({ type: 'del', addr_port, server_name })
  await until(() => subscriber.stdout.includes(`${topicOf(server)} ${del}`), {
    what: 'the deletion',
  })
  await waitForRetained(where, [])
})

test('every kind of instruction has its topic', patient, async (t) => {
  const port = await freePort()
  const control = await start(t, port)
  const where = socketOf(control)
  const map = { keyFrom: '$remote_addr', keyTo: '$word', values: [] }
  await control.ask(t, 'PUT', '/api/v1/config/stream_dyn_map', { maps: [map] })
  const target = { listens: [`${host}:${port}`], serverNames: ['fixed'], proxy_pass: `${host}:2` }
  await control.ask(t, 'PUT', '/api/v1/config/stream_proxy_pass', { servers: [target] })
  const filters = ['/dyn/config/#']
  await until(async () => (await retained(where, ...filters)).length === 2, { what: 'both topics' })
  const { status } = await control.ask(t, 'POST', '/api/v2/rollback', { to: 0 })
  assert.equal(status, 200)
  await waitForRetained(where, [])
})

test('the bus is brought up to date after control was down', patient, async (t) => {
  const port = await freePort()
  const control = await start(t, port)
  const where = socketOf(control)
  const servers = ['erased', 'changed', 'kept'].map((name) => named(port, name))
  for (const server of servers) assert.deepEqual(await control.add(t, server), success)
  await waitForRetained(where, servers.map(addLine))
  const [victim] = control.engine.children('ctrl')
  process.kill(victim!.pid, 'SIGSTOP')
  // A stopped client keeps its subscriptions: what it finds in its socket later must not confuse it.
  await publish(where, topicOf(servers[0]!), '-r', '-n')
  await publish(where, topicOf(servers[1]!), '-r', '-m', '{"type":"add","addr_port":"x"}')
  await publish(where, '/ins/stream_srv/s_7', '-r', '-m', '{"type":"add"}')
  process.kill(victim!.pid, 'SIGKILL')
  await until(() => !isAlive(victim!.pid), { what: 'the end of ctrl' })
  await waitForRetained(where, servers.map(addLine))
})

test('nothing is lost with a broker that loses its data', patient, async (t) => {
  const port = await freePort()
  const control = await start(t, port)
  const where = socketOf(control)
  const [early, late] = [named(port, 'early'), named(port, 'late')]
  assert.deepEqual(await control.add(t, early), success)
  await control.ask(t, 'POST', '/api/v1/kv', { key: 'colour', value: 'blue' })
  await waitForRetained(where, [addLine(early)])
  const [broker] = control.engine.children('mqtt')
  process.kill(broker!.pid, 'SIGSTOP')
  assert.deepEqual(await control.add(t, late), success, 'a change does not need the bus')
  const data = control.prefix.file('data')
  const files = readdirSync(data).filter((name) => name.startsWith('mosquitto.db'))
  assert.ok(files.length > 0)
  for (const name of files) rmSync(`${data}/${name}`)
  process.kill(broker!.pid, 'SIGKILL')
  await until(() => !isAlive(broker!.pid), { what: 'the end of the broker' })
  await waitForRetained(where, [addLine(early), addLine(late)])
  const colour = async (): Promise<boolean> =>
    (await retained(where, '/dyn/kv_http_colour'))[0] === '/dyn/kv_http_colour blue'
  await until(colour, { what: 'the key value' })
})

test('another broker serves as well', patient, async (t) => {
  const [port, brokerPort] = (await freePorts(2)) as [number, number]
  const other = makeTempPrefix(t)
  const brokerConf = other.write(
    'conf/mosquitto.conf',
    `listener ${brokerPort} ${host}\nuser root\nallow_anonymous true\n`,
  )
  const command = ['mosquitto', '-c', brokerConf] as const
  const where = ['-h', host, '-p', String(brokerPort)]
  const prefix = makeTempPrefix(t, { 'conf/iot-ctrl.conf': `broker_addr ${host}:${brokerPort}\n` })
  const control = await startControl(t, {
    prefix,
    stream: `server { listen ${host}:${port}; server_name fixed; return fixed; }`,
    controlHttp: 'dyn_sendmsg_conf conf/iot-ctrl.conf;',
  })
  const servers = ['before', 'between', 'after'].map((name) => named(port, name))
  for (const server of servers) Object.assign(server, { server_body: 'return x;' })
  const [before, between, after] = servers as [ServerFields, ServerFields, ServerFields]
  assert.deepEqual(await control.add(t, before), success, 'there is no broker yet')
  const mosquitto = await startProcess(t, command)
  await waitForRetained(where, [addLine(before)])
  // Without persistence it forgets everything.
  await mosquitto.stop('SIGTERM')
  assert.deepEqual(await control.add(t, between), success)
  assert.deepEqual(await control.del(t, before), success)
  await startProcess(t, command)
  await waitForRetained(where, [addLine(between)])
  assert.deepEqual(await control.add(t, after), success)
  await waitForRetained(where, [addLine(between), addLine(after)])
  assert.deepEqual(await retained(socketOf(control), '/ins/#'), [], 'its own broker has no part')
})
