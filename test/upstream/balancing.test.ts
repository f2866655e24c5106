/**
 * Distribution over peers, compared with nginx: the same group, the same clients in the same order, the
 * same peers out of order; who serves each client must be the same.
 */
import assert from 'node:assert/strict'
import type { TcpNetConnectOpts } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import {
  balancers,
  groupConfig,
  peerConfig,
  portOf,
} from '../../src/engine/upstream/group.fixture.ts'
import { Group } from '../../src/engine/upstream/group.ts'
import type { PeerConfig } from '../../src/engine/upstream/peer.ts'
import { PeerWalk } from '../../src/engine/upstream/walk.ts'
import { type Backend, type Serve, startTcpBackend } from '../support/echo-servers.ts'
import { startNginx } from '../support/nginx.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { connectTcp, type TcpClient } from '../support/tcp.ts'
import { until } from '../support/wait.ts'

interface Server {
  readonly weight?: number
  readonly maxFails?: number
  readonly maxConns?: number
  readonly backup?: boolean
  readonly down?: boolean
  /** Nothing listens at its port. */
  readonly dead?: boolean
}

interface Scenario {
  readonly balancer: keyof typeof balancers
  /** The directive in nginx. */
  readonly directive: string
  readonly servers: readonly Server[]
}

const clients = 120

const methods: readonly Pick<Scenario, 'balancer' | 'directive'>[] = [
  { balancer: 'round robin', directive: '' },
  { balancer: 'least_conn', directive: 'least_conn;' },
  { balancer: 'hash', directive: 'hash $remote_addr;' },
  { balancer: 'hash consistent', directive: 'hash $remote_addr consistent;' },
]

const mixes: Readonly<Record<string, readonly Server[]>> = {
  'equal peers': [{}, {}, {}],
  weights: [{ weight: 5 }, {}, {}, { weight: 3 }],
  'a peer that is down': [{ weight: 2 }, { down: true }, {}, { weight: 4 }],
  'a dead peer': [{ weight: 3 }, { dead: true, weight: 4 }, { weight: 2 }],
  'a dead peer that may fail more than once': [{}, { dead: true, maxFails: 3, weight: 7 }, {}],
  'failures that do not count': [{}, { dead: true, maxFails: 0 }, {}, { weight: 2 }],
  'dead peers and backups': [
    { dead: true },
    { dead: true },
    { backup: true },
    { backup: true, weight: 2 },
  ],
  'one peer': [{}],
}

function fits({ balancer }: Pick<Scenario, 'balancer'>, servers: readonly Server[]): boolean {
  return !balancer.startsWith('hash') || !servers.some(({ backup }) => backup === true)
}

const longMs = 3_600_000

function nginxServer(port: number, server: Server): string {
  const { weight = 1, maxFails = 1, maxConns = 0, backup, down } = server
  const flags = `${backup === true ? ' backup' : ''}${down === true ? ' down' : ''}`
  return `server 127.0.0.1:${port} weight=${weight} max_fails=${maxFails} max_conns=${maxConns} fail_timeout=1h${flags};`
}

function ourServer(port: number, server: Server): PeerConfig {
  const { weight = 1, maxFails = 1, maxConns = 0, backup = false, down = false } = server
  return peerConfig(port, { weight, maxFails, maxConns, backup, down, failTimeoutMs: longMs })
}

interface Bed {
  readonly listen: number
  readonly ports: readonly number[]
  readonly backends: ReadonlyMap<number, Backend>
  readonly group: Group
}

/** nginx and our group over the same servers. */
async function makeBed(t: TestContext, scenario: Scenario, serve: Serve): Promise<Bed> {
  const { servers, directive, balancer } = scenario
  const listen = await freePort()
  const ports = await freePorts(servers.length)
  const backends = new Map<number, Backend>()
  for (const [i, { dead }] of servers.entries()) {
    const port = ports[i]!
    if (dead !== true) backends.set(port, await startTcpBackend(t, serve, { port }))
  }
  const lines = servers.map((server, i) => nginxServer(ports[i]!, server))
  const upstream = `upstream u { zone u 64k; ${directive} ${lines.join(' ')} }`
  const server = `server { listen ${listen}; proxy_pass u; proxy_next_upstream_timeout 20s; }`
  await startNginx(t, { stream: `${upstream}\n${server}` })
  const peers = servers.map((each, i) => ourServer(ports[i]!, each))
  const group = new Group(groupConfig(balancers[balancer]!, peers), { now: () => 1 })
  return { listen, ports, backends, group }
}

const sayPort: Serve = (socket) => void socket.end(String(socket.localPort))

/** Each client has an address of its own, so that hashing methods see different keys. */
function addressOf(client: number): string {
  return `127.${1 + (client % 3)}.${client % 251}.${1 + (client % 200)}`
}

/** The port that serves a client of ours, dead ones failing on the way; 0 where none is left. */
function walkThrough({ group, backends }: Bed, key: string): number {
  const walk = new PeerWalk(group, key)
  for (;;) {
    const port = portOf(walk.next()?.address)
    if (port === 0) return 0
    const alive = backends.has(port)
    walk.done(!alive)
    if (alive) return port
    if (walk.tries === 0) return 0
  }
}

