/**
 * What the workers count and control shows, against the count of who made the load: equal, whichever worker
 * served it, and whatever happened to a worker.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExposition, valueOf } from '../support/exposition.ts'
import { startTcpBackend } from '../support/echo-servers.ts'
import { type Done, generateLoad, type Load } from '../support/load.ts'
import { freePort } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import { type Control, host, startControl } from './support.ts'

interface Zone {
  readonly requestCounter: number
  readonly connectCounter: number
  readonly inBytes: number
  readonly outBytes: number
  readonly responses: Readonly<Record<string, number>>
}

interface Shown {
  readonly connections: { readonly requests: number; readonly accepted: number }
  readonly serverZones: Readonly<Record<string, Zone>>
  readonly filterZones: Readonly<Record<string, Readonly<Record<string, Zone>>>>
  readonly locationZones: Readonly<Record<string, Readonly<Record<string, Zone>>>>
  readonly upstreamZones: Readonly<Record<string, readonly (Zone & { readonly server: string })[]>>
}

const displays = `
  location /api { dyn_module_api; }
  location /status { vhost_traffic_status_display; }
  location /streams { stream_server_traffic_status_display; }`

interface Ports {
  readonly front: number
  readonly back: number
}

function httpBlock({ front, back }: Ports): string {
  return `http {
    access_log off;
    vhost_traffic_status_zone shared:traffic:2m;
    vhost_traffic_status_filter_by_set_key $arg_k keys::$server_name;
    keepalive_requests 100000;
    upstream backend { zone backend 1m; server ${host}:${back}; keepalive 8; }
    server { listen ${host}:${front}; server_name front;
      location / { return 200 hello; }
      location /missing { return 404; }
      location /back { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; } }
    server { listen ${host}:${back}; server_name back; vhost_traffic_status off;
      return 200 ${'x'.repeat(500)}; }
  }`
}

async function start(owner: Owner, ports: Ports): Promise<Control> {
  return startControl(owner, {
    stream: '',
    blocks: httpBlock(ports),
    controlServer: displays,
    workers: 2,
  })
}

/** A third of the requests each to a text, to nothing, and through to another server. */
function mixedLoad(port: number, requests: number): Load {
  const paths = ['/?k=a', '/missing', '/back?k=b']
  const request = (number: number, last: boolean): string => {
    const length = number % 5 === 0 ? 7 : 0
    const lines = [
      `POST ${paths[number % paths.length]} HTTP/1.1`,
      'Host: front',
      `Content-Length: ${length}`,
      ...(last ? ['Connection: close'] : []),
    ]
    return `${lines.join('\r\n')}\r\n\r\n${'b'.repeat(length)}`
  }
  return { port, connections: 16, requests, request }
}

/** The document, once all that was asked of the front has been counted: a log is written after the answer. */
async function shownAfter(owner: Owner, control: Control, requests: number): Promise<Shown> {
  return until(
    async () => {
      const shown = await control.get<Shown>(owner, '/status/format/json')
      const count = shown.serverZones['front']?.requestCounter ?? 0
      assert(count <= requests, `${count} of ${requests} counted`)
      return count === requests && shown
    },
    { what: `${requests} requests to be counted` },
  )
}

function checkShown(
  { serverZones, filterZones, locationZones }: Shown,
  done: readonly Done[],
): void {
  const sum = (read: (one: Done) => number): number => done.reduce((all, one) => all + read(one), 0)
  const { inBytes, outBytes, responses } = serverZones['front']!
  assert.equal(
    outBytes,
    sum(({ bytesReceived }) => bytesReceived),
  )
  assert.equal(
    inBytes,
    sum(({ bytesSent }) => bytesSent),
  )
  assert.equal(
    responses['2xx'],
    sum(({ statuses }) => statuses.get(200) ?? 0),
  )
  assert.equal(
    responses['4xx'],
    sum(({ statuses }) => statuses.get(404) ?? 0),
  )
  const third = sum(({ requests }) => requests) / 3
  assert.deepEqual(
    Object.entries(locationZones['front']!).map(([name, zone]) => [name, zone.requestCounter]),
    [
      ['/', third],
      ['/back', third],
      ['/missing', third],
    ],
  )
  const keys = filterZones['keys::front']!
  assert.deepEqual([keys['a']!.requestCounter, keys['b']!.requestCounter], [third, third])
}

