import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { blockOf } from '../conf/block.ts'
import { formatDiagnostic } from '../conf/diagnostics.ts'
import { type Directive, directive } from '../conf/tree.ts'
import { CompileSession } from '../core/compile-session.ts'
import { ModuleTable } from '../core/module-table.ts'
import { VariableScope } from '../core/variable-scope.ts'
import {
  type VariableDefinition,
  type VariableHost,
  VariableNames,
  VariableTable,
} from '../core/variables.ts'
import { makeTempPrefix } from '../../../test/support/temp-prefix.ts'
import { httpUpstream, streamUpstream } from './directives.ts'
import { parseUpstream, type UpstreamConfig, type UpstreamEnv } from './parse-upstream.ts'

type Result = { readonly config: UpstreamConfig | undefined; readonly messages: readonly string[] }

/** One directive a line; arguments hold no white space. */
function blockFrom(text: string): Directive {
  const lines = text.split(';').map((line) => line.trim())
  const nodes = lines
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/))
    .map(([name = '', ...args]) =>
      directive(
        name,
        args.map((arg) => (arg === "''" ? '' : arg)),
      ),
    )
  return directive('upstream', ['u'], blockOf(nodes))
}

function parse(
  text: string,
  options: Partial<Pick<UpstreamEnv, 'context' | 'outer'>> = {},
): Result {
  const { context = 'stream.upstream', ...rest } = options
  const session = new CompileSession({
    table: new ModuleTable([streamUpstream, httpUpstream]),
    prefix: '/prefix',
    confPrefix: '/conf',
    dryRun: true,
  })
  const known = new Map<string, VariableDefinition<VariableHost>>([
    ['remote_addr', { get: () => '::1' }],
    ['cookie_srv', { get: () => undefined }],
    ['cookie_a', { get: () => undefined }],
  ])
  const variables = new VariableScope(session, new VariableTable(new VariableNames(), known, []))
  const config = parseUpstream(blockFrom(text), { context, session, variables, ...rest })
  variables.finish()
  const messages = session.diagnostics.map((each) => `[${each.severity}] ${formatDiagnostic(each)}`)
  return { config, messages }
}

function accepted(text: string, options: Parameters<typeof parse>[1] = {}): UpstreamConfig {
  const { config, messages } = parse(text, options)
  assert.deepEqual(messages, [])
  assert.ok(config !== undefined)
  return config
}

