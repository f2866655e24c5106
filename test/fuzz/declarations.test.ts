/**
 * Declarative documents under seeded nonsense: whatever comes in is answered in form, and what is taken is a
 * configuration that can be printed, read again, and has every directive where it may stand.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkTree } from '../../src/engine/conf/check.ts'
import { formatDiagnostic } from '../../src/engine/conf/diagnostics.ts'
import { configurationFromText } from '../../src/engine/conf/includes.ts'
import { print } from '../../src/engine/conf/printer.ts'
import { createApi } from '../../src/engine/control/api.ts'
import { configuration } from '../../src/engine/control/endpoints/configuration.ts'
import { MemoryPlane } from '../../src/engine/control/memory-plane.fixture.ts'
import { ModuleTable } from '../../src/engine/core/module-table.ts'
import { httpModules } from '../../src/engine/http/built-in-modules.ts'
import { streamModules } from '../../src/engine/stream/built-in-modules.ts'
import { type Random, seededRandom } from '../support/random.ts'

const rounds = 3_000

const table = new ModuleTable([...httpModules, ...streamModules])

const files = `
http {
    log_format short "$status";
    map $arg_k $mapped { default none; }
    split_clients $remote_addr $variant { 50% a; * b; }
    split_clients_2 $colour { 10% blue; * green; }
    limit_conn_zone $remote_addr zone=conns:64k;
    limit_req_zone $remote_addr zone=reqs:64k rate=5r/s;
    server { listen 8080; server_name a;
        allow 10.0.0.0/8; deny all;
        location / { proxy_pass http://127.0.0.1:1; location /in { return 200; } }
        location ~ "x{2}" { fault_inject type=abort status_code=500; }
        location ( $arg_v = 2 ) { add_header A 1; } }
}
stream {
    map $remote_addr $word { default nothing; }
    server { listen 9000; server_name fixed; proxy_pass 127.0.0.1:1; }
}`

const entry = { rule: 'deny', addr: '10.1.0.0', mask: '255.255.0.0' }
const stream = { listens: ['9000'], serverNames: ['fixed'] }
const byKey = '_traffic_status_filter_by_set_key'

/** Fields of a location, by the key of their document. */
const located: Readonly<Record<string, object>> = {
  http_log: { accessLogOn: true, accessLogs: [{ path: 'logs/x.log', formatName: 'short' }] },
  http_vts: { vhost_traffic_status: false },
  http_dyn_bwlist: { accessIpv4: [entry], accessIpv6: [{ ...entry, addr: 'fe80::', mask: '10' }] },
  http_dyn_limit: {
    limit_rate: '1k',
    limit_conns_scope: 'location',
    limit_conns: [{ zone: 'conns', conn: 1 }],
    limit_reqs_scope: 'location',
    limit_reqs: [{ zone: 'reqs', burst: 1, delay: 'nodelay' }],
    limit_req_status: 429,
  },
  http_dyn_fault_inject: {
    fault_inject_type: 'delay_abort',
    delay_duration: '1s',
    status_code: 500,
    header: 'X:y',
  },
  http_dyn_header: { headers: [{ key: 'X', value: '$uri "', always: 1 }] },
  http_dyn_auth: { auth_basic: 'text', auth_type: 'file', auth_param: 'users' },
  proxy_pass: { proxy_pass: 'http://127.0.0.1:2' },
  otel: { opentelemetry: true },
}

const extras: Readonly<Record<string, object>> = {
  http_log: { accessLogFormats: [{ name: 'new', format: '"$uri"', escape: 'json' }] },
  http_vts: { [`vhost${byKey}`]: '$uri "a b"' },
  http_dyn_limit: { limit_rps: [{ zone: 'reqs', rate: '9r/m' }] },
}

const names = ['/', '~ x{2}', '~ "x{2}"', '( $arg_v = 2 )', '/none']