test('requests, bytes and statuses are exactly those of who made the load, over two workers', async (t) => {
  const ports = { front: await freePort(), back: await freePort() }
  const control = await start(t, ports)
  const first = await generateLoad(t, mixedLoad(ports.front, 300))
  const shown = await shownAfter(t, control, first.requests)
  checkShown(shown, [first])
  const [peer] = shown.upstreamZones['backend']!
  assert.equal(peer!.requestCounter, first.requests / 3)
  assert.equal(peer!.responses['2xx'], first.requests / 3)
  // What the front got of the back it passed on: the body, and a head of its own.
  assert(peer!.inBytes > (first.requests / 3) * 500, String(peer!.inBytes))
  // Control's own requests are not among them; those between the two servers are.
  assert.equal(shown.connections.requests, first.requests + first.requests / 3)
  const metrics = parseExposition((await control.ask(t, 'GET', '/status/format/prometheus')).text)
  const labels = { host: 'front' }
  const total = { ...labels, code: 'total' }
  assert.equal(valueOf(metrics, 'nginx_vts_server_requests_total', total), first.requests)
  const count = 'nginx_vts_server_request_duration_seconds_count'
  assert.equal(valueOf(metrics, count, labels), first.requests)
  const here = { ...labels, location: '/back' }
  const latency = 'nginx_vts_location_request_duration_seconds_count'
  assert.equal(valueOf(metrics, latency, here), first.requests / 3)
})

test('neither the end of a worker nor a reload loses or doubles what was counted', async (t) => {
  const ports = { front: await freePort(), back: await freePort() }
  const control = await start(t, ports)
  const { engine } = control
  const done: Done[] = []
  const run = async (): Promise<void> => {
    done.push(await generateLoad(t, mixedLoad(ports.front, 60)))
    const requests = done.reduce((sum, one) => sum + one.requests, 0)
    checkShown(await shownAfter(t, control, requests), done)
  }
  await run()
  for (let i = 0; i < 3; i += 1) {
    const killed = await control.kill('worker process')
    await until(
      () => {
        const workers = engine.children('worker process')
        return workers.length === 2 && workers.every(({ pid }) => pid !== killed)
      },
      { what: 'another worker' },
    )
    await run()
  }
  assert.equal(await engine.reload(), true)
  await run()
  const pid = await control.kill('ctrl')
  await until(() => engine.children('ctrl').some((child) => child.pid !== pid), { what: 'control' })
  await control.waitForControl(t)
  await run()
})

test('sessions of streams are counted exactly, too', async (t) => {
  const echo = await startTcpBackend(t)
  const port = await freePort()
  const control = await startControl(t, {
    stream: `server_traffic_status_zone;
      server_traffic_status_filter_by_set_key $remote_addr clients;
      upstream echo { zone echo 1m; server ${host}:${echo.port}; }
      server { listen ${host}:${port}; proxy_pass echo; }`,
    controlServer: displays,
    workers: 2,
  })
  const sessions = 40
  const text = 'x'.repeat(1000)
  await Promise.all(
    Array.from({ length: sessions }, async () => {
      const client = await connectTcp(t, { host, port })
      await client.send(text)
      await client.read(text.length)
      await client.end()
      await client.readAll()
      client.close()
    }),
  )
  interface Streams {
    readonly streamServerZones: Readonly<Record<string, Zone>>
    readonly streamFilterZones: Shown['filterZones']
    readonly streamUpstreamZones: Shown['upstreamZones']
  }
  const name = `TCP:${port}:${host}`
  const shown = await until(
    async () => {
      const all = await control.get<Streams>(t, '/streams/format/json')
      return all.streamServerZones[name]?.connectCounter === sessions && all
    },
    { what: 'all sessions to be counted' },
  )
  const bytes = sessions * text.length
  const server = shown.streamServerZones[name]!
  assert.deepEqual(
    [server.inBytes, server.outBytes, server.responses['2xx']],
    [bytes, bytes, sessions],
  )
  const [peer] = shown.streamUpstreamZones['echo']!
  assert.deepEqual([peer!.connectCounter, peer!.inBytes, peer!.outBytes], [sessions, bytes, bytes])
  assert.equal(shown.streamFilterZones['clients']![host]!.connectCounter, sessions)
  parseExposition((await control.ask(t, 'GET', '/streams/format/prometheus')).text)
})
