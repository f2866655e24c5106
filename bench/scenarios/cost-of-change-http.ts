/**
 * What one location more costs by the API, and what a request costs, among few HTTP servers and among many.
 *
 * ```text
 *   engine with 1 server        CPU of a request
 *   engine with 100 servers     CPU of a request │ first add │ adds under load
 *   engine with all servers     CPU of a request │ first add │ adds under load
 * ```
 *
 * Each server has ten locations; clients ask all servers in turn. The first change reads the servers of the
 * files into an index, so it is told apart.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../../test/support/ports.ts'
import { type Owner, Scope } from '../../test/support/scope.ts'
import { startTrijet } from '../../test/support/trijet.ts'
import { ControlClient } from '../changes/control-client.ts'
import { pin, serverCore } from '../cores.ts'
import { startLoad, type LoadProcess } from '../load-process.ts'
import { connectionsMax } from '../peers/peer.ts'
import { quantile } from '../report.ts'
import { inRounds } from '../rounds.ts'
import type { Bench, Sample, Scenario } from '../scenario.ts'

const clients = 64
const smallSize = 100
const locationsEach = 10
const addsPerSample = 500
/** As long as all adds of a sample together may take. */
const longWindowMs = 600_000

export const costOfChangeHttp: Scenario = {
  name: 'cost-of-change-http',
  title: `A location more among HTTP servers of ${locationsEach} locations, under ${clients} clients`,
  peers: ['trijet'],
  metrics: [
    { key: 'smallP50Ms', label: `add among ${smallSize} servers, p50 ms`, digits: 2 },
    { key: 'smallP99Ms', label: `among ${smallSize}, p99`, digits: 2 },
    { key: 'largeP50Ms', label: 'among all, p50 ms', digits: 2 },
    { key: 'largeP99Ms', label: 'among all, p99', digits: 2 },
    { key: 'growthP50', label: 'growth p50', digits: 2, bound: { atMost: 1.5 } },
    { key: 'growthP99', label: 'growth p99', digits: 2, bound: { atMost: 1.5 } },
    { key: 'firstMs', label: 'first add among all, ms', digits: 1 },
    { key: 'singleUs', label: 'CPU µs/request, 1 server', digits: 2 },
    { key: 'largeUs', label: 'all servers', digits: 2 },
    { key: 'lookUp', label: 'ratio', digits: 2, bound: { atMost: 1.25 } },
    { key: 'failed', label: 'failed requests', digits: 0, bound: { atMost: 0 } },
  ],
  run: (bench) => inRounds(bench, costOfChangeHttp, () => measure(bench)),
}

async function measure(bench: Bench): Promise<Sample> {
  const single = await measureSize(bench, 1)
  const small = await measureSize(bench, smallSize)
  const large = await measureSize(bench, bench.servers)
  return {
    smallP50Ms: quantile(small.adds, 0.5),
    smallP99Ms: quantile(small.adds, 0.99),
    largeP50Ms: quantile(large.adds, 0.5),
    largeP99Ms: quantile(large.adds, 0.99),
    growthP50: quantile(large.adds, 0.5) / quantile(small.adds, 0.5),
    growthP99: quantile(large.adds, 0.99) / quantile(small.adds, 0.99),
    firstMs: large.firstMs,
    singleUs: single.requestUs,
    largeUs: large.requestUs,
    lookUp: large.requestUs / single.requestUs,
    failed: single.failed + small.failed + large.failed,
  }
}

interface Figures {
  readonly requestUs: number
  readonly firstMs: number
  readonly adds: readonly number[]
  readonly failed: number
}

async function measureSize(bench: Bench, servers: number): Promise<Figures> {
  const owner = new Scope()
  try {
    const engine = await startEngine(owner, servers)
    const quiet = await engine.load(bench.warmUpMs, bench.windowMs)
    const { requests, cpuSeconds, errors } = await quiet.result()
    const load = await engine.load(0, longWindowMs)
    await delay(bench.warmUpMs)
    const [firstMs = 0, ...adds] = await timeAdds(engine)
    load.stop()
    const failed = errors + (await load.result()).errors
    return { requestUs: (cpuSeconds * 1e6) / requests, firstMs, adds, failed }
  } finally {
    await owner.close()
  }
}

/** Adds to one server after the other, far from each other in the file. */
async function timeAdds(engine: Engine): Promise<readonly number[]> {
  const latencies: number[] = []
  for (let number = 0; number <= addsPerSample; number++) {
    const began = performance.now()
    await engine.add(number)
    latencies.push(performance.now() - began)
  }
  return latencies
}

interface Engine {
  add(number: number): Promise<void>
  load(warmUpMs: number, windowMs: number): Promise<LoadProcess>
}

async function startEngine(owner: Owner, servers: number): Promise<Engine> {
  const [port, controlPort] = (await freePorts(2)) as [number, number]
  const engine = await startTrijet(owner, {
    conf: mainConf(port, servers),
    files: { 'conf/mqtt.conf': '', 'conf/ctrl.conf': controlConf(controlPort) },
    ports: [port, controlPort],
    deadlineMs: 120_000,
  })
  const workers = engine.children('worker process').map(({ pid }) => pid)
  await pin(workers, serverCore)
  const control = new ControlClient(owner, controlPort)
  return {
    add: (number) => {
      // A step that has no divisor in common with round numbers.
      const server_name = `s${(number * 7_919) % servers}.test`
      const location = { location_name: `/added/${number}`, location_body: 'return 200 new;' }
      const place = { addr_port: `127.0.0.1:${port}`, server_name }
      return control.change('POST', '/api/v1/dyn_loc', {
        type: 'add',
        ...place,
        locations: [location],
      })
    },
    load: (warmUpMs, windowMs) =>
      startLoad(owner, {
        kind: 'http',
        port,
        backendPort: 0,
        connections: clients,
        messageBytes: 2,
        hosts: servers,
        warmUpMs,
        windowMs,
        pids: workers,
      }),
  }
}

function mainConf(port: number, servers: number): string {
  const locations = Array.from(
    { length: locationsEach - 1 },
    (_, i) => `location /l${i}/ { return 200 "${i}"; }`,
  ).join(' ')
  const server = (_: unknown, i: number): string =>
    `server { listen 127.0.0.1:${port}; server_name s${i}.test; location / { return 200 ok; } ${locations} }`
  return [
    'helper broker modules/njt_helper_broker_module.so conf/mqtt.conf;',
    'helper ctrl modules/njt_helper_ctrl_module.so conf/ctrl.conf;',
    'load_module modules/njt_http_location_module.so;',
    'worker_processes 1;',
    'pid logs/trijet.pid;',
    'error_log logs/error.log warn;',
    `events { worker_connections ${connectionsMax}; }`,
    'http {',
    'access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;',
    ...Array.from({ length: servers }, server),
    '}',
    '',
  ].join('\n')
}

function controlConf(port: number): string {
  return [
    'load_module modules/njt_http_sendmsg_module.so;',
    'load_module modules/njt_http_location_api_module.so;',
    'error_log logs/error_ctrl.log warn;',
    'events { worker_connections 1024; }',
    'http {',
    'dyn_sendmsg_rpc_timeout 30s;',
    `server { listen 127.0.0.1:${port}; location /api { dyn_module_api; } }`,
    '}',
    '',
  ].join('\n')
}
