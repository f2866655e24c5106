/**
 * `upstream` blocks beside `nginx -t`: what it accepts is accepted, what it refuses is refused with the
 * same words.
 */
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { directives, findDirective } from '../../src/engine/conf/block.ts'
import { checkBlock } from '../../src/engine/conf/check.ts'
import { ConfError } from '../../src/engine/conf/diagnostics.ts'
import { configurationFromText } from '../../src/engine/conf/includes.ts'
import { CompileSession } from '../../src/engine/core/compile-session.ts'
import { ModuleTable } from '../../src/engine/core/module-table.ts'
import { VariableScope } from '../../src/engine/core/variable-scope.ts'
import { type VariableHost, VariableNames, VariableTable } from '../../src/engine/core/variables.ts'
import { httpUpstream, streamUpstream } from '../../src/engine/upstream/directives.ts'
import { lookUpServers, serversToLookUp } from '../../src/engine/upstream/members.ts'
import { parseUpstream } from '../../src/engine/upstream/parse-upstream.ts'
import { askNginxAt, nginxConfText } from '../support/nginx.ts'
import { Scope } from '../support/scope.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'

type Subsystem = 'stream' | 'http'

const both: readonly string[] = [
  'server 127.0.0.1:80;',
  'server [::1]:80;',
  'server unix:/tmp/x.sock;',
  'server localhost:80;',
  'server 127.0.0.1:80 weight=2 max_conns=3 max_fails=0 fail_timeout=1m30s;',
  'server 127.0.0.1:80 weight=1 weight=2;',
  'server 127.0.0.1:80 weight=100000000;',
  'server 127.0.0.1:80; server 127.0.0.1:81 down backup;',
  'server 127.0.0.1:80 weight=0;',
  'server 127.0.0.1:80 weight=x;',
  'server 127.0.0.1:80 weight=;',
  'server 127.0.0.1:80 weight=99999999999999999999;',
  'server 127.0.0.1:80 Weight=1;',
  'server 127.0.0.1:80 max_fails=x;',
  'server 127.0.0.1:80 max_fails=-1;',
  'server 127.0.0.1:80 max_conns=-1;',
  'server 127.0.0.1:80 fail_timeout=x;',
  'server 127.0.0.1:80 fail_timeout=;',
  'server 127.0.0.1:80 fail_timeout=-1;',
  'server 127.0.0.1:80 fail_timeout=500ms;',
  'server 127.0.0.1:80 foo;',
  'server 127.0.0.1:80 down=1;',
  'server 127.0.0.1:x;',
  'server 127.0.0.1:;',
  'server 127.0.0.1:0;',
  'server 127.0.0.1:65536;',
  'server 127.0.0.1:80-82;',
  'server :80;',
  "server '';",
  'server unix:;',
  `server unix:/tmp/${'x'.repeat(120)};`,
  'server [::1:80;',
  'server [zz]:80;',
  'server [::1]80;',
  'server 127.0.0.1:80/foo;',
  'server 127.0.0.1/x;',
  'server http://a:80;',
  'server nosuch.invalid:80;',
  'server *:80;',
  'server $foo:80;',
  '',
  'server;',
  'server 127.0.0.1:80 backup;',
  'server 127.0.0.1:80 {}',
  'nosuch 1; server 127.0.0.1:80;',
  'hash $remote_addr; server 127.0.0.1:80;',
  'hash $remote_addr consistent; server 127.0.0.1:80;',
  'hash $remote_addr; server 127.0.0.1:80 backup;',
  'hash $remote_addr consistent; server 127.0.0.1:80 backup;',
  'server 127.0.0.1:80; server 127.0.0.1:81 backup; hash $remote_addr;',
  'hash $remote_addr foo; server 127.0.0.1:80;',
  'hash a$; server 127.0.0.1:80;',
  'hash ${remote_addr; server 127.0.0.1:80;',
  'hash; server 127.0.0.1:80;',
  'hash a b c; server 127.0.0.1:80;',
  'hash a; hash b; server 127.0.0.1:80;',
  'hash a; least_conn; server 127.0.0.1:80;',
  'least_conn; random; server 127.0.0.1:80;',
  'least_conn; server 127.0.0.1:80; server 127.0.0.1:81 backup;',
  'least_conn x; server 127.0.0.1:80;',
  'random; server 127.0.0.1:80;',
  'random two; server 127.0.0.1:80;',
  'random two least_conn; server 127.0.0.1:80;',
  'random; server 127.0.0.1:80 backup;',
  'random three; server 127.0.0.1:80;',
  'random two foo; server 127.0.0.1:80;',
  'zone a 64k; server 127.0.0.1:80;',
  'zone a 32k; server 127.0.0.1:80;',
  'zone a 64k; zone b 64k; server 127.0.0.1:80;',
  'zone a 1k; server 127.0.0.1:80;',
  'zone a x; server 127.0.0.1:80;',
  "zone '' 64k; server 127.0.0.1:80;",
  'zone; server 127.0.0.1:80;',
  'zone a 64k 3; server 127.0.0.1:80;',
]

