/** `vhost_traffic_status*`: what is counted, by which keys, and what is limited. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpUpstreamTimings, httpVts } from '../../src/engine/http/modules/vts.ts'
import type { Traffic } from '../../src/engine/modules/traffic/traffic.ts'
import type { TrafficTable } from '../../src/engine/modules/traffic/traffic-table.ts'
import { type TrafficZone, trafficZoneOf } from '../../src/engine/modules/traffic/traffic-zone.ts'
import { parseAnswer } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { type HttpRunner, refusalOf, startHttp } from './support.ts'

function zoneOf(engine: HttpRunner): TrafficZone {
  const conf = engine.part.scope.conf(httpVts).vhost_traffic_status_zone!
  return trafficZoneOf(engine.zoneMemory, conf, httpUpstreamTimings)
}

/** `group/name requests` of each key. */
function counts(table: TrafficTable): readonly string[] {
  return [...table.all()].map(({ group, name, requests }) => `${group}/${name} ${requests}`).sort()
}

interface Sent {
  readonly status: number
  readonly body: string
  readonly bytesIn: number
  readonly bytesOut: number
}

/** One request on a connection of its own, and how many bytes went each way. */
async function ask(owner: Owner, port: number, path: string, host = 'x', body = ''): Promise<Sent> {
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`
  const bytes = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${length}\r\n${body}`
  const client = await connectTcp(owner, { host: '127.0.0.1', port })
  await client.send(bytes)
  const raw = await client.readAll()
  client.close()
  const answer = parseAnswer(raw)
  return {
    status: answer.status,
    body: answer.body.toString(),
    bytesIn: bytes.length,
    bytesOut: raw.length,
  }
}

function total(sent: readonly Sent[]): Pick<Traffic, 'requests' | 'bytesIn' | 'bytesOut'> {
  return {
    requests: sent.length,
    bytesIn: sent.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
    bytesOut: sent.reduce((sum, { bytesOut }) => sum + bytesOut, 0),
  }
}

function totalOf({ requests, bytesIn, bytesOut }: Traffic): ReturnType<typeof total> {
  return { requests, bytesIn, bytesOut }
}

test('requests, bytes and statuses of a server and of its locations', async (t) => {
  const [port, nameless] = [await freePort(), await freePort()]
  const engine = await startHttp(
    t,
    `access_log off; vhost_traffic_status_zone shared:z:2m;
     server { listen 127.0.0.1:${port}; server_name site other;
       location / { return 200 hello; }
       location = /moved { return 301 /; }
       location ~ ^/x { return 404; }
       location /off { vhost_traffic_status off; return 200; }
       location /by { vhost_traffic_status_bypass_stats on; return 200; } }
     server { listen 127.0.0.1:${nameless}; return 204; }`,
  )
  const sent = []
  for (const path of ['/', '/a', '/moved', '/x/y']) sent.push(await ask(t, port, path, 'site'))
  for (const path of ['/off', '/by']) await ask(t, port, path, 'site')
  const zone = zoneOf(engine)
  const site = zone.servers.find('', 'site')!
  assert.deepEqual(totalOf(site), total(sent))
  assert.deepEqual(site.statuses, [0, 2, 1, 1, 0])
  assert.deepEqual(counts(zone.locations), ['site// 2', 'site/= /moved 1', 'site/~ ^/x 1'])
  await ask(t, nameless, '/')
  assert.deepEqual(counts(zone.servers), ['/_ 1', '/site 4'])
})

