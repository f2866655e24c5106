/**
 * Declarative endpoints of HTTP: what each of them does to requests by the time it has answered, and what
 * stays of it over the death of processes, reload, stop and start.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { startHttpBackend } from '../support/http-backend.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { isAlive } from '../support/process-tree.ts'
import { seededRandom } from '../support/random.ts'
import { type Owner, Scope } from '../support/scope.ts'
import { until } from '../support/wait.ts'
import {
  type Control,
  type ControlOptions,
  host,
  mainConf,
  pageFor,
  type Reply,
  startControl,
  success,
} from './support.ts'

const patient = { timeout: 180_000 }

/** Clients at the same time, so that both workers answer some. */
const crowd = 16

type Fields = Readonly<Record<string, unknown>>

function data(code: number, ...faults: readonly string[]): Reply {
  const msg = code === 1 ? 'partial success.' : 'update dyn conf error.'
  return { ...success, text: JSON.stringify({ data: faults, code, msg }) }
}

/** The server "site" on a port, and the documents that are about it. */
class Site {
  readonly control: Control
  readonly port: number
  readonly #owner: Owner

  constructor(owner: Owner, control: Control, port: number) {
    this.#owner = owner
    this.control = control
    this.port = port
  }

  put(key: string, document: unknown, query = ''): Promise<Reply> {
    return this.control.ask(this.#owner, 'PUT', `/api/v1/config/${key}${query}`, document)
  }

  get(key: string): Promise<Fields> {
    return this.control.get<Fields>(this.#owner, `/api/v1/config/${key}`)
  }

  /** A document about locations of the server. */
  at(...locations: readonly Fields[]): { readonly servers: readonly Fields[] } {
    const listens = [`${host}:${this.port}`]
    return { servers: [{ listens, serverNames: ['site'], locations }] }
  }

  /** Sets fields of one location, which must succeed. */
  async set(key: string, location: string, fields: Fields): Promise<void> {
    assert.deepEqual(await this.put(key, this.at({ location, ...fields })), success)
  }

  /** What a dump says of a location. */
  async fieldsOf(key: string, name: string): Promise<Fields> {
    const { servers } = (await this.get(key)) as { servers: { locations: Fields[] }[] }
    const { location: _, ...fields } = servers[0]!.locations.find(
      ({ location }) => location === name,
    )!
    return fields
  }

  async text(path: string): Promise<string> {
    return (await pageFor(this.#owner, this.port, path, 'site')).body.toString()
  }

  async header(path: string, name: string): Promise<string | undefined> {
    return (await pageFor(this.#owner, this.port, path, 'site')).header(name)
  }

  /** Statuses that many clients at once are answered with, each once. */
  async statuses(path: string, ...curl: readonly string[]): Promise<readonly string[]> {
    const url = `http://${host}:${this.port}${path}`
    const args = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Host: site', ...curl, url]
    const asked = Array.from({ length: crowd }, () => run(['curl', ...args]))
    return [...new Set((await Promise.all(asked)).map(({ stdout }) => stdout))].toSorted()
  }
}

function fault(site: Site, location: string, text: string): string {
  return `servers[${host}:${site.port},site].locations[${location}]${text}`
}

/** The `http` block of an engine whose server "site" has a location for each thing that is changed. */
function httpBlock(port: number, backend: string): string {
  return `http {
    dyn_kv_conf conf/iot-work.conf;
    opentelemetry_config otel.toml;
    vhost_traffic_status_zone;
    log_format line "$uri";
    map $arg_k $mapped { default none; a one; }
    split_clients $arg_s $half { 100% left; * right; }
    split_clients_2 $colour { 100% blue; * green; }
    limit_conn_zone $server_name zone=conns:64k;
    limit_req_zone $arg_u zone=reqs:64k rate=1r/m;
    server { listen ${host}:${port}; server_name site;
      location / { return 200 "$mapped $half $colour"; }
      location /pass { proxy_pass http://${backend}; }
      location /header { add_header X-One 1; return 200; }
      location /log { access_log logs/first.log line; stub_status; }
      location /who { stub_status; }
      location /auth { stub_status; }
      location /fault { stub_status; location /fault/inner { stub_status; } }
      location /limit { stub_status; }
      location /trace { return 200 "[$opentelemetry_trace_id]"; }
      location /count { return 200 "$vts_request_counter"; }
    }
  }`
}

function optionsOf(port: number, backend: string): ControlOptions {
  return {
    workers: 2,
    files: {
      'conf/iot-work.conf': '',
      'conf/otel.toml': '[exporters.otlp]\nhost = "127.0.0.1"\nport = 1\n',
      'conf/users': 'fay:{PLAIN}file\n',
    },
    blocks: httpBlock(port, backend),
    stream: '',
  }
}

describe('declarative keys of http', patient, () => {
  const scope = new Scope()
  let site: Site
  let backend: string

  before(async () => {
    const port = await freePort()
    backend = await startHttpBackend(scope)
    const control = await startControl(scope, optionsOf(port, backend))
    site = new Site(scope, control, port)
  })

  after(() => scope.close())

  it('http_dyn_header: fields of responses', async () => {
    const headers = [
      { key: 'X-Two', value: 'two $uri', always: 0 },
      { key: 'X-Three', value: '3', always: 1 },
    ]
    await site.set('http_dyn_header', '/header', { headers })
    assert.equal(await site.header('/header', 'x-two'), 'two /header')
    assert.equal(await site.header('/header', 'x-one'), undefined)
    assert.deepEqual(await site.fieldsOf('http_dyn_header', '/header'), { headers })
    const unknown = [{ key: 'X', value: '$nowhere' }]
    assert.deepEqual(
      await site.put(
        'http_dyn_header',
        site.at({ location: '/header', headers: unknown }, { location: '/', headers }),
      ),
      data(1, fault(site, '/header', ' header contains undefined variables $nowhere')),
    )
    assert.equal(await site.header('/', 'x-three'), '3')
    assert.equal(await site.header('/header', 'x-two'), 'two /header')
    await site.set('http_dyn_header', '/header', { headers: [] })
    assert.equal(await site.header('/header', 'x-two'), undefined)
  })

  it('proxy_pass: other targets', async () => {
    const second = await startHttpBackend(scope)
    assert.equal(await site.text('/pass/x'), 'backend /pass/x')
    await site.set('proxy_pass', '/pass', { proxy_pass: `http://${second}/other` })
    assert.equal(await site.text('/pass/x'), 'backend /other/x')
    assert.deepEqual(
      await site.put('proxy_pass', site.at({ location: '/', proxy_pass: 'http://x' })),
      data(4, fault(site, '/', ' has no proxy_pass')),
    )
    const { text } = await site.put('proxy_pass', site.at({ location: '/pass', proxy_pass: 'x' }))
    assert.match(text, /locations\[\/pass\] invalid URL prefix/)
    assert.equal(await site.text('/pass/x'), 'backend /other/x')
  })

  it('http_dyn_bwlist: who may ask', async () => {
    const rules = [
      { rule: 'allow', addr: '127.0.0.3', mask: '255.255.255.255' },
      { rule: 'deny', addr: '127.0.0.0', mask: '255.0.0.0' },
      { rule: 'allow', addr: '0.0.0.0', mask: '0.0.0.0' },
    ]
    assert.deepEqual(await site.statuses('/who'), ['200'])
    await site.set('http_dyn_bwlist', '/who', { accessIpv4: rules })
    assert.deepEqual(await site.statuses('/who'), ['403'])
    assert.deepEqual(await site.statuses('/who', '--interface', '127.0.0.3'), ['200'])
    assert.deepEqual(await site.fieldsOf('http_dyn_bwlist', '/who'), {
      accessIpv4: rules,
      accessIpv6: [],
    })
    await site.set('http_dyn_bwlist', '/who', { accessIpv4: [] })
    assert.deepEqual(await site.statuses('/who'), ['200'])
  })

  it('http_dyn_auth: names and passwords, of a file and of the store', async () => {
    const add = (name: string, password: string): Promise<Reply> =>
      site.control.ask(scope, 'PUT', '/api/v1/auth_kv/password', {
        prefix: 'staff',
        user_name: name,
        password,
      })
    const as = (user: string): Promise<readonly string[]> => site.statuses('/auth', '-u', user)
    await site.set('http_dyn_auth', '/auth', {
      auth_basic: 'staff only',
      auth_type: 'file',
      auth_param: 'users',
    })
    assert.deepEqual(await as('fay:file'), ['200'])
    assert.deepEqual(await site.statuses('/auth'), ['401'])
    assert.equal((await add('Ann', 'right')).status, 200)
    await site.set('http_dyn_auth', '/auth', { auth_type: 'kv', auth_param: 'staff' })
    await until(async () => (await as('Ann:right')).join() === '200', { what: 'the user' })
    assert.deepEqual(await as('fay:file'), ['401'])
    assert.deepEqual(await as('ann:right'), ['401'])
    await site.set('http_dyn_auth', '/auth', { auth_basic: 'off' })
    assert.deepEqual(await site.statuses('/auth'), ['200'])
  })

  it('http_dyn_fault_inject: faults, where and for whom', async () => {
    const abort = { fault_inject_type: 'abort', status_code: 418 }
    await site.set('http_dyn_fault_inject', '/fault', abort)
    assert.deepEqual(await site.statuses('/fault'), ['418'])
    assert.deepEqual(await site.statuses('/fault/inner'), ['418'])
    const none = { fault_inject_type: 'none' }
    const inner = { location: '/fault/inner', ...none }
    await site.set('http_dyn_fault_inject', '/fault', { locations: [inner] })
    assert.deepEqual(await site.statuses('/fault/inner'), ['200'])
    await site.set('http_dyn_fault_inject', '/fault', { ...abort, header: 'X-Fault:yes' })
    assert.deepEqual(await site.statuses('/fault'), ['200'])
    assert.deepEqual(await site.statuses('/fault', '-H', 'X-Fault: yes'), ['418'])
    const delay = { fault_inject_type: 'delay', delay_duration: '20s', header: '' }
    await site.set('http_dyn_fault_inject', '/fault', delay)
    assert.deepEqual(await site.statuses('/fault', '-m', '0.2'), ['000'])
    await site.set('http_dyn_fault_inject', '/fault', none)
    assert.deepEqual(await site.statuses('/fault'), ['200'])
    assert.deepEqual(
      await site.put(
        'http_dyn_fault_inject',
        site.at({ location: '/fault', ...abort, status_code: 199 }),
      ),
      data(4, fault(site, '/fault', ' status_code should be from 200 to 600')),
    )
  })

  it('http_dyn_limit: requests, connections and rates', async () => {
    const limits = {
      limit_reqs_scope: 'location',
      limit_reqs: [{ zone: 'reqs', burst: 0, delay: '0' }],
      limit_req_status: 429,
    }
    await site.set('http_dyn_limit', '/limit', limits)
    assert.deepEqual(await site.statuses('/limit?u=1'), ['200', '429'])
    assert.deepEqual(await site.statuses('/limit?u=1'), ['429'])
    assert.deepEqual(
      await site.put('http_dyn_limit', {
        limit_rps: [
          { zone: 'reqs', rate: '1000r/s' },
          { zone: 'none', rate: '1r/s' },
        ],
      }),
      data(1, 'limit_rps update rps zone:none is not exist'),
    )
    const { limit_rps } = await site.get('http_dyn_limit')
    assert.deepEqual(limit_rps, [{ zone: 'reqs', rate: '1000r/s' }])
    await site.set('http_dyn_limit', '/limit', { limit_req_dry_run: 'on' })
    assert.deepEqual(await site.statuses('/limit?u=2'), ['200'])
    assert.deepEqual(
      await site.put('http_dyn_limit', site.at({ location: '/who', limit_conns: [] })),
      data(4, fault(site, '/who', ' dyn limit conn is up_share scope, so not update')),
    )
    await site.set('http_dyn_limit', '/who', {
      limit_conns_scope: 'location',
      limit_conns: [{ zone: 'conns', conn: 1 }],
      limit_rate: '1m',
    })
    const { limit_conns, limit_rate } = await site.fieldsOf('http_dyn_limit', '/who')
    assert.deepEqual([limit_conns, limit_rate], [[{ zone: 'conns', conn: 1 }], '1m'])
  })

  it('http_log: other files, other forms, none', async () => {
    const lines = (name: string): string[] =>
      site.control.prefix.read(`logs/${name}.log`).trimEnd().split('\n')
    await site.text('/log/1')
    await until(() => lines('first').includes('/log/1'), { what: 'the first line' })
    const accessLogs = [{ path: 'logs/second.log', formatName: 'longer' }]
    assert.deepEqual(
      await site.put('http_log', {
        ...site.at({ location: '/log', accessLogOn: true, accessLogs }),
        accessLogFormats: [{ name: 'longer', format: '{"m":"$request_method"}', escape: 'json' }],
      }),
      success,
    )
    await site.text('/log/2')
    await until(() => lines('second').includes('{"m":"GET"}'), { what: 'the second file' })
    const missing = [{ path: 'logs/second.log', formatName: 'none' }]
    const { text } = await site.put('http_log', site.at({ location: '/log', accessLogs: missing }))
    assert.match(text, /locations\[\/log\] unknown log format \\"none\\"/)
    await site.set('http_log', '/log', { accessLogOn: false })
    await site.text('/log/3')
    assert.deepEqual(await site.fieldsOf('http_log', '/log'), {
      accessLogOn: false,
      accessLogs: [],
    })
    assert.deepEqual(lines('first'), ['/log/1'])
    assert.deepEqual(lines('second'), ['{"m":"GET"}'])
  })

  it('http_dyn_map, http_split_clients, http_split_clients_2: values of variables', async () => {
    assert.equal(await site.text('/?k=a&s=1'), 'one left blue')
    const values = [
      { valueFrom: 'default', valueTo: 'other' },
      { valueFrom: '~^a(?<rest>.*)$', valueTo: 'a-$rest' },
    ]
    const map = { keyFrom: '$arg_k', keyTo: '$mapped', values }
    assert.deepEqual(await site.put('http_dyn_map', { maps: [map] }), success)
    assert.deepEqual(
      await site.put('http_split_clients', {
        http: { split_clients: { _key: '$half', left: 0, right: 100 } },
      }),
      success,
    )
    assert.deepEqual(
      await site.put('http_split_clients_2', { http: { split_clients_2: { blue: 0, red: 100 } } }),
      success,
    )
    assert.equal(await site.text('/?k=abc&s=1'), 'a-bc right red')
    assert.equal(await site.text('/?k=x'), 'other right red')
    assert.deepEqual(
      await site.put('http_split_clients_2', { http: { split_clients_2: { a: 60, b: 60 } } }),
      data(4, 'split_clients_2 total percentage should be 100'),
    )
    assert.deepEqual(
      await site.put('http_dyn_map', { maps: [{ ...map, keyTo: '$new' }] }),
      data(4, 'keyTo $new not found in conf'),
    )
    const loop = [{ valueFrom: '~(', valueTo: 'x' }]
    const { text } = await site.put('http_dyn_map', { maps: [{ ...map, values: loop }] })
    assert.equal(JSON.parse(text).code, 4, text)
    assert.equal(await site.text('/?k=abc&s=1'), 'a-bc right red')
  })

  it('otel, http_vts: what is traced and what is counted', async () => {
    assert.match(await site.text('/trace'), /^\[[0-9a-f]{32}\]$/)
    await site.set('otel', '/trace', { opentelemetry: false })
    assert.equal(await site.text('/trace'), '[]')
    assert.deepEqual(await site.fieldsOf('otel', '/trace'), { opentelemetry: false })
    await site.set('otel', '/trace', { opentelemetry: true })
    assert.match(await site.text('/trace'), /^\[[0-9a-f]{32}\]$/)

    const seen = async (): Promise<number> => Number(await site.text('/count'))
    const first = await seen()
    assert.equal(await seen(), first + 1)
    await site.set('http_vts', '/count', { vhost_traffic_status: false })
    const uncounted = await seen()
    assert.equal(await seen(), uncounted, 'nothing is counted')
    const filter = { vhost_traffic_status_filter_by_set_key: '$uri paths' }
    assert.deepEqual(await site.put('http_vts', filter), success)
    assert.equal(
      (await site.get('http_vts'))['vhost_traffic_status_filter_by_set_key'],
      '$uri paths',
    )
    const one = { vhost_traffic_status_filter_by_set_key: '$uri' }
    assert.deepEqual(
      await site.put('http_vts', one),
      data(
        4,
        'vhost_traffic_status_filter_by_set_key should have two parameters: a key and its group',
      ),
    )
  })

  it('a dry run says the same and does nothing', async () => {
    const headers = [{ key: 'X-Dry', value: 'run' }]
    const revision = await site.control.revision(scope)
    const document = site.at({ location: '/header', headers }, { location: '/none', headers })
    assert.deepEqual(
      await site.put('http_dyn_header', document, '?dry_run=1'),
      data(1, fault(site, '/none', ' location not found')),
    )
    const unknown = [{ key: 'X', value: '$nowhere' }]
    assert.deepEqual(
      await site.put(
        'http_dyn_header',
        site.at({ location: '/header', headers: unknown }),
        '?dry_run=1',
      ),
      data(4, fault(site, '/header', ' header contains undefined variables $nowhere')),
    )
    assert.equal(await site.header('/header', 'x-dry'), undefined)
    assert.equal(await site.control.revision(scope), revision)
  })

  it('what is refused is made nowhere, and what was made is one revision', async () => {
    const revision = await site.control.revision(scope)
    const headers = [{ key: 'X-Rev', value: 'yes' }]
    const document = site.at({ location: '/header', headers }, { location: '/who', headers })
    assert.deepEqual(await site.put('http_dyn_header', document), success)
    assert.equal(await site.control.revision(scope), revision + 1)
    assert.equal(await site.header('/who', 'x-rev'), 'yes')
    const { status } = await site.control.ask(scope, 'POST', '/api/v2/rollback', { to: revision })
    assert.equal(status, 200)
    assert.equal(await site.header('/who', 'x-rev'), undefined)
  })
})

test('declarations outlive workers, control, reload, stop and start', patient, async (t) => {
  const [port, controlPort] = (await freePorts(2)) as [number, number]
  const backend = await startHttpBackend(t)
  const options = { ...optionsOf(port, backend), controlPort }
  const control = await startControl(t, options)
  const site = new Site(t, control, port)
  await site.set('http_dyn_header', '/header', { headers: [{ key: 'X-Kept', value: 'yes' }] })
  await site.set('proxy_pass', '/pass', { proxy_pass: `http://${backend}/kept` })
  await site.set('http_dyn_fault_inject', '/fault', {
    fault_inject_type: 'abort',
    status_code: 418,
  })
  assert.deepEqual(
    await site.put('http_split_clients_2', { http: { split_clients_2: { kept: 100 } } }),
    success,
  )
  const check = async (what: string): Promise<void> => {
    assert.equal(await site.header('/header', 'x-kept'), 'yes', what)
    assert.equal(await site.text('/pass/x'), 'backend /kept/x', what)
    assert.deepEqual(await site.statuses('/fault'), ['418'], what)
    assert.equal(await site.text('/?s=1'), 'none left kept', what)
  }
  await check('set')
  for (const { pid } of control.engine.children('worker')) {
    process.kill(pid, 'SIGKILL')
    await until(() => !isAlive(pid), { what: 'the end of a worker' })
    await until(() => control.engine.children('worker').length === 2, { what: 'another worker' })
    await until(() => site.text('/').then(Boolean, () => false), { what: 'an answer' })
    await check('after the death of a worker')
  }
  await control.kill('ctrl')
  await control.waitForControl(t)
  await check('after the death of control')
  assert.deepEqual(await site.fieldsOf('http_dyn_header', '/header'), {
    headers: [{ key: 'X-Kept', value: 'yes', always: 0 }],
  })

  const changed = mainConf(options).replace('return 200 "$mapped', 'return 200 "new $mapped')
  control.prefix.write('conf/trijet.conf', changed)
  control.engine.signal('SIGHUP')
  await until(async () => (await site.text('/?s=1')) === 'new none left kept', { what: 'reload' })
  assert.equal(await site.header('/header', 'x-kept'), 'yes')
  assert.equal(await site.text('/pass/x'), 'backend /kept/x')
  // What the files have no room for waits until they have it again.
  control.prefix.write('conf/trijet.conf', changed.replaceAll('/header', '/elsewhere'))
  control.engine.signal('SIGHUP')
  await until(async () => (await site.header('/elsewhere', 'x-one')) === '1', { what: 'reload' })
  control.prefix.write('conf/trijet.conf', mainConf(options))
  control.engine.signal('SIGHUP')
  await until(async () => (await site.text('/?s=1')) === 'none left kept', { what: 'reload' })
  await check('after reload')

  await control.engine.stop()
  const again = await startControl(t, { ...options, prefix: control.prefix })
  const restarted = new Site(t, again, port)
  assert.equal(await restarted.header('/header', 'x-kept'), 'yes')
  assert.equal(await restarted.text('/pass/x'), 'backend /kept/x')
  await restarted.set('http_dyn_fault_inject', '/fault', { fault_inject_type: 'none' })
  assert.deepEqual(await restarted.statuses('/fault'), ['200'])
})

test('what was acknowledged is there, whoever dies meanwhile', patient, async (t) => {
  const random = seededRandom(t)
  const port = await freePort()
  const options = optionsOf(port, await startHttpBackend(t))
  const controlHttp = 'dyn_sendmsg_rpc_timeout 20s;'
  const site = new Site(t, await startControl(t, { ...options, controlHttp }), port)
  const { control } = site
  const documentOf = (round: string): unknown => {
    const headers = [{ key: 'X-Round', value: round }]
    return site.at({ location: '/header', headers }, { location: '/who', headers })
  }
  let last: string | undefined
  for (let round = 1; round <= 8; round += 1) {
    const wanted = String(round)
    const answer = site.put('http_dyn_header', documentOf(wanted)).catch(() => undefined)
    const victim = await control.engine.child(random.pick(['worker', 'worker', 'ctrl', 'mqtt']))
    const turns = random.integer(0, 40)
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
    process.kill(victim.pid, 'SIGKILL')
    const acknowledged = isDeepStrictEqual(await answer, success)
    await until(() => !isAlive(victim.pid), { what: 'its end' })
    await control.waitForControl(t)
    // Changes are made one after the other: once this one is answered, nothing is under way.
    assert.deepEqual(await site.put('http_dyn_header', documentOf('dry'), '?dry_run=1'), success)
    const [first, second] = await Promise.all(
      ['/header', '/who'].map((path) => site.header(path, 'x-round')),
    )
    assert.equal(first, second, 'wholly there or wholly not')
    assert(first === wanted || (!acknowledged && first === last), `${first} in round ${round}`)
    last = first
  }
})
