/**
 * `/api/v1/shm`: zones that are full and take more memory, or may not; with every reply of the interface.
 *
 * A zone of limits that is full forgets keys, a zone of traffic does not count them, and a zone of upstreams
 * refuses servers: so that is seen from outside whether one has grown.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExposition, valueOf } from '../support/exposition.ts'
import { freePort } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import { type Control, type ControlOptions, host, startControl } from './support.ts'

const patient = { timeout: 120_000 }

const updated = { code: 0, msg: 'successfully update zone status' }
const isSet = { code: 0, msg: 'zone autoscale is set' }
const isUnset = { code: 0, msg: 'zone autoscale is unset' }
const missing = { code: 4, msg: 'api or zone_name not found error' }

/** A zone of 32 KiB has room for 256 keys of `limit_req`, and one of 128 KiB for 16 of traffic. */
function blocks(port: number): string {
  return `http {
    access_log off;
    keepalive_requests 100000;
    limit_req_zone $arg_k zone=rates:32k rate=1r/m;
    limit_conn_zone $arg_k zone=counts:32k;
    vhost_traffic_status_zone shared:traffic:128k;
    upstream small { zone members 32k; server ${host}:${port}; }
    server { listen ${host}:${port}; server_name front;
      location /limited { limit_req zone=rates; limit_req_status 429; empty_gif; }
      location /counted { vhost_traffic_status_filter_by_set_key $arg_k keys; return 200 ""; } }
  }`
}

async function start(
  owner: Owner,
  port: number,
  { main = '', ...options }: Partial<ControlOptions> = {},
): Promise<Control> {
  const loads = ['http_dyn_upstream', 'http_dyn_server'].map(
    (name) => `load_module modules/njt_${name}_module.so;`,
  )
  return startControl(owner, {
    ...options,
    stream: `limit_conn_zone $remote_addr zone=streams:32k;`,
    main: [...loads, main].join('\n'),
    blocks: blocks(port),
    controlServer: `
      location /api { dyn_module_api; }
      location /status { vhost_traffic_status_display; }`,
    workers: 2,
  })
}

async function shm(control: Control, t: Owner, method: string, path: string): Promise<unknown> {
  const { status, text } = await control.ask(t, method, `/api/v1/shm/${path}`)
  const reply = JSON.parse(text) as { readonly code: number }
  assert.equal(status, reply.code === 4 ? 404 : 200, text)
  return reply
}

/** Statuses of requests with those keys, one after the other over one connection. */
async function ask(
  owner: Owner,
  port: number,
  path: string,
  keys: readonly string[],
): Promise<readonly number[]> {
  const client = await connectTcp(owner, { host, port })
  const heads = keys.map((key) => `HEAD ${path}?k=${key} HTTP/1.1\r\nHost: front\r\n`)
  await client.send(`${heads.join('\r\n')}Connection: close\r\n\r\n`)
  const answers = (await client.readAll()).toString()
  client.close()
  const statuses = [...answers.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status))
  assert.equal(statuses.length, keys.length)
  return statuses
}

