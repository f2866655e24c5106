/**
 * `/api/v1/upstream_api`: members that come, go and drain while the engine works, and what is counted of
 * them over all workers.
 */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { a, startDnsServer } from '../../src/engine/upstream/dns/dns-server.fixture.ts'
import { type CountedBackend, startCountedBackend } from '../support/counted-backend.ts'
import { startTcpBackend } from '../support/echo-servers.ts'
import { rawHttp } from '../support/http.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { run, runOk } from '../support/process.ts'
import { isAlive } from '../support/process-tree.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import { type Control, type ControlOptions, host, mainConf, startControl } from './support.ts'

const patient = { timeout: 180_000 }

const api = '/api/v1/upstream_api'

interface Peer {
  readonly id: number
  readonly server: string
  readonly state: string
  readonly active: number
  readonly requests: number
  readonly connections: number
  readonly responses: Readonly<Record<string, number>> & {
    readonly codes: Readonly<Record<string, number>>
    readonly total: number
  }
  readonly sent: number
  readonly received: number
  readonly fails: number
  readonly unavail: number
  readonly header_time?: number
  readonly response_time?: number
  readonly selected?: string
}

interface Group {
  readonly peers: readonly Peer[]
  readonly keepalive: number
  readonly zombies: number
}

interface Member {
  readonly id: number
  readonly server: string
  readonly weight: number
  readonly down: boolean
  readonly parent?: number
  readonly host?: string
}

class Members {
  readonly control: Control
  readonly #owner: Owner
  readonly #path: string