test('keys of filters: by group, among the servers, by host, once each, and none without a value', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; vhost_traffic_status_zone;
     vhost_traffic_status_filter_by_set_key $uri "to $server_name";
     server { listen 127.0.0.1:${port}; server_name site *.org; vhost_traffic_status_filter_by_host on;
       vhost_traffic_status_filter_by_set_key $uri "to $server_name";
       vhost_traffic_status_filter_by_set_key $arg_who;
       vhost_traffic_status_filter_by_set_key $status statuses;
       location / { return 200 hello; }
       location /no { return 200; vhost_traffic_status_filter off; } }`,
  )
  const hosts = ['site', 'a.org', 'b.org', 'b.org']
  for (const host of hosts) await ask(t, port, '/a', host)
  await ask(t, port, '/b?who=me', 'site')
  await ask(t, port, '/no', 'site')
  const zone = zoneOf(engine)
  assert.deepEqual(counts(zone.servers), ['/a.org 1', '/b.org 2', '/me 1', '/site 3'])
  assert.deepEqual(counts(zone.filters), ['statuses/200 5', 'to site//a 4', 'to site//b 1'])
})

test('as many keys of a group as may be: the oldest make room', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; vhost_traffic_status_zone; vhost_traffic_status_filter_max_node 3 uri;
     server { listen 127.0.0.1:${port};
       vhost_traffic_status_filter_by_set_key $uri uris;
       vhost_traffic_status_filter_by_set_key $uri all;
       return 200; }`,
  )
  for (let i = 0; i < 8; i += 1) await ask(t, port, `/${i}`)
  const zone = zoneOf(engine)
  assert.equal(counts(zone.filters).length, 8)
  assert.deepEqual(counts(zone.limitedFilters(3)), ['uris//5 1', 'uris//6 1', 'uris//7 1'])
})

test('upstream servers, each try by itself', async (t) => {
  const [port, good, bad] = [await freePort(), await freePort(), await freePort()]
  const engine = await startHttp(
    t,
    `access_log off; vhost_traffic_status_zone;
     upstream backend { server 127.0.0.1:${bad} max_fails=0; server 127.0.0.1:${good}; }
     server { listen 127.0.0.1:${port}; server_name front;
       location / { proxy_pass http://backend; }
       location /alone { proxy_pass http://127.0.0.1:${good}; } }
     server { listen 127.0.0.1:${good}; server_name good; vhost_traffic_status off; return 201 ${'x'.repeat(1000)}; }`,
  )
  for (let i = 0; i < 6; i += 1) assert.equal((await ask(t, port, '/')).status, 201)
  const last = await ask(t, port, '/alone', 'front', 'some body')
  const { upstreams, servers, locations } = zoneOf(engine)
  assert.equal(servers.find('', 'front')!.requests, 7)
  assert.deepEqual(totalOf(locations.find('front', '/alone')!), total([last]))
  const one = upstreams.find('backend', `127.0.0.1:${good}`)!
  assert.deepEqual([one.requests, one.statuses], [6, [0, 6, 0, 0, 0]])
  assert(one.bytesIn > 6 * 1000 && one.bytesOut > 6 * 30, `${one.bytesIn} ${one.bytesOut}`)
  assert.deepEqual(
    one.timings.map(({ recent }) => recent.length),
    [6, 6],
  )
  // Turns are taken between the two, and whoever meets the bad one goes on to the good one.
  const failed = upstreams.find('backend', `127.0.0.1:${bad}`)!
  assert(failed.requests >= 2 && failed.statuses[4] === failed.requests, JSON.stringify(failed))
  const address = `127.0.0.1:${good}`
  assert.equal(upstreams.find(address, address)!.requests, 1)
})

test('traffic over a limit is refused, by server and by key', async (t) => {
  const port = await freePort()
  await startHttp(
    t,
    `access_log off; vhost_traffic_status_zone;
     server { listen 127.0.0.1:${port}; server_name site;
       vhost_traffic_status_limit_traffic request:9;
       vhost_traffic_status_limit_traffic request:2 429;
       vhost_traffic_status_filter_by_set_key $arg_k keys;
       location / { empty_gif; }
       location /free { vhost_traffic_status_bypass_limit on; empty_gif; }
       location /off { vhost_traffic_status_limit off; empty_gif; } }
     server { listen 127.0.0.1:${port}; server_name keys;
       vhost_traffic_status_filter_by_set_key $arg_k keys;
       vhost_traffic_status_limit_traffic_by_set_key FG@keys@$arg_k out:300;
       location / { empty_gif; } }`,
  )
  const statuses = async (host: string, ...paths: readonly string[]): Promise<number[]> => {
    const found = []
    for (const path of paths) found.push((await ask(t, port, path, host)).status)
    return found
  }
  assert.deepEqual(
    await statuses('site', '/', '/', '/', '/', '/free', '/off'),
    [200, 200, 200, 429, 200, 200],
  )
  assert.deepEqual(await statuses('keys', '/?k=a', '/?k=a', '/?k=a', '/?k=b'), [200, 200, 503, 200])
})

