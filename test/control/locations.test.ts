/**
 * `/api/v1/dyn_loc`: what its replies are, and what locations do to requests by the time they are answered.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, it, test } from 'node:test'
import { startHttpBackend } from '../support/http-backend.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Scope } from '../support/scope.ts'
import { connectTcp, type TcpClient } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import {
  type Control,
  host,
  type LocationFields,
  mainConf,
  pageFor,
  refused,
  type Reply,
  type ServerPlace,
  startControl,
  success,
} from './support.ts'

const patient = { timeout: 120_000 }

/** Connections at the same time, so that both workers answer some. */
const crowd = 20

/** One request on a connection that stays; resolves with the body. */
async function keepAlive(client: TcpClient, path: string): Promise<string> {
  await client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  let head = ''
  while (!head.endsWith('\r\n\r\n')) head += (await client.read(1)).toString('latin1')
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
  return (await client.read(length)).toString()
}

describe('locations that come and go', patient, () => {
  const scope = new Scope()
  let control: Control
  let backend: string
  let place: ServerPlace
  let port: number

  before(async () => {
    port = await freePort()
    backend = await startHttpBackend(scope)
    place = { addr_port: `${host}:${port}`, server_name: 'pages' }
    control = await startControl(scope, {
      workers: 2,
      blocks: `http {
        server { listen ${host}:${port}; server_name pages; location / { return 200 "default"; } }
        server { listen ${host}:${port}; server_name other; location / { return 200 "other"; } }
      }`,
      stream: '',
    })
  })

  after(() => scope.close())

  const add = async (...locations: readonly LocationFields[]): Promise<void> =>
    assert.deepEqual(await control.addLocations(scope, place, ...locations), success)

  const del = async (location_name: string, location_rule?: string): Promise<void> => {
    const location = { location_name, ...(location_rule !== undefined && { location_rule }) }
    assert.deepEqual(await control.delLocation(scope, place, location), success)
  }

  /** What many clients at once are told. */
  async function texts(path: string, name?: string): Promise<ReadonlySet<string>> {
    const pages = Array.from({ length: crowd }, () => pageFor(scope, port, path, name))
    return new Set((await Promise.all(pages)).map(({ body }) => body.toString()))
  }

  it('are in every worker when the request is answered, and in their server only', async () => {
    for (let round = 0; round < 5; round++) {
      await add({ location_name: '/round', location_body: `return 200 "round ${round}"` })
      assert.deepEqual(await texts('/round/x'), new Set([`round ${round}`]))
      assert.deepEqual(await texts('/round/x', 'other'), new Set(['other']))
      await del('/round')
      assert.deepEqual(await texts('/round/x'), new Set(['default']))
    }
  })

  it('may be conditions, which come first', async () => {
    const both = '( $arg_v = 2 && $uri !~ ^/(kept|lost) )'
    await add(
      { location_name: both, location_body: 'return 200 "both"' },
      { location_name: '($arg_v = 2)', location_body: 'return 200 "one"' },
      { location_rule: '=', location_name: '/exact', location_body: 'return 200 "exact"' },
    )
    assert.deepEqual(await texts('/exact?v=2'), new Set(['both']))
    assert.deepEqual(await texts('/kept?v=2'), new Set(['one']))
    assert.deepEqual(await texts('/exact?v=3'), new Set(['exact']))
    // The same condition in other words.
    await del('($arg_v = "2" && ($uri !~ ^/(kept|lost)))')
    assert.deepEqual(await texts('/exact?v=2'), new Set(['one']))
    await del('($arg_v = 2)')
    await del('/exact', '=')
    assert.deepEqual(await texts('/exact?v=2'), new Set(['default']))
  })

  it('come back where they stood, when a change is taken back', async () => {
    const asked = async (expected: string): Promise<void> =>
      assert.deepEqual(await texts('/row/x'), new Set([expected]))
    const rollBack = async (to: number): Promise<void> =>
      assert.deepEqual(await control.ask(scope, 'POST', '/api/v2/rollback', { to }), success)
    const row = (name: string): LocationFields => ({
      location_rule: '~',
      location_name: name,
      location_body: `return 200 "${name}"`,
    })
    await add(row('^/row'))
    await add(row('^/row/'), row('/x'))
    const through = (op: string, path: string, value?: string): Promise<Reply> =>
      control.ask(scope, 'PATCH', '/api/v2/config', [{ op, path: `${server}${path}`, value }])
    const server = `/http/server[${host}:${port} pages]`
    const last = 'location ~ ^/row/. { return 200 last; }'
    assert.equal((await through('add', '', last)).status, 200)
    const both = await control.revision(scope)
    await asked('^/row')
    await del('^/row', '~')
    await asked('^/row/')
    await rollBack(both)
    await asked('^/row')
    await del('^/row/', '~')
    await rollBack(both)
    await del('^/row', '~')
    await asked('^/row/')
    await rollBack(both)
    await asked('^/row')
    for (const name of ['^/row', '^/row/', '/x']) await del(name, '~')
    await asked('last')
    assert.equal((await through('remove', '/location[~ ^/row/.]')).status, 200)
    await asked('default')
    await rollBack(both)
    await asked('^/row')
    await rollBack(both - 3)
    await asked('default')
  })

  it('follow the rules of their kinds', async () => {
    const text = (word: string): string => `return 200 "${word}";`
    await add(
      { location_rule: '~', location_name: '\\.PHP$', location_body: text('letters') },
      { location_rule: '~*', location_name: '\\.php$', location_body: text('any letters') },
      { location_rule: '^~', location_name: '/kept', location_body: text('kept') },
      { location_rule: '=', location_name: '/exact', location_body: text('exact') },
      {
        location_name: '/outer',
        location_body: text('outer'),
        locations: [{ location_name: '/outer/inner', location_body: text('inner') }],
      },
    )
    const expected = {
      '/a.PHP': 'letters',
      '/a.php': 'any letters',
      '/kept/a.php': 'kept',
      '/exact': 'exact',
      '/exact/': 'default',
      '/outer/x': 'outer',
      '/outer/inner/x': 'inner',
    }
    for (const [path, word] of Object.entries(expected)) {
      assert.deepEqual(await texts(path), new Set([word]), path)
    }
    const all = await control.locations(scope)
    assert.equal(all.length, 5)
    for (const { location_rule, location_name } of all) await del(location_name, location_rule)
    for (const path of Object.keys(expected)) {
      assert.deepEqual(await texts(path), new Set(['default']), path)
    }
  })

  it('pass requests on', async () => {
    await add({ location_name: '/api/', proxy_pass: `http://${backend}/v1/` })
    assert.deepEqual(await texts('/api/x?y=1'), new Set(['backend /v1/x?y=1']))
    await del('/api/')
  })

  it('leave connections and requests alone that are under way', async () => {
    const slow = createServer((_, response) => {
      response.write('begun ')
      response.once('close', () => slow.close())
      slow.once('go on', () => response.end('ended'))
    })
    slow.listen(0, host)
    await once(slow, 'listening')
    const { port: slowPort } = slow.address() as AddressInfo
    await add({ location_name: '/slow', proxy_pass: `http://${host}:${slowPort}` })
    const idle = await connectTcp(scope, { host, port })
    assert.equal(await keepAlive(idle, '/new'), 'default')
    const busy = await connectTcp(scope, { host, port })
    await busy.send(`GET /slow HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    let begun = ''
    while (!begun.includes('begun')) begun += (await busy.read(1)).toString()
    await del('/slow')
    await add({ location_name: '/new', location_body: 'return 200 "new";' })
    assert.equal(await keepAlive(idle, '/new'), 'new', 'the connection sees it')
    assert.equal(await keepAlive(idle, '/slow'), 'default')
    slow.emit('go on')
    assert.match((await busy.readAll()).toString(), /ended/)
    await del('/new')
    for (const client of [idle, busy]) client.close()
  })

  it('are refused by the workers in the words of nginx, and then nothing has changed', async () => {
    const file = `${control.prefix.path}/logs/trijet_0_add_location.txt`
    const cases: readonly (readonly [Omit<LocationFields, 'location_name'>, string])[] = [
      [{ location_body: 'nonsense on;' }, `unknown directive "nonsense" in ${file}:2`],
      [
        { location_body: 'expires 1h;\nlisten 80;' },
        `"listen" directive is not allowed here in ${file}:3`,
      ],
      [
        { location_body: 'return;' },
        `invalid number of arguments in "return" directive in ${file}:2`,
      ],
      [{ proxy_pass: 'backend' }, `invalid URL prefix in ${file}:3`],
      [
        { locations: [{ location_name: '/y' }] },
        `location "/y" is outside location "/x" in ${file}:1`,
      ],
    ]
    const revision = await control.revision(scope)
    for (const [fields, message] of cases) {
      const reply = await control.addLocations(scope, place, { location_name: '/x', ...fields })
      assert.deepEqual(reply, refused(4, message), JSON.stringify(fields))
    }
    const expression = { location_rule: '~', location_name: '"("' }
    const { code, msg } = JSON.parse((await control.addLocations(scope, place, expression)).text)
    assert.equal(code, 4)
    assert.match(msg, /in .*add_location\.txt:1$/)
    assert.equal(await control.revision(scope), revision)
    assert.deepEqual(await control.locations(scope), [])
  })

  it('answers a dry run, and a method that is not there', async () => {
    const body = { type: 'add', ...place, locations: [{ location_name: '/x' }] }
    const ask = (method: string, path: string): Promise<Reply> =>
      control.ask(scope, method, path, body)
    assert.deepEqual(await ask('POST', '/api/v1/dyn_loc?dry_run=1'), success)
    assert.deepEqual(await control.locations(scope), [])
    assert.equal((await ask('DELETE', '/api/v1/dyn_loc')).status, 404)
    assert.equal((await ask('POST', '/api/v1/dyn_loc/x')).status, 404)
  })
})

test('locations outlive reload, stop and start; what has no room waits', patient, async (t) => {
  const [port, controlPort] = (await freePorts(2)) as [number, number]
  const options = (more = '', name = 'pages') => ({
    blocks: `http {
      server { listen ${host}:${port}; server_name ${name}; location / { return 200 "default"; } ${more} }
    }`,
    stream: '',
    controlPort,
  })
  const control = await startControl(t, options())
  const place = { addr_port: `${host}:${port}`, server_name: 'pages' }
  const text = async (path: string): Promise<string> =>
    (await pageFor(t, port, path)).body.toString()
  for (const location_name of ['/a', '/b']) {
    const location_body = `return 200 "dynamic ${location_name}";`
    assert.deepEqual(
      await control.addLocations(t, place, { location_name, location_body }),
      success,
    )
  }
  const reload = async (conf: string, seen: () => Promise<boolean>): Promise<void> => {
    control.prefix.write('conf/trijet.conf', conf)
    control.engine.signal('SIGHUP')
    await until(seen, { what: 'the reloaded configuration' })
  }
  const fileLocation = 'location /a { return 200 "file"; }'
  await reload(mainConf(options(fileLocation)), async () => (await text('/a')) === 'file')
  assert.equal(await text('/b'), 'dynamic /b')
  await reload(mainConf(options('', 'elsewhere')), async () => (await text('/b')) === 'default')
  await reload(mainConf(options()), async () => (await text('/a')) === 'dynamic /a')
  assert.equal((await control.locations(t)).length, 2)
  await control.engine.stop()
  const again = await startControl(t, { ...options(), prefix: control.prefix })
  assert.equal(await text('/a'), 'dynamic /a')
  assert.deepEqual(await again.delLocation(t, place, { location_name: '/a' }), success)
  assert.equal(await text('/a'), 'default')
})