function keysOf(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`)
}

/** What the metrics say of the zone of rates: keys in it, and keys that it has room for. */
async function fullness(control: Control, t: Owner): Promise<readonly (number | undefined)[]> {
  const metrics = parseExposition((await control.ask(t, 'GET', '/api/v2/metrics')).text)
  const labels = { subsystem: 'http', directive: 'limit_req_zone', zone: 'rates' }
  return ['keys', 'room'].map((what) => valueOf(metrics, `trijet_limit_zone_${what}`, labels))
}

/** How many of so many keys the zone of rates still knows after they all came. */
async function remembered(t: Owner, port: number, prefix: string, count: number): Promise<number> {
  const keys = keysOf(prefix, count)
  assert.ok((await ask(t, port, '/limited', keys)).every((status) => status === 200))
  // The last first: those that are asked for again push nobody out.
  const again = await ask(t, port, '/limited', keys.toReversed())
  return again.filter((status) => status === 429).length
}

test('every reply', patient, async (t) => {
  const control = await start(t, await freePort())
  const body = {
    type: 'add',
    upstream_name: 'live',
    upstream_body: 'zone lively 32k; server 127.0.0.1:9;',
  }
  assert.match((await control.ask(t, 'POST', '/api/v1/dyn_ups', body)).text, /"code":0/)
  const before = await control.revision(t)
  for (const zone of [
    'static/rates',
    'static/counts',
    'static/traffic',
    'static/members',
    'static/streams',
    'dynamic/lively',
  ]) {
    assert.deepEqual(await shm(control, t, 'GET', `get/${zone}`), isUnset, zone)
    assert.deepEqual(await shm(control, t, 'PUT', `unset/${zone}`), updated, 'nothing to do')
    assert.deepEqual(await shm(control, t, 'PUT', `set/${zone}?dry_run=1`), updated)
    assert.deepEqual(await shm(control, t, 'GET', `get/${zone}`), isUnset)
    assert.deepEqual(await shm(control, t, 'PUT', `set/${zone}`), updated)
    assert.deepEqual(await shm(control, t, 'PUT', `set/${zone}`), updated, 'nothing to do')
    assert.deepEqual(await shm(control, t, 'GET', `get/${zone}`), isSet)
  }
  assert.equal(
    await control.revision(t),
    before + 6,
    'one revision each, none where nothing is to do',
  )
  assert.deepEqual(await shm(control, t, 'PUT', 'unset/static/counts'), updated)
  assert.deepEqual(await shm(control, t, 'GET', 'get/static/counts'), isUnset)
  assert.deepEqual(await shm(control, t, 'GET', 'get/static/rates'), isSet)
  const { text } = await control.ask(t, 'GET', '/api/v2/config?path=/zone_autoscale')
  assert.match(text, /zone_autoscale rates traffic members streams lively;/)
  for (const [method, path] of [
    ['GET', 'get/static/nothing'],
    ['GET', 'get/dynamic/rates'],
    ['GET', 'get/static/lively'],
    ['GET', 'get/other/rates'],
    ['GET', 'set/static/rates'],
    ['GET', 'get/static/rates/more'],
    ['GET', 'get/static'],
    ['GET', ''],
    ['PUT', 'set/static/nothing'],
    ['PUT', 'unset/dynamic/rates'],
    ['PUT', 'get/static/rates'],
    ['PUT', 'other/static/rates'],
    ['POST', 'set/static/rates'],
    ['DELETE', 'set/static/rates'],
  ] as const) {
    assert.deepEqual(await shm(control, t, method, path), missing, `${method} ${path}`)
  }
  const gone = { type: 'del', upstream_name: 'live' }
  assert.match((await control.ask(t, 'PUT', '/api/v1/dyn_ups', gone)).text, /"code":0/)
  assert.deepEqual(await shm(control, t, 'GET', 'get/dynamic/lively'), missing)
})

test(
  'a zone of limits that may grow forgets nobody, over restarts and kills',
  patient,
  async (t) => {
    const port = await freePort()
    const control = await start(t, port)
    const most = await remembered(t, port, 'a', 600)
    assert.ok(most > 100 && most <= 256, `${most} of 600 in a zone for 256`)
    assert.deepEqual(await fullness(control, t), [256, 256])
    assert.deepEqual(await shm(control, t, 'PUT', 'set/static/rates'), updated)
    assert.equal(await remembered(t, port, 'b', 600), 600)
    assert.deepEqual(await shm(control, t, 'PUT', 'unset/static/rates'), updated)
    const kept = await ask(t, port, '/limited', keysOf('b', 10))
    assert.ok(
      kept.every((status) => status === 429),
      'what it has taken, it keeps',
    )
    assert.deepEqual(await shm(control, t, 'PUT', 'set/static/rates'), updated)
    await control.kill('worker process')
    await until(() => control.engine.children('worker process').length === 2)
    const after = await ask(t, port, '/limited', keysOf('b', 600))
    assert.ok(
      after.every((status) => status === 429),
      'a new worker finds all of it',
    )
    assert.equal(await remembered(t, port, 'c', 2000), 2000)
    const [used = 0, room = 0] = await fullness(control, t)
    assert.ok(used > 2600 && room >= used && room <= 16 * 256, `${used} of ${room}`)
    await control.engine.reload()
    await control.waitForControl(t)
    assert.deepEqual(await shm(control, t, 'GET', 'get/static/rates'), isSet)
    const still = await ask(t, port, '/limited', keysOf('c', 2000))
    assert.ok(
      still.every((status) => status === 429),
      'a reload keeps it',
    )
    const { prefix, port: controlPort } = control
    await control.engine.stop()
    const next = await start(t, port, { prefix, controlPort })
    assert.deepEqual(await shm(next, t, 'GET', 'get/static/rates'), isSet)
    assert.equal(await remembered(t, port, 'd', 600), 600)
  },
)

test('a zone of traffic that may grow counts every key', patient, async (t) => {
  const port = await freePort()
  const control = await start(t, port)
  const keys = keysOf('k', 200)
  const counted = async (): Promise<number> => {
    type Shown = { readonly filterZones: { readonly keys: Readonly<Record<string, unknown>> } }
    const { filterZones } = await control.get<Shown>(t, '/status/format/json')
    return keys.filter((key) => Object.hasOwn(filterZones.keys, key)).length
  }
  await ask(t, port, '/counted', keys)
  const most = await counted()
  assert.ok(most >= 16 && most < 60, `${most} of 200 in a zone for 16`)
  assert.deepEqual(await shm(control, t, 'PUT', 'set/static/traffic'), updated)
  await ask(t, port, '/counted', keys)
  assert.equal(await counted(), 200)
})

test('a zone of an upstream that may grow takes more servers', patient, async (t) => {
  const control = await start(t, await freePort(), { main: 'zone_autoscale counts;' })
  assert.deepEqual(await shm(control, t, 'GET', 'get/static/counts'), isSet, 'the files say it')
  const add = async (number: number): Promise<number> => {
    const server = `127.1.${number >> 8}.${number & 255}:80`
    const path = '/api/v1/upstream_api/http/upstreams/small/servers/'
    return (await control.ask(t, 'POST', path, { server, down: true })).status
  }
  let added = 0
  while (added < 300 && (await add(added)) === 201) added += 1
  assert.ok(added > 100 && added < 130, `${added} of 300 in a zone for 128`)
  assert.deepEqual(await shm(control, t, 'PUT', 'set/static/members'), updated)
  for (; added < 300; added += 1) assert.equal(await add(added), 201)
  await control.kill('worker process')
  await control.kill('ctrl')
  await control.waitForControl(t)
  const path = '/api/v1/upstream_api/http/upstreams/small/servers/'
  assert.equal((await control.get<unknown[]>(t, path)).length, 301)
  assert.deepEqual(await shm(control, t, 'PUT', 'unset/static/counts'), updated)
  assert.deepEqual(await shm(control, t, 'GET', 'get/static/counts'), isUnset)
})