const cases: Readonly<Record<Subsystem, readonly string[]>> = {
  stream: [
    ...both,
    'server 127.0.0.1;',
    'server [::1];',
    'keepalive 3; server 127.0.0.1:80;',
    'ip_hash; server 127.0.0.1:80;',
  ],
  http: [
    ...both,
    'server 127.0.0.1;',
    'server [::1] weight=2;',
    'ip_hash; server 127.0.0.1:80;',
    'ip_hash; server 127.0.0.1:80 backup;',
    'keepalive 4; server 127.0.0.1:80;',
    'keepalive 0; server 127.0.0.1:80;',
    'keepalive x; server 127.0.0.1:80;',
    'keepalive -1; server 127.0.0.1:80;',
    'keepalive 3; least_conn; server 127.0.0.1:80;',
    'keepalive 3; keepalive 4; server 127.0.0.1:80;',
    'keepalive_requests 0; server 127.0.0.1:80;',
    'keepalive_requests x; server 127.0.0.1:80;',
    'keepalive_time 1h; keepalive_timeout 60s; server 127.0.0.1:80;',
    'keepalive_timeout x; server 127.0.0.1:80;',
    'keepalive_timeout 1 2; server 127.0.0.1:80;',
    'keepalive_time x; server 127.0.0.1;',
    'keepalive_time 1; keepalive_time 2; server 127.0.0.1;',
  ],
}

const table = new ModuleTable([streamUpstream, httpUpstream])

/** The first message, as nginx stops at it; warnings before it stay. */
async function ourMessages(subsystem: Subsystem, block: string): Promise<readonly string[]> {
  const { main, diagnostics } = configurationFromText(`upstream u { ${block} }`, 'test')
  const session = new CompileSession({ table, prefix: '/', confPrefix: '/', dryRun: true })
  const definitions = new Map([['remote_addr', { get: (): string => '' }]])
  const known = new VariableTable<VariableHost>(new VariableNames(), definitions, [])
  const variables = new VariableScope(session, known)
  const node = findDirective(main.block, 'upstream')!
  const context = `${subsystem}.upstream` as const
  const config = parseUpstream(node, { context, session, variables })
  const found = [
    ...diagnostics,
    ...checkBlock(main.block!, subsystem, table),
    ...session.diagnostics,
  ]
  const messages = found.map(({ severity, message }) => `[${severity}] ${message}`)
  if (config !== undefined) messages.push(...(await lookUpMessages(config)))
  const end = messages.findIndex((message) => message.startsWith('[emerg]'))
  return end < 0 ? messages : messages.slice(0, end + 1)
}

async function lookUpMessages(
  config: NonNullable<ReturnType<typeof parseUpstream>>,
): Promise<readonly string[]> {
  try {
    await lookUpServers(serversToLookUp(config))
    return []
  } catch (error) {
    assert.ok(error instanceof ConfError)
    return [`[emerg] ${error.message}`]
  }
}

const scope = new Scope()
const prefix = makeTempPrefix(scope, {})
after(() => scope.close())

for (const subsystem of ['stream', 'http'] as const) {
  suite(subsystem, { concurrency: false }, () => {
    for (const block of cases[subsystem]) {
      test(block === '' ? 'nothing' : block, { timeout: 60_000 }, async () => {
        const text = nginxConfText({ [subsystem]: `upstream u { ${block} }` })
          // The test of a configuration brings a pid file of its own.
          .replace(/^pid .*;$/m, '')
        prefix.write('conf/nginx.conf', text)
        const opinion = await askNginxAt(prefix)
        const nginx = opinion.messages.map((message) => message.replace(/ in \S+:\d+$/, ''))
        assert.deepEqual(await ourMessages(subsystem, block), nginx)
      })
    }
  })
}

test('the cases hold every directive of the tables that nginx knows', () => {
  const names = (text: string): readonly string[] => {
    const { main } = configurationFromText(text, 'test')
    return [...directives(main.block!)].map(({ name }) => name)
  }
  const used = new Set(cases.http.flatMap(names))
  const newer = new Set(['resolver', 'resolver_timeout', 'least_time', 'state', 'sticky', 'queue'])
  for (const name of ['health_check', 'circuit_breaker', 'retry_budget']) newer.add(name)
  const missing = Object.keys(httpUpstream.directives).filter(
    (name) => !used.has(name) && !newer.has(name),
  )
  assert.deepEqual(missing, [])
})
