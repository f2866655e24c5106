/**
 * The dynamic API under seeded nonsense: whatever comes in, it answers in one of its forms, never throws,
 * and changes nothing unless it says success.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApi } from '../../src/engine/control/api.ts'
import { configuration } from '../../src/engine/control/endpoints/configuration.ts'
import { history, rollback } from '../../src/engine/control/endpoints/history.ts'
import { httpLocations } from '../../src/engine/control/endpoints/http-locations.ts'
import { keyValues } from '../../src/engine/control/endpoints/key-values.ts'
import { streamCertificates } from '../../src/engine/control/endpoints/certificates.ts'
import { streamServers } from '../../src/engine/control/endpoints/stream-servers.ts'
import { MemoryPlane } from '../../src/engine/control/memory-plane.fixture.ts'
import { configurationFromText } from '../../src/engine/conf/includes.ts'
import { print } from '../../src/engine/conf/printer.ts'
import { type Random, seededRandom } from '../support/random.ts'

const rounds = 15_000

const files = `
load_module modules/njt_stream_dyn_server_module.so;
load_module modules/njt_http_location_module.so;
http { server { listen 8080; server_name a; location / { return 200; } } }
stream {
    map $njtmesh_port $mesh_server_name { 1 one; default two; }
    server { listen 22222 mesh; server_name fixed; proxy_pass 127.0.0.1:1; }
    server { listen 22224 ssl; ssl_certificate a; ssl_certificate_key b; return x; }
}`

const paths = [
  '/v1/stream_srv',
  '/v1/dyn_loc',
  '/v1/stream_ssl',
  '/v1/config/stream_dyn_map',
  '/v1/config/stream_proxy_pass',
  '/v1/kv',
  '/v2/rollback',
]

function location(location_name: string): object {
  const inner = { location_name: `${location_name}/in`, location_body: 'if ($a) { return 1; }' }
  return { location_name, location_rule: '^~', proxy_pass: 'http://b', locations: [inner] }
}

const valid: readonly object[] = [
  { type: 'add', addr_port: '0.0.0.0:22222', server_name: 'a', server_body: 'return "a";' },
  { type: 'del', addr_port: '0.0.0.0:22222', server_name: 'a' },
  { type: 'add', addr_port: '[::]:9 udp', server_name: '~^x', server_body: 'return $remote_addr' },
  {
    maps: [{ keyFrom: '$njtmesh_port', keyTo: '$mesh_server_name', values: [{ valueFrom: '1' }] }],
  },
  { servers: [{ listens: ['0.0.0.0:22222'], serverNames: ['fixed'], proxy_pass: 'b' }] },
  {
    type: 'add',
    listens: ['0.0.0.0:22224'],
    serverNames: [''],
    cert_info: { certificate: 'c', certificateKey: 'd' },
  },
  { type: 'add', addr_port: '8080', server_name: 'a', locations: [location('/x'), location('/y')] },
  { type: 'del', addr_port: '8080', server_name: 'a', location_name: '/x' },
  { key: 'k', value: 'v' },
  { to: 0 },
]

const scraps = [
  '{',
  '}',
  ';',
  '"',
  '\\',
  '\0',
  '\n',
  '#',
  '$',
  '${',
  ' ',
  '\u{1F600}',
  'include x;',
]
const values: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  '',
  ' ',
  [],
  {},
  [[[]]],
  'a'.repeat(5_000),
]

function mutateText(text: string, random: Random): string {
  const at = random.integer(0, text.length)
  const cut = random.integer(0, 4)
  return text.slice(0, at) + random.pick(scraps) + text.slice(at + cut)
}

/** The first text of a list of objects, or what it was. */
function mutateInner(value: unknown, random: Random): unknown {
  if (!Array.isArray(value) || typeof value[0] !== 'object') return value
  return [JSON.parse(mutate(value[0] as object, random, 3)), ...value.slice(1)]
}

function mutate(body: object, random: Random, kinds: number = 4): string {
  const copy = structuredClone(body) as Record<string, unknown>
  const key = random.pick(Object.keys(copy))
  const kind = random.integer(0, kinds)
  if (kind === 0) copy[key] = random.pick(values)
  if (kind === 1) delete copy[key]
  if (kind === 2) copy[random.pick(scraps)] = 1
  if (kind === 3) {
    if (typeof copy[key] === 'string') copy[key] = mutateText(copy[key], random)
    else copy[key] = mutateInner(copy[key], random)
  }
  const text = JSON.stringify(copy)
  return kind === 4 ? mutateText(text, random) : text
}

test('whatever comes in is answered in form, and refused requests change nothing', async (t) => {
  const random = seededRandom(t)
  const { main } = configurationFromText(files, '/t/conf/trijet.conf')
  const plane = new MemoryPlane(main, '/t')
  const endpoints = [
    streamServers,
    httpLocations,
    streamCertificates,
    configuration,
    keyValues,
    history,
    rollback,
  ]
  const api = createApi(endpoints, plane)
  let successes = 0
  for (let round = 0; round < rounds; round++) {
    const path = random.pick(paths)
    const method = random.pick(['POST', 'PUT', 'PUT', 'POST', 'DELETE', 'GET'])
    const body = method === 'GET' ? null : mutate(random.pick(valid), random)
    const before = plane.state()
    const response = await api(new Request(`http://127.0.0.1/api${path}`, { method, body }), {
      remoteAddress: '127.0.0.1',
    })
    const text = await response.text()
    assert.ok([200, 400, 404, 405].includes(response.status), `${response.status} ${text}`)
    if (plane.state() === before) continue
    const { code } = JSON.parse(text) as { code: number }
    assert.ok(code === 0 || code === 1, text)
    successes += 1
    const printed = print(plane.state().tree)
    const again = configurationFromText(printed, 'again')
    assert.deepEqual(again.diagnostics, [], printed)
  }
  // The cases are of no use when none of them gets through.
  assert.ok(successes > 50, `${successes} changes were made`)
})