  constructor(owner: Owner, control: Control, group: string) {
    this.#owner = owner
    this.control = control
    this.#path = `${api}/${group}`
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- a member, or a list of them
  async change(method: string, path: string, body?: unknown): Promise<any> {
    const { status, text } = await this.control.ask(
      this.#owner,
      method,
      `${this.#path}/servers/${path}`,
      body,
    )
    assert.equal(status, method === 'POST' ? 201 : 200, text)
    return JSON.parse(text)
  }

  async add(server: string, fields: object = {}): Promise<number> {
    return (await this.change('POST', '', { server, ...fields })).id
  }

  list(): Promise<readonly Member[]> {
    return this.control.get(this.#owner, `${this.#path}/servers/`)
  }

  /** `id server` of each, for a look at all of them. */
  async brief(): Promise<readonly string[]> {
    return (await this.list()).map(({ id, server }) => `${id} ${server}`)
  }

  group(): Promise<Group> {
    return this.control.get(this.#owner, `${this.#path}/`)
  }

  /** The group when no request is under way any more. */
  async idleGroup(): Promise<Group> {
    return until(
      async () => {
        const group = await this.group()
        return group.peers.every(({ active }) => active === 0) ? group : undefined
      },
      { what: 'the last request to end' },
    )
  }

  async reset(): Promise<void> {
    const { status } = await this.control.ask(this.#owner, 'DELETE', `${this.#path}/`)
    assert.equal(status, 204)
  }
}

/** Members that come, change twice and go, one after the other. */
const changeRounds = 40
const wrkConnections = 16

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0)

function httpConf(
  port: number,
  group: string,
  more = '',
): Pick<ControlOptions, 'blocks' | 'stream'> {
  return {
    stream: '',
    blocks: `http {
      access_log off;
      upstream backend { ${group} }
      server {
        listen ${host}:${port};
        location / {
          proxy_pass http://backend;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          ${more}
        }
      }
    }`,
  }
}

async function backends(owner: Owner, count: number): Promise<CountedBackend[]> {
  return Promise.all(Array.from({ length: count }, () => startCountedBackend(owner)))
}

async function get(
  owner: Owner,
  port: number,
  fields: readonly string[] = [],
): Promise<Awaited<ReturnType<typeof rawHttp>>> {
  const head = ['GET / HTTP/1.1', `Host: ${host}`, 'Connection: close', ...fields]
  return rawHttp(owner, { host, port }, `${head.join('\r\n')}\r\n\r\n`)
}

test('what is counted over two workers equals what was sent', patient, async (t) => {
  const [one, two] = (await backends(t, 2)) as [CountedBackend, CountedBackend]
  const port = await freePort()
  const servers = [one, two].map(({ address }) => `server ${address};`).join(' ')
  const control = await startControl(t, {
    workers: 2,
    ...httpConf(port, `zone backend 128k; ${servers} keepalive 32;`),
  })
  const members = new Members(t, control, 'http/upstreams/backend')
  const requests = 8_000
  const paths = ['/', '/status/404', '/status/201', '/status/500', '/']
  const urls = paths.map((path) => `http://${host}:${port}${path}`)
  const stdout = await runOk(['h2load', '--h1', '-n', String(requests), '-c', '16', ...urls])
  assert.match(stdout, new RegExp(`${requests} total, ${requests} started, ${requests} done`))

  const { peers, keepalive, zombies } = await members.idleGroup()
  assert.equal(one.requests + two.requests, requests)
  for (const [i, backend] of [one, two].entries()) {
    const peer = peers[i]!
    assert.equal(peer.server, backend.address)
    assert.equal(peer.requests, backend.requests)
    assert.equal(peer.responses.total, backend.requests)
    assert.deepEqual(
      peer.responses.codes,
      Object.fromEntries([...backend.statuses].sort(([x], [y]) => x - y)),
    )
    assert.equal(peer.responses['4xx'], backend.statuses.get(404))
    assert.equal(peer.sent, backend.bytesRead)
    assert.equal(peer.received, backend.bytesWritten)
    assert.equal(peer.fails, 0)
    assert.ok(peer.header_time !== undefined && peer.response_time !== undefined)
    assert.ok(Math.abs(Date.parse(peer.selected!) - Date.now()) < 60_000)
  }
  assert.ok(keepalive > 0 && keepalive <= 2 * 32, `${keepalive} connections wait`)
  assert.equal(zombies, 0)

  await members.reset()
  const empty = await members.group()
  assert.equal(sum(empty.peers.map((peer) => peer.requests + peer.sent + peer.received)), 0)
  assert.equal(sum(empty.peers.map(({ responses }) => responses.total)), 0)
  for (let i = 0; i < 10; i += 1) await get(t, port)
  const again = await members.idleGroup()
  assert.equal(sum(again.peers.map((peer) => peer.requests)), 10)
  assert.equal(sum(again.peers.map(({ responses }) => responses.codes['200'] ?? 0)), 10)
})

test(
  'members come, change, drain and go under load without a failed request',
  patient,
  async (t) => {
    const [stays, ...others] = (await backends(t, 4)) as [CountedBackend, ...CountedBackend[]]
    const port = await freePort()
    const control = await startControl(t, {
      workers: 2,
      ...httpConf(port, `zone backend 128k; server ${stays.address}; keepalive 32;`),
    })
    const members = new Members(t, control, 'http/upstreams/backend')
    const load = run(['wrk', '-t1', `-c${wrkConnections}`, '-d8s', `http://${host}:${port}/`])
    await until(() => stays.requests > 100, { what: 'load' })
    for (let round = 0; round < changeRounds; round += 1) {
      const other = others[round % others.length]!
      const id = await members.add(other.address, { weight: 2 })
      await members.change('PATCH', String(id), { weight: 3 })
      await members.change('PATCH', String(id), { drain: true })
      await members.change('DELETE', String(id))
    }
    const { stdout } = await load
    assert.doesNotMatch(stdout, /Non-2xx|Socket errors/)
    assert.ok(
      others.every(({ requests }) => requests > 0),
      'new members are used',
    )
    const { peers } = await members.idleGroup()
    assert.equal(peers.length, 1)
    // At its end wrk drops what it has just asked for: that may not have gone out to the backend.
    const dropped = peers[0]!.requests - stays.requests
    assert.ok(dropped >= 0 && dropped <= wrkConnections, `${dropped} more than arrived`)
    assert.equal(peers[0]!.fails, 0)
  },
)

test(
  'a change of a member leaves the connections and the counters of others alone',
  patient,
  async (t) => {
    const [one, two, three] = (await backends(t, 3)) as [
      CountedBackend,
      CountedBackend,
      CountedBackend,
    ]
    const port = await freePort()
    const control = await startControl(t, {
      ...httpConf(
        port,
        `zone backend 128k; server ${one.address}; server ${two.address}; keepalive 8;`,
      ),
    })
    const members = new Members(t, control, 'http/upstreams/backend')
    for (let i = 0; i < 10; i += 1) await get(t, port)
    const connections = [one.connections, two.connections]
    const before = await members.idleGroup()
    const id = await members.add(three.address)
    await members.change('PATCH', '1', { max_fails: 3 })
    for (let i = 0; i < 12; i += 1) await get(t, port)
    await members.change('DELETE', String(id))
    for (let i = 0; i < 10; i += 1) await get(t, port)
    assert.deepEqual([one.connections, two.connections], connections, 'they were used again')
    assert.equal(three.requests, 4)
    const { peers } = await members.idleGroup()
    assert.deepEqual(
      peers.map(({ requests }) => requests),
      [one.requests, two.requests],
    )
    assert.deepEqual(
      before.peers.map(({ id: number }) => number),
      peers.map(({ id: number }) => number),
    )
    assert.ok(await control.engine.reload(), control.engine.report())
    const after = await members.group()
    assert.deepEqual(
      after.peers.map(({ requests }) => requests),
      [one.requests, two.requests],
      'a reload forgets nothing',
    )
  },
)

test(
  'who is bound to a draining member stays with it, and nobody else comes',
  patient,
  async (t) => {
    const [one, two] = (await backends(t, 2)) as [CountedBackend, CountedBackend]
    const port = await freePort()
    const servers = `server ${one.address}; server ${two.address};`
    const control = await startControl(t, {
      workers: 2,
      ...httpConf(port, `zone backend 128k; ${servers} sticky cookie srv;`),
    })
    const members = new Members(t, control, 'http/upstreams/backend')
    const bound = await until(async () => {
      const answer = await get(t, port)
      const isOne = answer.body.toString() === `port ${one.port}\n`
      return isOne ? answer.header('set-cookie') : undefined
    })
    const [cookie] = bound.split(';')
    await members.change('PATCH', '0', { drain: true })
    assert.equal((await members.group()).peers[0]!.state, 'draining')
    const seen = one.requests
    for (let i = 0; i < 10; i += 1) await get(t, port)
    assert.equal(one.requests, seen, 'nobody new comes')
    for (let i = 0; i < 4; i += 1) await get(t, port, [`Cookie: ${cookie}`])
    assert.equal(one.requests, seen + 4, 'who was there may stay')
    await members.change('PATCH', '0', { drain: false })
    await until(async () => (await get(t, port), one.requests > seen + 4))
  },
)

test('members outlive reloads, restarts and killed processes', patient, async (t) => {
  const all = await backends(t, 4)
  const [port, controlPort] = (await freePorts(2)) as [number, number]
  const [zero, one, two, three] = all.map(({ address }) => address) as [
    string,
    string,
    string,
    string,
  ]
  const prefix = makeTempPrefix(t)
  const options: ControlOptions = {
    workers: 2,
    prefix,
    controlPort,
    ...httpConf(port, `zone backend 128k; server ${zero}; server ${one}; server ${two};`),
  }
  let control = await startControl(t, options)
  let members = new Members(t, control, 'http/upstreams/backend')
  await members.add(three, { weight: 2 })
  await members.change('DELETE', '1')
  await members.change('PATCH', '2', { down: true })
  const expected = [`0 ${zero}`, `2 ${two}`, `3 ${three}`]
  const check = async (when: string): Promise<void> => {
    await control.waitForControl(t)
    assert.deepEqual(await members.brief(), expected, when)
    const before = all.map(({ requests }) => requests)
    for (let i = 0; i < 24; i += 1) assert.equal((await get(t, port)).status, 200, when)
    const served = all.map(({ requests }, i) => requests > before[i]!)
    assert.deepEqual(served, [true, false, false, true], when)
  }
  await check('at first')
  for (const title of ['conf/ctrl.conf', 'worker process', 'conf/mqtt.conf']) {
    await control.kill(title)
    await check(`after the end of ${title}`)
  }
  assert.ok(await control.engine.reload(mainConf(options)), control.engine.report())
  await check('after a reload')
  await control.engine.stop()
  control = await startControl(t, options)
  members = new Members(t, control, 'http/upstreams/backend')
  await check('after a restart')
  const family = control.engine.processes().map(({ pid }) => pid)
  for (const pid of family) process.kill(pid, 'SIGKILL')
  await until(() => family.every((pid) => !isAlive(pid)), { what: 'the end of the engine' })
  control = await startControl(t, options)
  members = new Members(t, control, 'http/upstreams/backend')
  await check('after everything was killed')
  assert.equal(await members.add(one), 4, 'a number that was never given')
})

test('members of a group with a file of state are kept there', patient, async (t) => {
  const all = await backends(t, 3)
  const [port, controlPort] = (await freePorts(2)) as [number, number]
  const [zero, one, two] = all.map(({ address }) => address) as [string, string, string]
  const prefix = makeTempPrefix(t)
  prefix.write('conf/backend.state', `server ${zero};\n`)
  const options: ControlOptions = {
    workers: 2,
    prefix,
    controlPort,
    ...httpConf(port, 'zone backend 128k; state conf/backend.state;'),
  }
  let control = await startControl(t, options)
  let members = new Members(t, control, 'http/upstreams/backend')
  assert.deepEqual(await members.brief(), [`0 ${zero}`])
  await members.add(one, { weight: 2 })
  assert.equal(prefix.read('conf/backend.state'), `server ${zero};\nserver ${one} weight=2;\n`)
  await members.add(two)
  await members.change('DELETE', '0')
  const text = `server ${one} weight=2;\nserver ${two};\n`
  assert.equal(prefix.read('conf/backend.state'), text)
  assert.ok(await control.engine.reload(), control.engine.report())
  assert.deepEqual(await members.brief(), [`1 ${one}`, `2 ${two}`])
  for (let i = 0; i < 12; i += 1) assert.equal((await get(t, port)).status, 200)
  assert.deepEqual(
    all.map(({ requests }) => requests > 0),
    [false, true, true],
  )
  // What was changed while control was away, or written over, is put right when it is back.
  prefix.write('conf/backend.state', 'server 127.0.0.1:1;\n')
  await control.kill('conf/ctrl.conf')
  await control.waitForControl(t)
  await until(() => prefix.read('conf/backend.state') === text, {
    what: 'the file to be put right',
  })
  await control.engine.stop()
  // Without the journal, the file is all there is.
  rmSync(prefix.file('data'), { recursive: true, force: true })
  control = await startControl(t, options)
  members = new Members(t, control, 'http/upstreams/backend')
  assert.deepEqual(await members.brief(), [`0 ${one}`, `1 ${two}`])
  await members.change('DELETE', '0')
  assert.deepEqual(await members.change('DELETE', '1'), [])
  assert.equal(prefix.read('conf/backend.state'), '')
  assert.equal((await get(t, port)).status, 502)
  await members.add(zero)
  assert.equal((await get(t, port)).status, 200)
})

test('a name stands above the addresses that were found for it', patient, async (t) => {
  const records = [a('app.test', '127.0.0.1', 1), a('app.test', '127.0.0.2', 1)]
  const { address, behaviour } = await startDnsServer(t, { records })
  const port = await freePort()
  const control = await startControl(t, {
    workers: 2,
    ...httpConf(
      port,
      `zone backend 128k; resolver ${host}:${address.port} ipv6=off; server ${host}:9;`,
    ),
  })
  const members = new Members(t, control, 'http/upstreams/backend')
  const parent = await members.add('app.test:80', { weight: 4 })
  const children = await until(
    async () => {
      const found = (await members.list()).filter((each) => each.parent === parent)
      return found.length === 2 ? found : undefined
    },
    { what: 'the addresses of the name' },
  )
  assert.deepEqual(children.map(({ server }) => server).toSorted(), [
    '127.0.0.1:80',
    '127.0.0.2:80',
  ])
  assert.ok(children.every(({ weight, host: name }) => weight === 4 && name === 'app.test:80'))
  const [child] = children as [Member]
  const ask = (method: string, body?: unknown) =>
    control.ask(t, method, `${api}/http/upstreams/backend/servers/${child.id}`, body)
  assert.match(
    (await ask('DELETE')).text,
    /"server not removeable","code":"UpstreamServerImmutable"/,
  )
  assert.match((await ask('PATCH', { weight: 1 })).text, /"server address is immutable"/)
  assert.equal(JSON.parse((await ask('GET')).text).parent, parent)
  assert.equal((await members.group()).peers.length, 3)
  behaviour.records = [a('app.test', '127.0.0.2', 1)]
  await until(async () => (await members.group()).peers.length === 2, { what: 'an address to go' })
  await members.change('DELETE', String(parent))
  assert.deepEqual(await members.brief(), [`0 ${host}:9`])
})

test('streams count connections and bytes', patient, async (t) => {
  const backend = await startTcpBackend(t)
  const port = await freePort()
  const control = await startControl(t, {
    workers: 2,
    stream: `
      upstream tcp { zone tcp 64k; server ${host}:${backend.port}; }
      server { listen ${host}:${port}; proxy_pass tcp; }`,
  })
  const members = new Members(t, control, 'stream/upstreams/tcp')
  const connections = 20
  for (let i = 0; i < connections; i += 1) {
    const client = await connectTcp(t, { host, port })
    await client.send('x'.repeat(100))
    await client.read(100)
    client.close()
  }
  const [peer] = (await members.idleGroup()).peers
  assert.equal(peer!.connections, connections)
  assert.equal(peer!.sent, connections * 100)
  assert.equal(peer!.received, connections * 100)
  const held = await connectTcp(t, { host, port })
  await held.send('x')
  await held.read(1)
  assert.equal((await members.group()).peers[0]!.active, 1)
  const workers = control.engine.children('worker process').map(({ pid }) => pid)
  for (const pid of workers) process.kill(pid, 'SIGKILL')
  await until(() => succeeded(control, t, workers), { what: 'the successors of all workers' })
  const [later] = (await members.idleGroup()).peers
  assert.equal(later!.connections, connections + 1, 'what dead workers counted stays')
  const id = await members.add(`${host}:9`, { down: true })
  assert.deepEqual(await members.brief(), [`0 ${host}:${backend.port}`, `${id} ${host}:9`])
})

/** True when as many others serve as there were. */
async function succeeded(
  control: Control,
  owner: Owner,
  killed: readonly number[],
): Promise<boolean> {
  const there = control.engine.children('worker process').map(({ pid }) => pid)
  if (there.length !== killed.length || killed.some((pid) => there.includes(pid))) return false
  return (await control.ask(owner, 'GET', '/api/v2/ready')).status === 200
}
