import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { formatAddress } from '../net/address.ts'
import { a, srv, startDnsServer, type TestRecord } from './dns/dns-server.fixture.ts'
import { Resolver } from './dns/resolver.ts'
import { Group } from './group.ts'
import { MemberWatch, serviceName } from './member-watch.ts'
import { type Members, toGroupConfig } from './members.ts'
import type { UpstreamConfig } from './parse-upstream.ts'
import type { ServerConfig } from './server-directive.ts'
import { PeerWalk } from './walk.ts'

const options = { timeout: 60_000 }

function server(host: string, settings: Partial<ServerConfig> = {}): ServerConfig {
  return {
    text: host,
    endpoint: { family: 'name', host, port: 80 },
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    slowStartMs: 0,
    backup: false,
    down: false,
    drain: false,
    route: undefined,
    resolve: true,
    service: undefined,
    parameters: [],
    ...settings,
  }
}

interface Bed {
  readonly config: UpstreamConfig
  readonly watch: MemberWatch
  readonly changes: Members[]
  readonly failures: string[]
  readonly delays: number[]
  /** Look-ups that are due later. */
  readonly waiting: readonly (() => void)[]
  records: (records: readonly TestRecord[]) => void
  rcode: (code: number | undefined) => void
  /** Runs the look-up that waits, and waits for it. */
  elapse: () => Promise<void>
}

async function start(
  t: TestContext,
  records: readonly TestRecord[],
  ...servers: readonly ServerConfig[]
): Promise<Bed> {
  const dns = await startDnsServer(t, { records })
  const settings = { servers: [dns.address], validMs: undefined, ipv4: true, ipv6: false }
  const resolver = new Resolver(settings, { timeoutMs: 20_000, now: () => 0 })
  const config = {
    name: 'u',
    servers,
    balancer: { kind: 'round_robin' },
    zone: undefined,
    resolver: settings,
    resolverTimeoutMs: 1,
    keepalive: undefined,
    sticky: undefined,
    queue: undefined,
  } as const
  const bed = { changes: [] as Members[], failures: [] as string[], delays: [] as number[] }
  const waiting: (() => void)[] = []
  let wake = (): void => {}
  const watch = new MemberWatch(config, {
    // A memory would answer in place of the server: time stands still here.
    resolver: forgetful(resolver, settings),
    fixed: new Map(),
    onChange: (members) => bed.changes.push(members),
    onFailure: (error) => bed.failures.push(error.message),
    schedule: (step, delayMs) => {
      bed.delays.push(delayMs)
      waiting.push(step)
      wake()
      return () => void waiting.splice(waiting.indexOf(step), 1)
    },
  })
  t.after(() => watch.close())
  await watch.start()
  return {
    ...bed,
    config,
    watch,
    waiting,
    records: (next) => {
      dns.behaviour.records = next
    },
    rcode: (code) => {
      if (code === undefined) delete dns.behaviour.rcode
      else dns.behaviour.rcode = code
    },
    elapse: async () => {
      const scheduled = new Promise<void>((resolve) => {
        wake = resolve
      })
      waiting.shift()!()
      await scheduled
      await new Promise(setImmediate)
    },
  }
}

function forgetful(
  resolver: Resolver,
  settings: ConstructorParameters<typeof Resolver>[0],
): Pick<Resolver, 'resolve' | 'resolveService'> {
  return {
    resolve: (name) => new Resolver(settings, { timeoutMs: 20_000 }).resolve(name),
    resolveService: (name) => resolver.resolveService(name),
  }
}

function addresses(members: Members | undefined): readonly string[] {
  return [...(members?.values() ?? [])].flatMap((each) =>
    each.map(({ address }) => formatAddress(address)),
  )
}

test('members follow the records of their name', options, async (t) => {
  const bed = await start(t, [a('app', '10.0.0.2', 30), a('app', '10.0.0.1', 60)], server('app'))
  assert.deepEqual(
    addresses(bed.changes[0]),
    ['10.0.0.1:80', '10.0.0.2:80'],
    'in one order everywhere',
  )
  assert.ok(
    bed.delays[0]! > 29_000 && bed.delays[0]! <= 30_000,
    'looked up again at the shortest TTL',
  )
  await bed.elapse()
  assert.equal(bed.changes.length, 1, 'the same answer is no change')
  bed.records([a('app', '10.0.0.1'), a('app', '10.0.0.3')])
  await bed.elapse()
  assert.deepEqual(addresses(bed.changes[1]), ['10.0.0.1:80', '10.0.0.3:80'])
})

