/**
 * `/api/v1/dyn_ups` and `/api/v1/dyn_stream_ups`: what their replies are, and what groups are to those that
 * refer to them.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it, test } from 'node:test'
import { type Backend, startTcpBackend } from '../support/echo-servers.ts'
import { startHttpBackend } from '../support/http-backend.ts'
import { freePorts } from '../support/ports.ts'
import { Scope } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import {
  bad,
  type Control,
  host,
  mainConf,
  pageFor,
  refused,
  type Reply,
  startControl,
  success,
  textFor,
} from './support.ts'

const patient = { timeout: 120_000 }

/** Connections at the same time, so that both workers answer some. */
const crowd = 20

const http = '/api/v1/dyn_ups'
const stream = '/api/v1/dyn_stream_ups'

describe('upstream groups that come and go', patient, () => {
  const scope = new Scope()
  let control: Control
  let backend: string
  let echo: Backend
  let port: number
  let streamPort: number
  let place: { readonly addr_port: string; readonly server_name: string }

  before(async () => {
    ;[port, streamPort] = (await freePorts(2)) as [number, number]
    backend = await startHttpBackend(scope)
    echo = await startTcpBackend(scope)
    place = { addr_port: `${host}:${port}`, server_name: 'pages' }
    control = await startControl(scope, {
      workers: 2,
      blocks: `http {
        upstream fixed { zone fixed 64k; server ${backend}; }
        server {
          listen ${host}:${port};
          server_name pages;
          location / { return 200 "default"; }
          location /group/ { proxy_pass http://$arg_group/; }
        }
      }`,
      stream: `
        map $remote_addr $mesh_server_name { default chosen; }
        server { listen ${host}:${streamPort}; return "default"; }`,
    })
  })

  after(() => scope.close())

  const ask = (method: string, body: unknown, path = http): Promise<Reply> =>
    control.ask(scope, method, path, body)

  const group = (upstream_name: string, server = backend): Record<string, string> => ({
    type: 'add',
    upstream_name,
    upstream_body: `zone ${upstream_name} 64k; server ${server};`,
  })

  const del = (upstream_name: string, path = http): Promise<Reply> =>
    ask('PUT', { type: 'del', upstream_name }, path)

  /** What many clients at once are told. */
  async function texts(path: string): Promise<ReadonlySet<string>> {
    const pages = Array.from({ length: crowd }, () => pageFor(scope, port, path))
    return new Set((await Promise.all(pages)).map(({ body }) => body.toString()))
  }

  it('serve whoever refers to them, in every worker, and do not go before', async () => {
    const location = { location_name: '/shop/', proxy_pass: 'http://Shop/' }
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(await ask('POST', group('shop')), success)
      assert.deepEqual(await control.addLocations(scope, place, location), success)
      assert.deepEqual(await texts('/shop/a'), new Set(['backend /a']))
      const using = refused(4, 'fail:upstream [shop] is using!')
      assert.deepEqual(await del('shop'), using)
      assert.deepEqual(await del('shop', `${http}?dry_run=1`), using)
      assert.deepEqual(await texts('/shop/a'), new Set(['backend /a']), 'and it is as it was')
      assert.deepEqual(await control.delLocation(scope, place, location), success)
      assert.deepEqual(await del('shop'), success)
      const { text } = await control.addLocations(scope, place, {
        ...location,
        proxy_pass: 'http://shop.invalid/',
      })
      assert.match(text, /host not found in upstream \\"shop\.invalid\\"/)
    }
  })

  it('are referred to by servers of the files, which keeps them too', async () => {
    const refusal = await del('fixed')
    assert.deepEqual(refusal, refused(5, 'fail:upstream [fixed] is static!'))
    assert.deepEqual(await ask('POST', group('by_server')), success)
    const server = { addr_port: place.addr_port, server_name: 'own' }
    assert.deepEqual(await control.addHttp(scope, server), success)
    const location = { location_name: '/', proxy_pass: 'http://by_server' }
    assert.deepEqual(await control.addLocations(scope, server, location), success)
    assert.deepEqual(await del('by_server'), refused(4, 'fail:upstream [by_server] is using!'))
    assert.deepEqual(await control.delHttp(scope, server), success)
    assert.deepEqual(await del('by_server'), success)
  })

  it('are found by targets that are known only with the request', async () => {
    const path = '/group/x?group=late'
    assert.equal((await pageFor(scope, port, path)).status, 502)
    assert.deepEqual(await ask('POST', group('late')), success)
    assert.deepEqual(await texts(path), new Set(['backend /']))
    assert.deepEqual(await del('late'), success)
    assert.equal((await pageFor(scope, port, path)).status, 502)
  })

  it('serve stream servers', async () => {
    assert.deepEqual(await ask('POST', group('chat', echo.address), stream), success)
    const server = {
      addr_port: `${host}:${streamPort}`,
      server_name: 'chosen',
      server_body: 'proxy_pass chat;',
    }
    assert.deepEqual(await control.add(scope, server), success)
    const client = await connectTcp(scope, { host, port: streamPort })
    await client.send('echo')
    assert.equal((await client.read(4)).toString(), 'echo')
    client.close()
    assert.deepEqual(await del('chat', stream), refused(4, 'fail:upstream [chat] is using!'))
    assert.deepEqual(await control.del(scope, server), success)
    assert.deepEqual(await del('chat', stream), success)
    assert.equal(await textFor(scope, streamPort), 'default')
  })

  it('are refused in the words of nginx, and then nothing has changed', async () => {
    const file = `${control.prefix.path}/logs/trijet_0_add_upstream.txt`
    const cases: readonly (readonly [string, string])[] = [
      ['zone z 64k; nonsense;', `unknown directive "nonsense" in ${file}:2`],
      ['zone z 64k;\nserver;', `invalid number of arguments in "server" directive in ${file}:3`],
      ['zone z 64k;\nlisten 80;', `"listen" directive is not allowed here in ${file}:3`],
      ['zone z 1k; server 127.0.0.1;', `zone "z" is too small in ${file}:2`],
      ['zone z 64k; server 127.0.0.1 wait=1;', `invalid parameter "wait=1" in ${file}:2`],
      [
        'zone z 64k; server nowhere.invalid;',
        `host not found in upstream "nowhere.invalid" in ${file}:1`,
      ],
      ['server 127.0.0.1;', 'dyn upstream requires zone directive!'],
      ['zone fixed 64k; server 127.0.0.1;', 'upstream zone name exist!'],
    ]
    const revision = await control.revision(scope)
    for (const [upstream_body, message] of cases) {
      const reply = await ask('POST', { type: 'add', upstream_name: 'x', upstream_body })
      assert.deepEqual(reply, refused(4, message), upstream_body)
    }
    assert.deepEqual(await ask('POST', group('FIXED')), refused(5, 'error:upstream[FIXED] exist!'))
    assert.deepEqual(await del('x'), refused(4, 'error:no find upstream [x]!'))
    assert.deepEqual(await ask('PUT', group('x')), bad('no support method when add upstream!'))
    assert.equal(await control.revision(scope), revision)
  })

  it('answer a dry run, and are listed with what they are like', async () => {
    assert.deepEqual(await ask('POST', group('dry'), `${http}?dry_run=1`), success)
    assert.deepEqual(await control.get(scope, http), { upstreams: [] })
    assert.deepEqual(await ask('POST', group('seen')), success)
    type Seen = { readonly name: string; readonly is_static: boolean }
    const seen = await control.get<readonly Seen[]>(scope, '/api/v1/config/dyn_upstream')
    assert.deepEqual(
      seen.map(({ name, is_static }) => [name, is_static]),
      [
        ['fixed', true],
        ['seen', false],
      ],
    )
    assert.deepEqual(await del('seen'), success)
    assert.deepEqual(await control.get(scope, '/api/v1/config/dyn_stream_upstream'), [])
  })

  it('leave nothing behind', () => {
    assert.equal(control.engine.children('worker process').length, 2)
    assert.doesNotMatch(control.engine.errorLog, /\[(?:alert|emerg|crit)\]/)
  })
})

