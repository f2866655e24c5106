import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createContext, runInContext } from 'node:vm'
import { parseExposition, valueOf } from '../../../../test/support/exposition.ts'
import { createMemoryReader } from '../../conf/file-reader.ts'
import { configurationFromText } from '../../conf/includes.ts'
import { trafficZoneOf } from '../../modules/traffic/traffic-zone.ts'
import { everything, type Grant } from '../access/grant.ts'
import { PageElement } from '../doc/page.fixture.ts'
import { MemoryPlane } from '../memory-plane.fixture.ts'
import { httpDialect, streamDialect, type TrafficDialect } from './traffic-dialect.ts'
import { createDisplay, type DisplayFormat } from './traffic-display.ts'

const style = { average: 'AMM', periodMs: 0, bucketsMs: [5, 50] } as const
const now = 1_800_000_000_000

const conf = `
  http {
    vhost_traffic_status_zone shared:z:1m;
    upstream backend { server 10.0.0.1:80 weight=5; server 10.0.0.2 backup; }
    upstream other { server name.example:81 max_fails=3 fail_timeout=5s; }
  }
  stream {
    server_traffic_status_zone;
    upstream backend { server 10.0.0.3:1; }
  }`

interface Shown {
  readonly ask: (path: string, grant?: Grant) => Promise<Response>
  readonly audited: string[]
  readonly plane: MemoryPlane
}

function show(
  dialect: TrafficDialect,
  options: { readonly format?: DisplayFormat; readonly conf?: string } = {},
): Shown {
  const { main } = configurationFromText(options.conf ?? conf, '/x.conf', createMemoryReader({}))
  const plane = new MemoryPlane(main, '/')
  const audited: string[] = []
  const serve = createDisplay({
    plane,
    version: '1.2.3',
    entrance: {
      audit: {
        write: ({ action, outcome, query }) => audited.push(`${outcome} ${action} ${query}`),
      },
    },
    dialect,
    format: options.format ?? 'json',
    callback: 'seen',
    sumKey: '*',
    zone: undefined,
    now: () => now,
  })
  const ask = async (path: string, grant = everything): Promise<Response> =>
    serve(new Request(`http://control/status${path}`), {
      remoteAddress: '127.0.0.1',
      access: { name: 'me', grant },
    })
  return { ask, audited, plane }
}

/** Two requests of one server, one of another, and what they asked for. */
function countHttp({ zones }: MemoryPlane): void {
  const zone = trafficZoneOf(zones, { name: 'z', bytes: 1024 * 1024 }, 2)
  for (const [name, status, ms] of [
    ['a', 200, 4],
    ['a', 503, 40],
    ['b "x"', 301, 2],
  ] as const) {
    const counter = zone.servers.counterOf('', name, style)
    counter.count(status, 10, 100, now)
    counter.time(0, ms)
  }
  zone.locations.counterOf('a', '/', style).count(200, 1, 1, now)
  zone.filters.counterOf('country::a', 'KR', style).count(200, 1, 1, now)
  for (const [group, address] of [
    ['backend', '10.0.0.1:80'],
    ['other', '10.9.9.9:81'],
    ['10.0.0.7:80', '10.0.0.7:80'],
  ] as const) {
    const counter = zone.upstreams.counterOf(group, address, style)
    counter.count(200, 5, 7, now)
    counter.time(0, 4)
    counter.time(1, 3)
  }
}

type Json = { readonly [name: string | number]: Json }

async function jsonOf(response: Response): Promise<Json> {
  assert.equal(response.status, 200)
  return (await response.json()) as Json
}

