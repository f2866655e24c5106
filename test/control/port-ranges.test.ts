/**
 * Redirected ranges of ports: made at start and live, kept over reloads, gone with the engine, and tidied
 * up after one that was killed.
 *
 * ```text
 *   client ── 10.99.0.2:30007 ──▶ iptables of the server's namespace ──▶ port 9000 of the engine
 * ```
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { run } from '../support/process.ts'
import { isAlive } from '../support/process-tree.ts'
import { makeNetnsPair, type Netns } from '../support/netns.ts'
import { makeTempPrefix, type TempPrefix } from '../support/temp-prefix.ts'
import { launcher, startTrijet, type Trijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import { controlConf, host, mainConf } from './support.ts'

const patient = { timeout: 180_000 }
const ports = { served: 9000, control: 8081 }

interface Range {
  readonly type: string
  readonly src_ports: string
  readonly dst_port: number
  readonly family?: string
}

/** An engine in a namespace of its own, asked with curl from within. */
class Place {
  readonly client: Netns
  readonly server: Netns
  readonly prefix: TempPrefix
  engine: Trijet | undefined

  constructor(client: Netns, server: Netns, prefix: TempPrefix) {
    this.client = client
    this.server = server
    this.prefix = prefix
  }

  async start(t: TestContext, main: string): Promise<Trijet> {
    this.prefix.write('conf/ctrl.conf', controlConf({ stream: '' }, ports.control))
    this.engine = await startTrijet(t, {
      conf: this.conf(main),
      prefix: this.prefix,
      files: { 'conf/mqtt.conf': '' },
      under: this.server.under,
      ports: [ports.served, ports.control],
    })
    await until(() =>
      this.curl('GET', '/api/v1/range').then(
        () => true,
        () => false,
      ),
    )
    return this.engine
  }

  conf(main: string): string {
    return mainConf({
      main,
      stream: `server { listen ${ports.served}; return fixed; }
        server { listen ${ports.served} udp; return fixed; }`,
    })
  }

  async curl(method: string, path: string, body?: unknown): Promise<string> {
    const url = `http://${host}:${ports.control}${path}`
    const data = body === undefined ? [] : ['-d', JSON.stringify(body)]
    return this.server.exec('curl', '-sS', '-X', method, ...data, url)
  }

  async change(action: 'add' | 'del', range: Range, query = ''): Promise<string> {
    return this.curl('PUT', `/api/v1/range${query}`, { action, ...range })
  }

  async list(): Promise<readonly string[]> {
    const { ranges } = JSON.parse(await this.curl('GET', '/api/v1/range')) as { ranges: Range[] }
    return ranges.map(({ type, src_ports, dst_port }) => `${type} ${src_ports} ${dst_port}`)
  }

  /** True when a client from the other host gets to the engine by that port. */
  async reaches(port: number): Promise<boolean> {
    const { stdout } = await this.client.run(
      ['nc', '-w', '5', '-d', this.server.address, `${port}`],
      {},
    )
    return stdout === 'fixed'
  }

  /** What stands in the system, of us or not. */
  async rules(): Promise<string> {
    const tables = ['nat', 'mangle'].map((table) => this.server.iptables(`-t ${table} -S`))
    const six = ['nat', 'mangle'].map((table) => this.server.ip6tables(`-t ${table} -S`))
    return (await Promise.all([...tables, ...six])).join('')
  }
}

async function makePlace(t: TestContext): Promise<Place> {
  const { client, server } = await makeNetnsPair(t)
  return new Place(client, server, makeTempPrefix(t))
}

const ok = '{"code":0,"msg":"success."}'
const refusal = (msg: string): string => JSON.stringify({ code: 4, msg })

test('ranges come and go live, and go with the engine', patient, async (t) => {
  const place = await makePlace(t)
  await place.server.iptables('-t nat -A PREROUTING -p tcp --dport 40000 -j REDIRECT --to-port 1')
  const foreign = await place.rules()
  const fixed = `range type=tcp src_ports=30000:30009 dst_port=${ports.served};`
  const engine = await place.start(t, fixed)
  assert.ok(await place.reaches(30_000))
  assert.ok(await place.reaches(30_009))
  assert.ok(!(await place.reaches(30_010)))

  const more = { type: 'tcp', src_ports: '30100', dst_port: ports.served }
  assert.equal(await place.change('add', more, '?dry_run=1'), ok)
  assert.ok(!(await place.reaches(30_100)), 'a dry run changes nothing')
  assert.equal(await place.change('add', more), ok)
  assert.ok(await place.reaches(30_100))
  assert.equal(await place.change('add', more), refusal(' rule has exist'))
  const udp = { type: 'udp', src_ports: '30200:30201', dst_port: ports.served }
  assert.equal(await place.change('add', udp), ok)
  assert.match(
    await place.rules(),
    /-A TRIJETUDP_\w+ -p udp -m udp --dport 30200:30201 -j TPROXY --on-port 9000 /,
  )
  const six = { ...more, src_ports: '30300', family: 'ipv6' }
  assert.equal(await place.change('add', six), ok)
  const all = ['tcp 30000:30009 9000', 'tcp 30100 9000', 'udp 30200:30201 9000', 'tcp 30300 9000']
  assert.deepEqual(await place.list(), all)

  assert.ok(await engine.reload(place.conf(`${fixed} worker_rlimit_nofile 2048;`)))
  assert.deepEqual(await place.list(), all)
  assert.ok(await place.reaches(30_005))
  assert.ok(await place.reaches(30_100))

  const fixedRange = { type: 'tcp', src_ports: '30000:30009', dst_port: ports.served }
  assert.equal(await place.change('del', fixedRange), ok)
  assert.ok(!(await place.reaches(30_005)), 'one of the file is taken away too')
  assert.equal(await place.change('del', fixedRange), refusal(' rule is not found'))
  assert.equal(await place.change('add', fixedRange), ok)
  assert.ok(await place.reaches(30_005))
  assert.equal(await place.change('del', more), ok)
  assert.ok(!(await place.reaches(30_100)))

  await engine.stop()
  assert.equal(await place.rules(), foreign, 'nothing of ours is left, all of others is')
  await place.start(t, fixed)
  assert.deepEqual((await place.list()).toSorted(), all.toSpliced(1, 1).toSorted())
  assert.ok(await place.reaches(30_005))
})