test('what was counted is there in variables', async (t) => {
  const port = await freePort()
  await startHttp(
    t,
    `access_log off; vhost_traffic_status_zone;
     server { listen 127.0.0.1:${port}; server_name site;
       vhost_traffic_status_filter_by_set_key $uri uris;
       vhost_traffic_status_set_by_filter $all server/site/requestCounter;
       location / {
         vhost_traffic_status_set_by_filter $here filter/uris@$uri/2xx;
         return 200 "$vts_request_counter $vts_2xx_counter $all $here $vts_cache_hit_counter"; } }`,
  )
  assert.equal((await ask(t, port, '/a', 'site')).body, '  0 0 ')
  await ask(t, port, '/b', 'site')
  assert.equal((await ask(t, port, '/a', 'site')).body, '2 2 2 1 0')
})

test('buckets that were asked for count times up to their bounds', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; vhost_traffic_status_zone; vhost_traffic_status_average_method WMA 2s;
     vhost_traffic_status_histogram_buckets 0.001 10;
     server { listen 127.0.0.1:${port}; server_name site; return 200; }`,
  )
  await ask(t, port, '/')
  const { style, timings } = zoneOf(engine).servers.find('', 'site')!
  assert.deepEqual(style, { average: 'WMA', periodMs: 2000, bucketsMs: [1, 10_000] })
  assert.equal(timings[0]!.bucketCounts[1], 1)
  // Finer than the milliseconds of the wall clock.
  assert(timings[0]!.sumMs > 0 && timings[0]!.sumMs % 1 !== 0, String(timings[0]!.sumMs))
})

const refusals: readonly (readonly [text: string, message: RegExp])[] = [
  ['vhost_traffic_status_zone z:1m;', /invalid parameter "z:1m"/],
  ['vhost_traffic_status_zone shared:z:x;', /invalid shared size "shared:z:x"/],
  ['vhost_traffic_status_zone shared:z:4k;', /zone "shared:z:4k" is too small/],
  ['vhost_traffic_status_average_method MEAN;', /invalid value "MEAN"/],
  ['vhost_traffic_status_average_method AMM x;', /invalid period "x"/],
  [
    'vhost_traffic_status_histogram_buckets 0.5 0.1;',
    /buckets must ascend from 0\.001, not "0\.1"/,
  ],
  ['vhost_traffic_status_histogram_buckets 0.0001;', /invalid bucket "0\.0001"/],
  ['vhost_traffic_status_limit_traffic bytes:1;', /invalid member "bytes:1"/],
  ['vhost_traffic_status_limit_traffic in:x;', /invalid size "in:x"/],
  ['vhost_traffic_status_limit_traffic in:1 20;', /invalid status "20"/],
  ['vhost_traffic_status_limit_traffic_by_set_key XX@a in:1;', /invalid key "XX@a"/],
  ['vhost_traffic_status_set_by_filter $a server/x/size;', /invalid parameter "server\/x\/size"/],
  ['vhost_traffic_status_filter_max_node x;', /invalid number "x"/],
  ['vhost_traffic_status_filter_by_set_key $nothing;', /unknown "nothing" variable/],
]

for (const [text, message] of refusals) {
  test(`${text} is refused`, async (t) => {
    assert.match((await refusalOf(t, text))[0] ?? 'accepted', message)
  })
}
