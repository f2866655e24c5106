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