test(
  'a name server that fails takes no member away; a name that is gone does',
  options,
  async (t) => {
    const bed = await start(t, [a('app', '10.0.0.1')], server('app'))
    bed.rcode(2)
    await bed.elapse()
    assert.deepEqual(bed.failures, ['app could not be resolved (2: Server failure)'])
    assert.deepEqual(addresses(bed.watch.members), ['10.0.0.1:80'])
    assert.equal(bed.delays.at(-1), 10_000)
    bed.rcode(undefined)
    bed.records([])
    await bed.elapse()
    assert.deepEqual(addresses(bed.changes.at(-1)), [])
    bed.records([a('app', '10.0.0.9', 0)])
    await bed.elapse()
    assert.deepEqual(addresses(bed.changes.at(-1)), ['10.0.0.9:80'])
    assert.equal(bed.delays.at(-1), 1000, 'a TTL of 0 does not mean to ask all the time')
  },
)

test('services bring ports, weights and backups', options, async (t) => {
  const name = '_http._tcp.app'
  const records = [
    srv(name, 'one', [10, 3, 8080]),
    srv(name, 'two', [10, 0, 8081]),
    srv(name, 'far', [20, 5, 8082]),
    srv(name, 'gone', [10, 1, 8083]),
    a('one', '10.0.0.1'),
    a('two', '10.0.0.2'),
    a('far', '10.0.0.3'),
  ]
  const bed = await start(t, records, server('app', { service: 'http' }))
  const [members] = [...bed.changes[0]!.values()]
  assert.deepEqual(
    members?.map(({ address, weight, backup }) => [formatAddress(address), weight, backup]),
    [
      ['10.0.0.1:8080', 3, false],
      ['10.0.0.2:8081', 1, false],
      ['10.0.0.3:8082', 5, true],
    ],
  )
  const backup = await start(
    t,
    records,
    server('app', { service: 'http', backup: true, weight: 7 }),
  )
  const [backups] = [...backup.changes[0]!.values()]
  assert.deepEqual(
    backups?.map(({ weight, backup: isBackup }) => [weight, isBackup]),
    [
      [7, true],
      [7, true],
    ],
  )
})

test('names of services', () => {
  assert.equal(serviceName('http', 'app.example'), '_http._tcp.app.example')
  assert.equal(serviceName('_http._udp', 'app.example'), '_http._udp.app.example')
})

test(
  'a group follows its members and keeps what is known of those that stay',
  options,
  async (t) => {
    const fixed = server('10.0.0.9:80', {
      resolve: false,
      endpoint: { family: 4, host: '10.0.0.9', port: 80 },
      backup: true,
    })
    const bed = await start(t, [a('app', '10.0.0.1')], server('app'), fixed)
    const first = new Group(toGroupConfig(bed.config, bed.watch.members), {})
    const walk = new PeerWalk(first, '')
    assert.equal(walk.next()?.name, '10.0.0.1:80')
    bed.records([a('app', '10.0.0.1'), a('app', '10.0.0.2')])
    await bed.elapse()
    const second = first.next(toGroupConfig(bed.config, bed.watch.members))
    first.close()
    assert.deepEqual(
      second.peers.map(({ name, state }) => [name, state.active]),
      [
        ['10.0.0.1:80', 1],
        ['10.0.0.2:80', 0],
        ['10.0.0.9:80', 0],
      ],
    )
    walk.done(false)
    bed.records([])
    await bed.elapse()
    const third = second.next(toGroupConfig(bed.config, bed.watch.members))
    second.close()
    walk.reset(third, '')
    assert.equal(
      walk.next()?.name,
      '10.0.0.9:80',
      'the backup serves while the name has no address',
    )
    walk.done(false)
    const empty = third.next({ ...third.config, peers: [] })
    walk.reset(empty, '')
    assert.equal(walk.next(), undefined)
  },
)

test('a closed watch asks and tells no more', options, async (t) => {
  const bed = await start(t, [a('app', '10.0.0.1')], server('app'))
  assert.equal(bed.waiting.length, 1)
  bed.watch.close()
  assert.equal(bed.waiting.length, 0)
})