suite('an upstream block as data', () => {
  test('servers have nginx’s defaults', () => {
    const { servers, balancer, zone, keepalive } = accepted('server 127.0.0.1:80')
    assert.deepEqual(servers, [
      {
        text: '127.0.0.1:80',
        endpoint: { family: 4, host: '127.0.0.1', port: 80 },
        weight: 1,
        maxConns: 0,
        maxFails: 1,
        failTimeoutMs: 10_000,
        slowStartMs: 0,
        backup: false,
        down: false,
        drain: false,
        route: undefined,
        resolve: false,
        service: undefined,
        parameters: [],
      },
    ])
    assert.deepEqual(balancer, { kind: 'round_robin' })
    assert.equal(zone, undefined)
    assert.equal(keepalive, undefined)
  })

  test('parameters of servers', () => {
    const [a, b, c] = accepted(
      `server [::1]:80 weight=3 max_conns=7 max_fails=0 fail_timeout=1m30s slow_start=5s;
       server unix:/run/a.sock backup down; server app.example:81`,
    ).servers
    assert.deepEqual(a?.endpoint, { family: 6, host: '::1', port: 80 })
    assert.deepEqual(
      [a?.weight, a?.maxConns, a?.maxFails, a?.failTimeoutMs, a?.slowStartMs],
      [3, 7, 0, 90_000, 5000],
    )
    assert.deepEqual(b?.endpoint, { family: 'unix', path: '/run/a.sock' })
    assert.deepEqual([b?.backup, b?.down], [true, true])
    assert.deepEqual(c?.endpoint, { family: 'name', host: 'app.example', port: 81 })
  })

  test('http has a default port and keeps connections', () => {
    const text =
      'server app.example; keepalive 4; keepalive_requests 10; keepalive_time 1m; keepalive_timeout 5s'
    const { servers, keepalive } = accepted(text, { context: 'http.upstream' })
    assert.deepEqual(servers[0]?.endpoint, { family: 'name', host: 'app.example', port: 80 })
    assert.deepEqual(keepalive, {
      connections: 4,
      requestsMax: 10,
      ageMaxMs: 60_000,
      idleMaxMs: 5000,
    })
  })

  test('balancing methods', () => {
    const method = (text: string): UpstreamConfig['balancer'] =>
      accepted(`${text}; server 127.0.0.1:80`, { context: 'http.upstream' }).balancer
    const hash = method('hash $remote_addr consistent')
    assert.ok(hash.kind === 'hash' && hash.consistent && hash.key.text === '$remote_addr')
    assert.deepEqual(method('least_conn'), { kind: 'least_conn' })
    assert.deepEqual(method('random'), { kind: 'random', two: false })
    assert.deepEqual(method('random two least_conn'), { kind: 'random', two: true })
    assert.deepEqual(method('ip_hash'), { kind: 'ip_hash' })
    assert.deepEqual(method('least_time header'), { kind: 'least_time', time: 'header' })
    assert.deepEqual(method('random two least_time=last_byte'), {
      kind: 'random',
      two: true,
      time: 'last_byte',
    })
    const stream = accepted('least_time first_byte; server 127.0.0.1:80')
    assert.deepEqual(stream.balancer, { kind: 'least_time', time: 'header' })
  })

  test('a queue, and clients that are bound to servers', () => {
    const http = (text: string): UpstreamConfig =>
      accepted(`server 127.0.0.1 route=a drain; ${text}`, { context: 'http.upstream' })
    assert.deepEqual(http('queue 10').queue, { waitersMax: 10, timeoutMs: 60_000 })
    assert.deepEqual(http('queue 10 timeout=5s').queue, { waitersMax: 10, timeoutMs: 5000 })
    assert.deepEqual(
      http('').servers.map(({ route, drain }) => [route, drain]),
      [['a', true]],
    )
    const cookie = http('sticky cookie srv expires=1h domain=.x path=/ httponly secure').sticky
    assert.ok(cookie?.kind === 'cookie')
    assert.deepEqual(
      [cookie.name, cookie.value.text, cookie.expiresSeconds, cookie.domain?.text, cookie.path],
      ['srv', '$cookie_srv', 3600, '.x', '/'],
    )
    const learn = http(
      'sticky learn create=$remote_addr lookup=$cookie_a zone=s:1m timeout=1h header',
    ).sticky
    assert.ok(learn?.kind === 'learn')
    assert.deepEqual(
      [learn.zone, learn.bytes, learn.timeoutMs, learn.atHead],
      ['s', 1_048_576, 3_600_000, true],
    )
  })

  test('servers from a file of their own', (t) => {
    const prefix = makeTempPrefix(t)
    const path = prefix.write('servers', 'server 127.0.0.1:80 weight=2;\nserver 127.0.0.2:80;\n')
    const { servers } = accepted(`zone z 64k; state ${path}`)
    assert.deepEqual(
      servers.map(({ text, weight }) => [text, weight]),
      [
        ['127.0.0.1:80', 2],
        ['127.0.0.2:80', 1],
      ],
    )
    assert.deepEqual(accepted(`state ${prefix.file('none')}`).servers, [])
    for (const text of [`state ${path}; server [::1]:1`, `server [::1]:1; state ${path}`]) {
      assert.match(parse(text).messages.join(), /incompatible/)
    }
    const inline = accepted(`state ${path} inline; server [::1]:1`).servers
    assert.deepEqual(
      inline.map(({ text }) => text),
      ['[::1]:1'],
    )
    assert.match(parse(`server [::1]:1; state ${path} inline`).messages.join(), /incompatible/)
    assert.match(parse(`state ${path} outline`).messages.join(), /invalid parameter "outline"/)
    const other = prefix.write('other', 'zone a 1m;\n')
    assert.match(parse(`state ${other}`).messages.join(), /"zone" directive is not allowed/)
  })

  test('a group with a zone may be without servers, which come by other means', () => {
    assert.deepEqual(accepted('zone z 64k').servers, [])
    assert.match(parse('least_conn').messages.join(), /no servers are inside upstream/)
    assert.match(
      parse('zone z 64k; server [::1]:1 backup').messages.join(),
      /no servers in upstream/,
    )
  })

  test('zones and resolvers', () => {
    assert.deepEqual(accepted('zone z 64k; server 127.0.0.1:80').zone, { name: 'z', bytes: 65_536 })
    assert.deepEqual(accepted('zone z; server 127.0.0.1:80').zone, { name: 'z', bytes: undefined })
    const outer = { resolver: undefined, timeoutMs: 7000 }
    const own = accepted(
      'resolver 127.0.0.1 [::1]:5353 dns.example valid=30s ipv6=off; server app.example:80 resolve',
      { outer },
    )
    assert.deepEqual(own.resolver, {
      servers: [
        { family: 4, host: '127.0.0.1', port: 53 },
        { family: 6, host: '::1', port: 5353 },
        { family: 'name', host: 'dns.example', port: 53 },
      ],
      validMs: 30_000,
      ipv4: true,
      ipv6: false,
    })
    assert.equal(own.resolverTimeoutMs, 7000)
    assert.equal(
      accepted('server app.example:80 resolve', { outer: { resolver: own.resolver, timeoutMs: 1 } })
        .resolver,
      own.resolver,
    )
    const [service] = accepted(
      'resolver 127.0.0.1; server app.example service=http resolve',
    ).servers
    assert.equal(service?.service, 'http')
    assert.deepEqual(service?.endpoint, { family: 'name', host: 'app.example', port: 0 })
  })

  test('a later method replaces the one before, with a warning', () => {
    const { config, messages } = parse('hash a; least_conn; server 127.0.0.1:80')
    assert.deepEqual(messages, ['[warn] load balancing method redefined'])
    assert.deepEqual(config?.balancer, { kind: 'least_conn' })
  })
})