for (const method of methods) {
  suite(`${method.balancer}, one client after the other`, { concurrency: false }, () => {
    for (const [name, servers] of Object.entries(mixes)) {
      if (!fits(method, servers)) continue
      test(name, { timeout: 120_000 }, async (t) => {
        const bed = await makeBed(t, { ...method, servers }, sayPort)
        const to = { host: '127.0.0.1', port: bed.listen }
        const nginx: number[] = []
        const ours: number[] = []
        for (let i = 0; i < clients; i += 1) {
          const localAddress = addressOf(i)
          nginx.push(Number(await ask(t, { ...to, localAddress })))
          ours.push(walkThrough(bed, localAddress))
        }
        assert.deepEqual(ours, nginx)
      })
    }
  })
}

/** What the server says until it ends the connection; ours stays open, which nginx would take for an end. */
async function ask(t: TestContext, to: TcpNetConnectOpts, request = ''): Promise<string> {
  const client = await connectTcp(t, to)
  if (request !== '') await client.send(request)
  const answer = await client.readAll({ orReset: true })
  client.close()
  return answer.toString()
}

/** Says which backend it is and stays as long as the client does. */
const sayPortAndStay: Serve = (socket) => {
  socket.write(`${socket.localPort}\n`)
  socket.resume().once('end', () => socket.end())
}

interface Visit {
  readonly client: TcpClient
  readonly walk: PeerWalk
  readonly port: number
}

const stays: Readonly<Record<string, readonly Server[]>> = {
  'equal peers': [{}, {}, {}],
  weights: [{ weight: 3 }, { weight: 2 }, {}, { weight: 2 }],
  'limits of connections': [{ maxConns: 3 }, { maxConns: 4, weight: 3 }, { maxConns: 5 }],
  'backups behind limits': [{ maxConns: 2 }, { maxConns: 2 }, { backup: true }],
}

for (const method of methods) {
  suite(`${method.balancer}, with clients that stay`, { concurrency: false }, () => {
    for (const [name, servers] of Object.entries(stays)) {
      if (!fits(method, servers)) continue
      test(name, { timeout: 120_000 }, async (t) => {
        const bed = await makeBed(t, { ...method, servers }, sayPortAndStay)
        const visits: Visit[] = []
        for (let i = 0; i < clients; i += 1) {
          // Three come for one that goes, until ten are there.
          if (visits.length >= 10 || i % 4 === 3) await leave(bed, visits, i)
          else await enter(t, bed, visits, addressOf(i))
        }
      })
    }
  })
}

async function enter(
  t: TestContext,
  bed: Bed,
  visits: Visit[],
  localAddress: string,
): Promise<void> {
  const walk = new PeerWalk(bed.group, localAddress)
  const port = portOf(walk.next()?.address)
  const client = await connectTcp(t, { host: '127.0.0.1', port: bed.listen, localAddress })
  if (port === 0) {
    assert.equal(
      (await client.readAll({ orReset: true })).toString(),
      '',
      'nginx has no peer either',
    )
    return
  }
  assert.equal(Number(await client.readUntil('\n')), port)
  visits.push({ client, walk, port })
}

async function leave({ backends }: Bed, visits: Visit[], i: number): Promise<void> {
  const [visit] = visits.splice((i * 7) % visits.length, 1)
  if (visit === undefined) return
  const backend = backends.get(visit.port)!
  const before = backend.open
  visit.client.close()
  visit.walk.done(false)
  // nginx counts the connection off before it closes its side.
  await until(() => backend.open < before, { what: 'nginx to close the connection' })
}

test('ip_hash', { timeout: 120_000 }, async (t) => {
  const ports = await freePorts(4)
  const listen = await freePort()
  const weights = [1, 2, 1, 3]
  for (const port of ports) await startTcpBackend(t, answerHttp, { port })
  const lines = ports.map((port, i) => nginxServer(port, { weight: weights[i]! }))
  const upstream = `upstream u { ip_hash; ${lines.join(' ')} }`
  await startNginx(t, {
    http: `${upstream} server { listen ${listen}; location / { proxy_pass http://u; } }`,
  })
  const peers = ports.map((port, i) => ourServer(port, { weight: weights[i]! }))
  const group = new Group(groupConfig(balancers['ip_hash']!, peers), { now: () => 1 })
  for (let i = 0; i < clients; i += 1) {
    const localAddress = addressOf(i * 3)
    const to = { host: '127.0.0.1', port: listen, localAddress }
    const answer = await ask(t, to, 'GET / HTTP/1.0\r\n\r\n')
    const walk = new PeerWalk(group, localAddress)
    assert.equal(portOf(walk.next()?.address), Number(answer.split('\r\n\r\n')[1]))
    walk.done(false)
  }
})

const answerHttp: Serve = (socket) => {
  socket.once('data', () => socket.end(`HTTP/1.0 200 OK\r\n\r\n${socket.localPort}`))
}