test('the document has what the module documents', async () => {
  const shown = show(httpDialect)
  countHttp(shown.plane)
  const data = await jsonOf(await shown.ask(''))
  assert.deepEqual(Object.keys(data as object), [
    'hostName',
    'moduleVersion',
    'nginxVersion',
    'loadMsec',
    'nowMsec',
    'connections',
    'sharedZones',
    'serverZones',
    'filterZones',
    'upstreamZones',
    'locationZones',
  ])
  assert.equal(data['nginxVersion'], '1.2.3')
  assert.equal(data['nowMsec'], now)
  const { requestMsecQuantiles, ...a } = data['serverZones']!['a'] as unknown as Record<
    string,
    unknown
  >
  assert(requestMsecQuantiles !== undefined)
  assert.deepEqual(a, {
    requestCounter: 2,
    inBytes: 20,
    outBytes: 200,
    responses: {
      '1xx': 0,
      '2xx': 1,
      '3xx': 0,
      '4xx': 0,
      '5xx': 1,
      miss: 0,
      bypass: 0,
      expired: 0,
      stale: 0,
      updating: 0,
      revalidated: 0,
      hit: 0,
      scarce: 0,
    },
    requestMsecCounter: 44,
    requestMsec: 22,
    requestMsecs: { times: [now, now], msecs: [4, 40] },
    requestBuckets: { msecs: [5, 50], counters: [1, 2] },
    overCounts: {
      maxIntegerSize: Number.MAX_SAFE_INTEGER,
      requestCounter: 0,
      inBytes: 0,
      outBytes: 0,
      '1xx': 0,
      '2xx': 0,
      '3xx': 0,
      '4xx': 0,
      '5xx': 0,
      miss: 0,
      bypass: 0,
      expired: 0,
      stale: 0,
      updating: 0,
      revalidated: 0,
      hit: 0,
      scarce: 0,
      requestMsecCounter: 0,
    },
  })
  assert.equal(data['serverZones']!['*']!['requestCounter'], 3)
  assert.equal(data['filterZones']!['country::a']!['KR']!['requestCounter'], 1)
  assert.equal(data['locationZones']!['a']!['/']!['requestCounter'], 1)
})

test('upstream servers are shown with their settings, asked or not', async () => {
  const shown = show(httpDialect)
  countHttp(shown.plane)
  const groups = (await jsonOf(await shown.ask('/format/json')))['upstreamZones']!
  const lines = Object.entries(
    groups as unknown as Record<string, Record<string, unknown>[]>,
  ).flatMap(([group, servers]) =>
    servers.map((one) => {
      const { server, requestCounter, inBytes, outBytes, weight, maxFails, failTimeout } = one
      const { backup, responseMsecCounter } = one
      return [
        group,
        server,
        requestCounter,
        inBytes,
        outBytes,
        weight,
        maxFails,
        failTimeout,
        backup,
        responseMsecCounter,
      ].join(' ')
    }),
  )
  assert.deepEqual(lines.sort(), [
    '::nogroups 10.0.0.7:80 1 5 7 1 1 10 false 3',
    'backend 10.0.0.1:80 1 5 7 5 1 10 false 3',
    'backend 10.0.0.2:80 0 0 0 1 1 10 true 0',
    'other 10.9.9.9:81 1 5 7 1 3 5 false 3',
  ])
})

