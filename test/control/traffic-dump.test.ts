/**
 * `vhost_traffic_status_dump`: what was counted goes on from where an engine before this one left it, once,
 * whatever ends in between.
 */
import assert from 'node:assert/strict'
import { existsSync, watch } from 'node:fs'
import { test } from 'node:test'
import { processLimits } from '../../src/engine/process/limits.ts'
import { parseExposition, valueOf } from '../support/exposition.ts'
import { generateLoad } from '../support/load.ts'
import { freePorts } from '../support/ports.ts'
import { isAlive } from '../support/process-tree.ts'
import type { Owner } from '../support/scope.ts'
import { until } from '../support/wait.ts'
import { type Control, type ControlOptions, host, startControl } from './support.ts'

interface Zone {
  readonly requestCounter: number
  readonly inBytes: number
  readonly outBytes: number
  readonly responses: Readonly<Record<string, number>>
}

type Zones = Readonly<Record<string, Zone>>

interface Shown {
  readonly serverZones: Zones
  readonly filterZones: Readonly<Record<string, Zones>>
  readonly locationZones: Readonly<Record<string, Zones>>
  readonly upstreamZones: Readonly<Record<string, readonly Zone[]>>
}

const displays = `
  location /api { dyn_module_api; }
  location /status { vhost_traffic_status_display; }`

const connections = 10

/** An engine that can be started again and again, and what its clients have sent it. */
class Site {
  readonly #owner: Owner
  readonly #options: ControlOptions
  readonly #port: number
  control: Control
  requests = 0

  private constructor(owner: Owner, options: ControlOptions, port: number, control: Control) {
    this.#owner = owner
    this.#options = options
    this.#port = port
    this.control = control
  }

  /** `dump` is the directive, or nothing. */
  static async start(owner: Owner, dump: string): Promise<Site> {
    const ports = await freePorts(3)
    const [front, back, controlPort] = ports as [number, number, number]
    const blocks = `http {
      access_log off;
      vhost_traffic_status_zone shared:traffic:2m;
      ${dump}
      vhost_traffic_status_filter_by_set_key $arg_k keys::$server_name;
      vhost_traffic_status_histogram_buckets 0.001 1000;
      keepalive_requests 100000;
      upstream backend { zone backend 1m; server ${host}:${back}; keepalive 8; }
      server { listen ${host}:${front}; server_name front;
        location / { return 200 hello; }
        location /missing { return 404; }
        location /back { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; } }
      server { listen ${host}:${back}; server_name back; vhost_traffic_status off; return 200 back; }
    }`
    const options = { stream: '', blocks, controlServer: displays, workers: 2, controlPort }
    const control = await startControl(owner, options)
    return new Site(owner, { ...options, prefix: control.prefix }, front, control)
  }

  /** Stops the engine, or waits for its end where it was killed, and starts another. */
  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.control.engine.stop(signal)
    this.control = await startControl(this.#owner, this.#options)
  }