test(
  'groups and those that refer to them outlive kills, reload, stop and start',
  patient,
  async (t) => {
    const backend = await startHttpBackend(t)
    const [port, controlPort] = (await freePorts(2)) as [number, number]
    const options = (more = '') => ({
      workers: 2,
      blocks: `http { ${more} server { listen ${host}:${port}; server_name fixed; return 200 x; } }`,
      stream: '',
      controlPort,
    })
    const control = await startControl(t, options())
    const add = {
      type: 'add',
      upstream_name: 'shop',
      upstream_body: `zone s 64k; server ${backend}`,
    }
    assert.deepEqual(await control.ask(t, 'POST', http, add), success)
    const place = { addr_port: `${host}:${port}`, server_name: 'shop' }
    assert.deepEqual(await control.addHttp(t, place), success)
    const location = { location_name: '/', proxy_pass: 'http://shop' }
    assert.deepEqual(await control.addLocations(t, place, location), success)
    const verify = async (what: string): Promise<void> => {
      const pages = await Promise.all(
        Array.from({ length: crowd }, () => pageFor(t, port, '/x', 'shop')),
      )
      const seen = new Set(pages.map(({ body }) => body.toString()))
      assert.deepEqual(seen, new Set(['backend /x']), what)
    }
    await verify('at once')
    for (const victim of ['worker process', 'ctrl']) {
      await control.kill(victim)
      await until(() => control.engine.children('worker process').length === 2, {
        what: 'a worker',
      })
      await verify(`after the end of ${victim}`)
    }
    await control.waitForControl(t)
    const same = `upstream shop { server ${backend}; }`
    assert.equal(await control.engine.reload(mainConf(options(same))), true)
    await verify('with the group of the files')
    assert.equal(await control.engine.reload(mainConf(options())), true)
    await verify('with its own group again')
    await control.engine.stop()
    const again = await startControl(t, { ...options(), prefix: control.prefix })
    await verify('after a restart')
    const del = { type: 'del', upstream_name: 'shop' }
    assert.deepEqual(
      await again.ask(t, 'PUT', http, del),
      refused(4, 'fail:upstream [shop] is using!'),
    )
    assert.deepEqual(await again.delHttp(t, place), success)
    assert.deepEqual(await again.ask(t, 'PUT', http, del), success)
  },
)