test('formats by path, and the configured one without', async () => {
  const shown = show(httpDialect, { format: 'jsonp' })
  const jsonp = await shown.ask('')
  assert.match(jsonp.headers.get('content-type')!, /javascript/)
  assert.match(await jsonp.text(), /^seen\(\{"hostName":.*\}\)$/)
  assert.match((await shown.ask('/format/html')).headers.get('content-type')!, /text\/html/)
  const page = await (await shown.ask('/format/html')).text()
  // It works where nothing else can be reached.
  assert.doesNotMatch(page, /(?:src|href)=|https?:\/\//)
  assert.equal((await shown.ask('/format/xml')).status, 404)
})

test('the page shows what the document says, with what came since the last look', async () => {
  const shown = show(httpDialect)
  countHttp(shown.plane)
  const page = await (await shown.ask('/format/html')).text()
  const byId = new Map(['head', 'tables'].map((id) => [id, new PageElement(id)]))
  const asked: string[] = []
  const looks: (() => Promise<void>)[] = []
  const world = {
    location: { pathname: '/status/format/html' },
    document: {
      createElement: (tag: string) => new PageElement(tag),
      getElementById: (id: string) => byId.get(id),
    },
    fetch: async (path: string) => {
      asked.push(path)
      return shown.ask('/format/json')
    },
    setTimeout: (look: () => Promise<void>) => void looks.push(look),
  }
  const [, script = ''] = /<script>([^]*)<\/script>/.exec(page)!
  runInContext(script, createContext(world))
  while (looks.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(asked, ['/status/format/json'])
  const tables = byId.get('tables')!
  const titles = tables.all('h2').map(({ textContent }) => textContent)
  assert.deepEqual(titles, [
    'Servers',
    'Filter: country::a',
    'Upstream: backend',
    'Upstream: other',
    'Upstream: ::nogroups',
    'Locations of a',
  ])
  const rowOf = (name: string): readonly string[] =>
    tables
      .all('tr')
      .map((row) => row.children.map(({ textContent }) => textContent))
      .find(([first]) => first === name)!
  assert.deepEqual(rowOf('a').slice(0, 9), ['a', '2', '0.0', '0', '1', '0', '0', '1', '20 B'])
  countHttp(shown.plane)
  await looks[0]!()
  assert.equal(rowOf('a')[1], '4')
  assert.notEqual(rowOf('a')[2], '0.0')
  assert.match(byId.get('head')!.textContent, /1\.2\.3/)
})

test('metrics are of the format and say the same', async () => {
  const shown = show(httpDialect)
  countHttp(shown.plane)
  const response = await shown.ask('/format/prometheus')
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  const metrics = parseExposition(await response.text())
  assert.equal(valueOf(metrics, 'nginx_vts_server_requests_total', { host: 'a', code: '5xx' }), 1)
  assert.equal(valueOf(metrics, 'nginx_vts_server_requests_total', { host: '*', code: 'total' }), 3)
  const quoted = { host: 'b "x"', direction: 'out' }
  assert.equal(valueOf(metrics, 'nginx_vts_server_bytes_total', quoted), 100)
  const name = 'nginx_vts_server_request_duration_seconds'
  assert.equal(valueOf(metrics, `${name}_bucket`, { host: 'a', le: '0.005' }), 1)
  assert.equal(valueOf(metrics, `${name}_count`, { host: 'a' }), 2)
  assert.equal(valueOf(metrics, `${name}_sum`, { host: 'a' }), 0.044)
  const peer = { upstream: 'backend', backend: '10.0.0.1:80' }
  assert.equal(valueOf(metrics, 'nginx_vts_upstream_response_seconds', peer), 0.003)
  assert.equal(valueOf(metrics, 'nginx_vts_main_connections', { status: 'active' }), 0)
  for (const each of [
    'info',
    'start_time_seconds',
    'filter_bytes_total',
    'server_cache_total',
    'location_requests_total',
  ]) {
    assert(metrics.has(`nginx_vts_${each}`), each)
  }
})

test('histograms without buckets of their own have a bound for every doubling', async () => {
  const shown = show(httpDialect)
  const zone = trafficZoneOf(shown.plane.zones, { name: 'z', bytes: 1024 * 1024 }, 2)
  const counter = zone.servers.counterOf('', 'a', { ...style, bucketsMs: [] })
  for (const ms of [0.01, 0.1, 1, 1000]) {
    counter.count(200, 1, 1, now)
    counter.time(0, ms)
  }
  const metrics = parseExposition(await (await shown.ask('/format/prometheus')).text())
  const samples = metrics.get('nginx_vts_server_request_duration_seconds')!.samples
  const counts = samples
    .filter(({ name, labels }) => name.endsWith('_bucket') && labels['host'] === 'a')
    .map(({ labels, value }) => `${labels['le']} ${value}`)
  assert.equal(counts.length, 25)
  assert.deepEqual(counts.slice(0, 5), [
    '0.0000152587890625 1',
    '0.000030517578125 1',
    '0.00006103515625 1',
    '0.0001220703125 2',
    '0.000244140625 2',
  ])
  assert.deepEqual(counts.slice(16, 18), ['1 4', '2 4'])
  assert.equal(counts.at(-1), '+Inf 4')
})

test('commands show, begin anew and hide', async () => {
  const shown = show(httpDialect)
  countHttp(shown.plane)
  const control = async (query: string): Promise<Json> =>
    jsonOf(await shown.ask(`/control?${query}`))
  const one = await control('cmd=status&group=server&zone=a')
  assert.deepEqual(Object.keys(one['serverZones'] as object), ['a'])
  const main = await control('cmd=status&group=server&zone=::main')
  assert.equal(main['nginxVersion'], '1.2.3')
  const filter = await control('cmd=status&group=filter&zone=country::a@KR')
  assert.equal(filter['filterZones']!['country::a']!['KR']!['requestCounter'], 1)
  const alone = await control('cmd=status&group=upstream@alone&zone=10.0.0.7:80')
  assert.deepEqual(Object.keys(alone['upstreamZones'] as object), ['::nogroups'])
  assert.deepEqual(await control('cmd=reset&group=server&zone=a'), {
    processingReturn: true,
    processingCommandString: 'reset',
    processingGroupString: 'server',
    processingZoneString: 'a',
    processingCounts: 1,
  })
  const { serverZones } = await jsonOf(await shown.ask(''))
  assert.equal(serverZones!['a']!['requestCounter'], 0)
  assert.equal(serverZones!['*']!['requestCounter'], 1)
  assert.equal((await control('cmd=delete&group=upstream@group&zone=*'))['processingCounts'], 2)
  const rest = await jsonOf(await shown.ask(''))
  assert.equal(rest['upstreamZones']!['backend']![0]!['requestCounter'], 0)
  assert.equal(rest['upstreamZones']!['::nogroups']![0]!['requestCounter'], 1)
  assert.equal((await control('cmd=delete&group=*'))['processingReturn'], true)
  const gone = await jsonOf(await shown.ask(''))
  assert.deepEqual(Object.keys(gone['serverZones'] as object), ['*'])
  for (const query of ['cmd=reset&group=server&zone=none', 'cmd=burn&group=*', 'cmd=reset', '']) {
    assert.equal((await control(query))['processingReturn'], false, query)
  }
})

test('commands that change something need the scope for it, and are audited', async () => {
  const { ask, audited, plane } = show(httpDialect)
  countHttp(plane)
  const reader: Grant = { scope: 'read', paths: [], methods: [] }
  assert.equal((await ask('/control?cmd=reset&group=*', reader)).status, 403)
  assert.equal((await ask('/control?cmd=status&group=*', reader)).status, 200)
  assert.equal((await ask('', { ...reader, paths: ['/v1/kv'] })).status, 403)
  await ask('/control?cmd=reset&group=*')
  assert.deepEqual(audited, [
    'refused GET /status/control cmd=reset&group=*',
    'done GET /status/control cmd=reset&group=*',
  ])
})

test('streams have words of their own', async () => {
  const shown = show(streamDialect)
  const zone = trafficZoneOf(
    shown.plane.zones,
    { name: 'stream_server_traffic_status', bytes: 1024 * 1024 },
    4,
  )
  const server = zone.servers.counterOf('', 'UDP:53:127.0.0.1:dns', style)
  server.count(200, 1, 2, now)
  server.time(0, 7)
  const peer = zone.upstreams.counterOf('backend', '10.0.0.3:1', style)
  peer.count(200, 1, 2, now)
  for (const [i, ms] of [7, 6, 1, 2].entries()) peer.time(i, ms)
  const data = await jsonOf(await shown.ask(''))
  const { port, protocol, connectCounter, sessionMsec } = data['streamServerZones']![
    'UDP:53:127.0.0.1:dns'
  ] as unknown as Record<string, unknown>
  assert.deepEqual([port, protocol, connectCounter, sessionMsec], [53, 'UDP', 1, 7])
  const shownPeer = data['streamUpstreamZones']!['backend']![0] as unknown as Record<
    string,
    unknown
  >
  const { sessionMsec: session, uSessionMsec, uConnectMsec, uFirstByteMsec } = shownPeer
  assert.deepEqual([session, uSessionMsec, uConnectMsec, uFirstByteMsec], [7, 6, 1, 2])
  const metrics = parseExposition(await (await shown.ask('/format/prometheus')).text())
  const labels = { upstream: 'backend', backend: '10.0.0.3:1' }
  assert.equal(valueOf(metrics, 'nginx_sts_upstream_connect_seconds_total', labels), 0.001)
})

test('without a zone there is nothing to be shown', async () => {
  const { ask } = show(httpDialect, { conf: 'http { }' })
  const response = await ask('')
  assert.equal(response.status, 503)
  assert.deepEqual(await response.json(), {
    code: 503,
    msg: 'the configuration has no "vhost_traffic_status_zone"',
  })
})