test('rules of an engine that was killed are tidied up by the next', patient, async (t) => {
  const place = await makePlace(t)
  const empty = await place.rules()
  const engine = await place.start(t, `range type=tcp src_ports=30000 dst_port=${ports.served};`)
  assert.ok(await place.reaches(30_000))
  const { pid } = engine
  const family = engine.processes().map((one) => one.pid)
  process.kill(pid, 'SIGKILL')
  await until(() => family.every((one) => !isAlive(one)), { what: 'the end of the engine' })
  assert.notEqual(await place.rules(), empty, 'a killed engine leaves its rules')

  await place.start(t, `range type=tcp src_ports=30001 dst_port=${ports.served};`)
  assert.ok(await place.reaches(30_001))
  assert.ok(!(await place.reaches(30_000)))
  assert.equal((await place.rules()).match(/-A TRIJET_/g)?.length, 1)
  await place.engine!.stop()
  assert.equal(await place.rules(), empty)
})

test('what the system refuses is refused, and leaves everything as it was', patient, async (t) => {
  const place = await makePlace(t)
  const engine = await place.start(t, 'range iptables_path=/nowhere/iptables;')
  const one = { type: 'tcp', src_ports: '30000', dst_port: ports.served }
  for (const query of ['', '?dry_run=1']) {
    const reply = JSON.parse(await place.change('add', one, query)) as { code: number; msg: string }
    assert.equal(reply.code, 4)
    assert.match(reply.msg, /^\/nowhere\/iptables: .*ENOENT/)
  }
  assert.deepEqual(await place.list(), [])
  const history = JSON.parse(await place.curl('GET', '/api/v2/history')) as { revision: number }
  assert.equal(history.revision, 0)
  const before = engine.errorLog.length
  const broken = 'range iptables_path=/nowhere/iptables; range type=tcp src_ports=1 dst_port=2;'
  assert.equal(await engine.reload(place.conf(broken)), false)
  assert.match(engine.errorLog.slice(before), /\[emerg\] .*\/nowhere\/iptables/)
  assert.ok(await engine.reload(place.conf('')))
  assert.equal(await place.change('add', one), ok)
  assert.ok(await place.reaches(30_000))
})

test('requests that are no range', patient, async (t) => {
  const place = await makePlace(t)
  await place.start(t, '')
  const range = { type: 'tcp', src_ports: '30000', dst_port: 9000 }
  const cases: readonly (readonly [body: unknown, code: number, msg: string])[] = [
    ['x', 3, 'invalid json format.'],
    [{ ...range }, 4, '"action" must be "add" or "del"'],
    [{ action: 'add', ...range, type: 'sctp' }, 4, '"type" must be "tcp" or "udp"'],
    [{ action: 'add', ...range, family: 'ipx' }, 4, '"family" must be "ipv4" or "ipv6"'],
    [{ action: 'add', ...range, dst_port: 0 }, 4, '"dst_port" must be a port from 1 to 65535'],
    ...['', '0', '65536', '2:1', '1:2:3', '1:', 'a'].map((src_ports) => {
      const msg = '"src_ports" must be a port or two with ":" between, the lower first'
      return [{ action: 'add', ...range, src_ports }, 4, msg] as const
    }),
    [{ action: 'add', ...range, more: 1 }, 3, 'invalid parameter:more!'],
    [{ action: 'del', ...range }, 4, ' rule is not found'],
  ]
  for (const [body, code, msg] of cases) {
    const text = await place.curl('PUT', '/api/v1/range', body)
    assert.deepEqual(JSON.parse(text), { code, msg }, JSON.stringify(body))
  }
  assert.deepEqual(await place.list(), [])
  assert.doesNotMatch(await place.rules(), /TRIJET/)
})

test('a range is checked with the configuration', patient, async (t) => {
  const prefix = makeTempPrefix(t)
  const cases: readonly (readonly [line: string, message: RegExp])[] = [
    ['range type=tcp src_ports=1 dst_port=2 more=3;', /invalid parameter "more"/],
    ['range type=tcp src_ports=1;', /"dst_port" must be a port/],
    ['range type=tcp type=tcp src_ports=1 dst_port=1;', /duplicate parameter/],
    ['range iptables;', /invalid parameter "iptables"/],
    ['range iptables_path=bin/iptables;', /must be an absolute path/],
  ]
  for (const [line, message] of cases) {
    prefix.write('conf/trijet.conf', `${line}\nevents {}\n`)
    const { stderr, code } = await run([launcher, '-t', '-p', prefix.path])
    assert.equal(code, 1, line)
    assert.match(stderr, message)
    assert.match(stderr, /trijet\.conf:1/)
  }
})