function documentOf(key: string, random: Random): object {
  const fields = located[key]
  if (fields === undefined) return random.pick(others[key]!)
  const locations = [{ location: '/in', ...fields }]
  const location = { location: random.pick(names), ...fields, locations }
  const servers = [{ listens: ['8080'], serverNames: ['a'], locations: [location] }]
  return { servers, ...(random.chance(0.5) && extras[key]) }
}

const others: Readonly<Record<string, readonly object[]>> = {
  http_dyn_map: [
    { maps: [{ keyFrom: '$arg_k', keyTo: '$mapped', values: [{ valueFrom: '~x' }] }] },
  ],
  stream_dyn_map: [
    { maps: [{ keyFrom: '$remote_addr', keyTo: '$word', values: [{ valueFrom: '1' }] }] },
  ],
  http_split_clients: [{ http: { split_clients: { _key: '$variant', a: 1, b: 99 } } }],
  http_split_clients_2: [{ http: { split_clients_2: { a: 0, b: 100 } } }],
  stream_proxy_pass: [{ servers: [{ ...stream, proxy_pass: '127.0.0.1:2' }] }],
  stream_dyn_sts: [{ servers: [{ ...stream, [`server${byKey}`]: ['$remote_addr x'] }] }],
}

const scraps = [
  '{',
  '}',
  ';',
  '"',
  "'",
  '\\',
  '\0',
  '\n',
  '#',
  '$',
  '${',
  ' ',
  '=',
  '/',
  ':',
  '\u{1F600}',
]
const values: readonly unknown[] = [null, true, 0, -1, 1e308, 0.5, '', ' ', 'off', [], {}, [[]]]

/** The value with one place in it changed, somewhere down. */
function mutate(value: unknown, random: Random): unknown {
  if (random.chance(0.1)) return random.pick(values)
  if (typeof value === 'string') {
    const at = random.integer(0, value.length)
    return value.slice(0, at) + random.pick(scraps) + value.slice(at + random.integer(0, 2))
  }
  if (Array.isArray(value) && value.length > 0) {
    const at = random.integer(0, value.length - 1)
    return value.map((one: unknown, i) => (i === at ? mutate(one, random) : one))
  }
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) {
    return random.pick(values)
  }
  const copy: Record<string, unknown> = { ...value }
  const key = random.pick(Object.keys(copy))
  if (random.chance(0.05)) delete copy[key]
  else copy[key] = mutate(copy[key], random)
  return copy
}

test('documents are answered in form, and what is taken can stand', async (t) => {
  const random = seededRandom(t)
  const { main } = configurationFromText(files, '/t/conf/trijet.conf')
  const start = checkTree(main, table)
  assert.deepEqual(start.map(formatDiagnostic), [])
  const plane = new MemoryPlane(main, '/t')
  const api = createApi([configuration], plane)
  const keys = [...Object.keys(located), ...Object.keys(others)]
  const taken = new Set<string>()
  for (let round = 0; round < rounds; round += 1) {
    const key = random.pick(keys)
    const url = `http://127.0.0.1/api/v1/config/${key}`
    const document = documentOf(key, random)
    const body = JSON.stringify(random.chance(0.2) ? document : mutate(document, random))
    const before = plane.state()
    const options = { remoteAddress: '127.0.0.1' }
    const response = await api(new Request(url, { method: 'PUT', body }), options)
    const text = await response.text()
    assert.ok([200, 400].includes(response.status), `${response.status} ${text}`)
    const { code } = JSON.parse(text) as { code: number }
    if (plane.state().tree === before.tree) continue
    assert.ok(code === 0 || code === 1, `${body} ${text}`)
    taken.add(key)
    const printed = print(plane.state().tree)
    const again = configurationFromText(printed, 'again')
    const faults = [...again.diagnostics, ...checkTree(again.main, table)]
    assert.deepEqual(faults.map(formatDiagnostic), [], `${body}\n${printed}`)
    const dump = await (await api(new Request(url), options)).text()
    assert.equal(typeof JSON.parse(dump), 'object', dump)
  }
  assert.deepEqual([...taken].toSorted(), keys.toSorted(), 'each kind of document was taken once')
})