  /** A third of the requests each to a text, to nothing, and through to another server. */
  async load(requests: number): Promise<Shown> {
    const paths = ['/?k=a', '/missing', '/back?k=b']
    const request = (number: number, last: boolean): string =>
      `GET ${paths[number % 3]} HTTP/1.1\r\nHost: front\r\n${last ? 'Connection: close\r\n' : ''}\r\n`
    const load = { port: this.#port, connections, requests: requests / connections, request }
    await generateLoad(this.#owner, load)
    this.requests += requests
    return this.shown(this.requests)
  }

  /** What is shown once so many requests have been counted; never more. */
  async shown(requests: number): Promise<Shown> {
    return until(
      async () => {
        const shown = await this.control.get<Shown>(this.#owner, '/status/format/json')
        const count = shown.serverZones['front']?.requestCounter ?? 0
        assert(count <= requests, `${count} of ${requests} counted`)
        return count === requests && shown
      },
      { what: `${requests} requests to be shown` },
    )
  }

  async patch(...operations: readonly object[]): Promise<void> {
    const { status, text } = await this.control.ask(
      this.#owner,
      'PATCH',
      '/api/v2/config',
      operations,
    )
    assert.equal(status, 200, text)
  }

  async metrics(): Promise<ReturnType<typeof parseExposition>> {
    const { text } = await this.control.ask(this.#owner, 'GET', '/status/format/prometheus')
    return parseExposition(text)
  }

  /** Resolves when a dump says that so many requests were counted. */
  async dumped(name: string, requests: number): Promise<void> {
    await until(() => requestsIn(this.control.prefix.read(name)) === requests, {
      what: `a dump of ${requests} requests`,
    })
  }
}

/** What a dump says of the server; `undefined` where it is none. */
function requestsIn(dump: string): number | undefined {
  const lines = dump.split('\n').filter((line) => line !== '')
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const server = records.find(({ table, name }) => table === 'servers' && name === 'front')
  return server?.['requests'] as number | undefined
}

/** Everything that is counted, without the times of single requests. */
function countsOf({ serverZones, filterZones, locationZones, upstreamZones }: Shown): unknown {
  const pick = ({ requestCounter, inBytes, outBytes, responses }: Zone): unknown => {
    return { requestCounter, inBytes, outBytes, responses }
  }
  const pickAll = (zones: Zones): unknown =>
    Object.entries(zones).map(([name, zone]) => [name, pick(zone)])
  return [
    pickAll(serverZones),
    Object.entries(filterZones).map(([name, zones]) => [name, pickAll(zones)]),
    Object.entries(locationZones).map(([name, zones]) => [name, pickAll(zones)]),
    Object.entries(upstreamZones).map(([name, peers]) => [name, peers.map(pick)]),
  ]
}

test('counters go on from where they were, over stops of each kind', async (t) => {
  const site = await Site.start(t, 'vhost_traffic_status_dump data/traffic.dump 1h;')
  for (const signal of ['SIGTERM', 'SIGQUIT', 'SIGTERM'] as const) {
    const before = await site.load(90)
    await site.restart(signal)
    assert.deepEqual(countsOf(await site.shown(site.requests)), countsOf(before))
  }
  const shown = await site.load(30)
  const third = site.requests / 3
  assert.equal(site.requests, 300)
  assert.equal(shown.upstreamZones['backend']![0]!.requestCounter, third)
  assert.equal(shown.locationZones['front']!['/missing']!.responses['4xx'], third)
  assert.equal(shown.filterZones['keys::front']!['a']!.requestCounter, third)
  const metrics = await site.metrics()
  const count = 'nginx_vts_server_request_duration_seconds_count'
  assert.equal(valueOf(metrics, count, { host: 'front' }), site.requests)
  const bucket = 'nginx_vts_server_request_duration_seconds_bucket'
  assert.equal(valueOf(metrics, bucket, { host: 'front', le: '1000' }), site.requests)
})

test('what is read back is added once, whichever worker dies and however often files are read', async (t) => {
  const site = await Site.start(t, 'vhost_traffic_status_dump data/traffic.dump 1h;')
  await site.load(60)
  await site.restart()
  await site.load(30)
  for (let i = 0; i < 3; i += 1) {
    const { engine } = site.control
    const killed = await site.control.kill('worker process')
    await until(
      () => {
        const workers = engine.children('worker process')
        return workers.length === 2 && workers.every(({ pid }) => pid !== killed)
      },
      { what: 'another worker' },
    )
    assert.equal(await engine.reload(), true)
    await site.load(30)
  }
  await site.restart()
  assert.equal(site.requests, 180)
  await site.load(30)
})

test('what a killed engine had counted is there as far as it was written', async (t) => {
  const site = await Site.start(t, 'vhost_traffic_status_dump data/traffic.dump 50ms;')
  const before = await site.load(90)
  await site.dumped('data/traffic.dump', 90)
  await site.restart('SIGKILL')
  assert.deepEqual(countsOf(await site.shown(90)), countsOf(before))
  await site.load(30)
})

test('an engine that takes over goes on from the last dump, and has the file', async (t) => {
  const site = await Site.start(t, 'vhost_traffic_status_dump data/traffic.dump 20ms;')
  await site.load(60)
  await site.dumped('data/traffic.dump', 60)
  const { engine } = site.control
  const before = engine.pid
  engine.signal('SIGUSR2')
  await until(() => engine.hasPidFile && engine.pid !== before, { what: 'a new master' })
  process.kill(before, 'SIGQUIT')
  await until(() => !isAlive(before), { what: 'the end of the old master' })
  await site.control.waitForControl(t)
  await site.load(30)
  await site.dumped('data/traffic.dump', 90)
  const after = engine.pid
  engine.signal('SIGTERM')
  await until(() => !isAlive(after), { what: 'the end of the new master' })
  await site.restart()
  await site.load(30)
})

test('a worker that is killed while it writes leaves it to another', async (t) => {
  const site = await Site.start(t, 'vhost_traffic_status_dump data/traffic.dump 1ms;')
  for (let i = 0; i < 5; i += 1) {
    await site.load(30)
    await site.control.kill('worker process')
    await site.dumped('data/traffic.dump', site.requests)
  }
  await site.restart()
  await site.load(30)
})

const strangers = {
  foreign: { text: 'server { listen 80; }\n', reason: /it is no dump of traffic/ },
  newer: {
    text: '{"format":"trijet traffic","version":3}\n',
    reason: /it has version 3, and not 2/,
  },
  truncated: { text: undefined, reason: /it is cut off/ },
} as const

for (const [kind, { text, reason }] of Object.entries(strangers)) {
  test(`a ${kind} file is reported and kept, and the engine serves`, async (t) => {
    const site = await Site.start(t, 'vhost_traffic_status_dump data/traffic.dump 1h;')
    const { prefix, engine } = site.control
    await site.load(30)
    await engine.stop()
    const bad = text ?? prefix.read('data/traffic.dump').slice(0, -20)
    prefix.write('data/traffic.dump', bad)
    site.requests = 0
    await site.restart()
    const [line] = await site.control.engine.waitForLog(
      /\[warn\].*dump of traffic .* is not read.*/,
    )
    assert.match(line, reason)
    assert.equal(prefix.read('data/traffic.dump.unread'), bad)
    await site.load(30)
    await site.restart()
    await site.load(30)
  })
}

test('a dump is set, moved and taken away live', async (t) => {
  const site = await Site.start(t, '')
  await site.load(30)
  const dump = (path: string): string => `vhost_traffic_status_dump ${path} 20ms;`
  await site.patch({ op: 'add', path: '/http', value: dump('data/first.dump') })
  await site.dumped('data/first.dump', 30)
  const path = '/http/vhost_traffic_status_dump'
  await site.patch({ op: 'replace', path, value: dump('data/second.dump') })
  await site.load(30)
  await site.dumped('data/second.dump', 60)
  assert.notEqual(requestsIn(site.control.prefix.read('data/first.dump')), 60)
  // It is in the journal: another engine begins with it.
  await site.restart()
  await site.load(30)
  await site.dumped('data/second.dump', 90)
  await site.patch({ op: 'remove', path })
  await site.load(30)
  const { prefix } = site.control
  assert.equal(requestsIn(prefix.read('data/second.dump')), 90)
  site.requests = 0
  await site.restart()
  await site.load(30)
  assert.equal(requestsIn(prefix.read('data/second.dump')), 90)
})

test('a dump that cannot be written is an error in the log, once', async (t) => {
  const site = await Site.start(t, 'vhost_traffic_status_dump missing/traffic.dump 10ms;')
  const { engine } = site.control
  await engine.waitForLog(
    /\[error\].*dump of traffic ".*missing\/traffic.dump" is not made: ENOENT/,
  )
  await site.load(30)
  const lines = engine.errorLog.match(/is not made/g) ?? []
  assert(lines.length <= 2, 'each worker says it once at most')
})

test('a last dump that takes its time is waited for', async (t) => {
  const [front, controlPort] = (await freePorts(2)) as [number, number]
  const filters = Array.from(
    { length: filtersPerRequest },
    (_, i) => `vhost_traffic_status_filter_by_set_key $arg_k group${i};`,
  )
  const blocks = `http {
    access_log off;
    vhost_traffic_status_zone shared:traffic:256m;
    vhost_traffic_status_dump data/traffic.dump 1h;
    ${filters.join(' ')}
    keepalive_requests 100000;
    server { listen ${host}:${front}; server_name front; location / { return 200 hello; } }
  }`
  const { engine, prefix } = await startControl(t, { stream: '', blocks, workers: 2, controlPort })
  await until(() => existsSync(prefix.file('data/traffic.dump')), { what: 'the first dump' })
  const requests = 40
  let key = 0
  await generateLoad(t, {
    port: front,
    connections,
    requests,
    request: (_, last) =>
      `GET /?k=${(key += 1)} HTTP/1.1\r\nHost: front\r\n${last ? 'Connection: close\r\n' : ''}\r\n`,
  })
  const watcher = watch(prefix.file('data'))
  t.after(() => watcher.close())
  const begun = new Promise<void>((resolve) => {
    watcher.on('change', (_, name) => {
      const writer = /^traffic\.dump\.(\d+)\.draft$/.exec(String(name))?.[1]
      if (writer === undefined) return
      watcher.close()
      stall(Number(writer))
      resolve()
    })
  })
  const ended = engine.stop('SIGTERM')
  await begun
  await ended
  assert.doesNotMatch(engine.errorLog, /is killed/)
  const dump = prefix.read('data/traffic.dump')
  assert.equal(requestsIn(dump), requests * connections)
  const groups = dump.match(/"group\d+"/g)
  assert.equal(groups?.length, requests * connections * filtersPerRequest)
})

/** Enough for a dump that takes some tenths of a second. */
const filtersPerRequest = 40

/** Halts a process for longer than the master waits for one that has nothing to write. */
function stall(pid: number): void {
  process.kill(pid, 'SIGSTOP')
  setTimeout(
    () => isAlive(pid) && process.kill(pid, 'SIGCONT'),
    processLimits.workerKillAfterMs * 2,
  )
}