/** Messages of ours that nginx 1.22, which has no such parameters, cannot be asked for. */
const refusals: readonly (readonly [text: string, message: string])[] = [
  [
    'server app.example:80 resolve',
    'no resolver defined to resolve names at run time in upstream "u"',
  ],
  [
    'resolver 127.0.0.1; server a.example:80 service=http resolve',
    'service upstream "a.example:80" may not have port',
  ],
  ['server a.example service=http', 'service upstream "a.example" requires "resolve" parameter'],
  ['resolver 127.0.0.1; server a.example service= resolve', 'invalid parameter "service="'],
  ['server 127.0.0.1:80 slow_start=x', 'invalid parameter "slow_start=x"'],
  [
    'hash a; server 127.0.0.1:80 slow_start=5s',
    'balancing method does not support parameter "slow_start=5s"',
  ],
  [
    'resolver 127.0.0.1 ipv4=off ipv6=off; server 127.0.0.1:80',
    '"ipv4" and "ipv6" cannot both be "off"',
  ],
  ['resolver 127.0.0.1 ipv4=no; server 127.0.0.1:80', 'invalid parameter: ipv4=no'],
  ['resolver valid=3s; server 127.0.0.1:80', 'no name servers defined'],
  ['server nosuch.invalid', 'no port in upstream "nosuch.invalid"'],
]

suite('what a block must not be', () => {
  for (const [text, message] of refusals) {
    test(text, () => {
      const { config, messages } = parse(text)
      assert.equal(config, undefined)
      assert.deepEqual(messages, [`[emerg] ${message}`])
    })
  }

  test('all faults are told, not the first alone', () => {
    const { messages } = parse(
      'server 127.0.0.1; server 127.0.0.1:80 weight=0; zone z 1; hash $nosuch',
    )
    assert.deepEqual(messages, [
      '[emerg] no port in upstream "127.0.0.1"',
      '[emerg] invalid parameter "weight=0"',
      '[emerg] zone "z" is too small',
      '[emerg] unknown "nosuch" variable',
    ])
  })
})
