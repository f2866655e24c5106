/**
 * Who may talk to control, what it says of itself, and what it says when the engine is late.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it, test } from 'node:test'
import { configurationFromText } from '../../src/engine/conf/includes.ts'
import { fromJson, toJson } from '../../src/engine/conf/json.ts'
import { curl, type HttpAnswer, parseAnswer } from '../support/http.ts'
import { makeNetnsPair, type Netns } from '../support/netns.ts'
import { freePort } from '../support/ports.ts'
import { Scope } from '../support/scope.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import {
  byClientAddress,
  type Control,
  host,
  refused,
  startControl,
  success,
  textFor,
} from './support.ts'

const patient = { timeout: 120_000 }
const list = '/api/v1/stream_srv'

describe('access to control', patient, () => {
  const scope = new Scope()
  let control: Control
  let port: number

  before(async () => {
    port = await freePort()
    const prefix = makeTempPrefix(scope)
    control = await startControl(scope, {
      prefix,
      stream: `${byClientAddress} server { listen ${host}:${port}; return fixed; }`,
      controlServer: `listen unix:${prefix.file('logs/control.sock')}; server_name control.test;
        location /api { dyn_module_api; } location /doc { doc_api; }`,
    })
  })

  after(() => scope.close())

  function get(path: string, ...options: readonly string[]): Promise<HttpAnswer> {
    return curl(...options, `http://${host}:${control.port}${path}`)
  }

  it('answers programs of this machine, by its addresses and names', async () => {
    for (const name of [
      `${host}:${control.port}`,
      'localhost',
      'LOCALHOST:1',
      'control.test',
      '[::1]',
    ]) {
      const { status } = await get(list, '-H', `Host: ${name}`)
      assert.equal(status, 200, name)
    }
    const socket = control.prefix.file('logs/control.sock')
    const answer = await curl('--unix-socket', socket, `http://anything${list}`)
    assert.equal(answer.status, 200)
  })

  it('keeps out pages of other sites, also under a name that leads here', async () => {
    const own = `http://${host}:${control.port}`
    const cases: readonly (readonly [number, ...string[]])[] = [
      [403, 'Host: evil.test'],
      [403, 'Origin: http://evil.test'],
      [403, 'Origin: null'],
      [403, `Origin: http://${host}:1`],
      [403, 'Sec-Fetch-Site: cross-site'],
      [403, 'Sec-Fetch-Site: same-site'],
      [200, `Origin: ${own}`],
      [200, 'Sec-Fetch-Site: same-origin', `Origin: ${own}`],
      [200, 'Sec-Fetch-Site: none'],
    ]
    for (const [status, ...fields] of cases) {
      for (const path of [list, '/doc/']) {
        const answer = await get(path, ...fields.flatMap((field) => ['-H', field]))
        assert.equal(answer.status, status, fields.join())
        if (status === 403) assert.equal(JSON.parse(answer.body.toString()).code, 403)
      }
    }
    const body = JSON.stringify({
      type: 'add',
      addr_port: `${host}:${port}`,
      server_name: 'evil',
      server_body: '',
    })
    const answer = await get(list, '-H', 'Origin: http://evil.test', '-d', body)
    assert.equal(answer.status, 403)
    assert.deepEqual(await control.servers(scope), [])
  })

  it('documents itself; every operation of the document is there', async () => {
    const page = await get('/doc/')
    assert.equal(page.status, 200)
    assert.match(page.header('content-type') ?? '', /^text\/html/)
    for (const path of ['/doc', '/doc/swagger', '/doc/swagger/']) {
      const answer = await get(path)
      assert.deepEqual([answer.status, answer.header('location')], [302, '/doc/'], path)
    }
    assert.equal((await get('/doc/nothing')).status, 404)
    const document = JSON.parse((await get('/doc/openapi.json')).body.toString())
    assert.equal(document.openapi, '3.1.0')
    const operations = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
    )
    assert.ok(operations.length >= 15, `${operations.length} operations`)
    for (const [method, path] of operations) {
      // A stream of events would not end; this one is refused.
      const query = path === '/v2/events' ? '?last=x' : ''
      const url = `${document.servers[0].url}${path}${query}`
      const { text } = await control.ask(scope, method, url)
      assert.doesNotMatch(text, /not register api module|"not found error"/, `${method} ${path}`)
    }
  })

  it('shows the running configuration, as text and as JSON', async () => {
    const server = { addr_port: `${host}:${port}`, server_name: 'x', server_body: 'return "a b";' }
    const original = await get('/api/v2/config')
    assert.deepEqual(await control.add(scope, server), success)
    const text = await get('/api/v2/config')
    assert.equal(text.header('content-type'), 'text/plain')
    const { main, diagnostics } = configurationFromText(text.body.toString(), 'running')
    assert.deepEqual(diagnostics, [])
    const asJson = await get('/api/v2/config?format=json')
    assert.equal(asJson.header('content-type'), 'application/json')
    const mapping = JSON.parse(asJson.body.toString())
    assert.deepEqual(mapping, JSON.parse(JSON.stringify(toJson(main))))
    assert.deepEqual(toJson(fromJson(mapping)), toJson(main))
    assert.deepEqual(mapping.stream.server.at(-1), {
      _key: '',
      listen: `${host}:${port}`,
      server_name: 'x',
      return: '"a b"',
    })
    const accepted = await get('/api/v2/config', '-H', 'Accept: application/json')
    assert.deepEqual(accepted.body, asJson.body)
    assert.equal((await get('/api/v2/config?format=yaml')).status, 400)

    const etag = text.header('etag')!
    assert.notEqual(etag, original.header('etag'))
    assert.notEqual(etag, asJson.header('etag'))
    const same = await get('/api/v2/config', '-H', `If-None-Match: "other", ${etag}`)
    assert.deepEqual([same.status, same.body.length], [304, 0])
    assert.deepEqual(await control.del(scope, server), success)
    assert.deepEqual((await get('/api/v2/config')).body, original.body)
  })
})

test('a peer on another machine is not let in', patient, async (t) => {
  const { client, server } = await makeNetnsPair(t)
  const port = 8081
  await startControl(t, {
    stream: 'server { listen 9000; return fixed; }',
    controlPort: port,
    controlListen: '*',
    start: { under: server.under, ports: [9000, port] },
  })
  const status = async (from: Netns, address: string): Promise<number> => {
    const url = `http://${address}:${port}${list}`
    return parseAnswer(Buffer.from(await from.exec('curl', '-sS', '-i', url))).status
  }
  assert.equal(await status(client, server.address), 401)
  assert.equal(await status(server, server.address), 200, 'its own address')
  assert.equal(await status(server, host), 200)
})

test('endpoints are there only when their modules are loaded', patient, async (t) => {
  const port = await freePort()
  const control = await startControl(t, {
    stream: `server { listen ${host}:${port}; return fixed; }`,
  })
  const conf = control.prefix.read('conf/ctrl.conf')
  const without = conf.replace(/load_module modules\/njt_(http_sendmsg|ctrl_config)\S+;/g, '')
  control.prefix.write('conf/ctrl.conf', without)
  const msg = ' not register api module'
  const missing = { ...refused(404, msg), status: 404 }
  await control.engine.reload()
  const gone = async (): Promise<boolean> => {
    const reply = await control.ask(t, 'GET', '/api/v1/kv?key=a').catch(() => undefined)
    return reply?.text === missing.text
  }
  await until(gone, { what: 'control without the module' })
  assert.deepEqual(await control.ask(t, 'GET', '/api/v1/config'), missing)
  assert.deepEqual(await control.servers(t), [])
})

test('an engine that is late', patient, async (t) => {
  const port = await freePort()
  const control = await startControl(t, {
    workers: 2,
    stream: `${byClientAddress} server { listen ${host}:${port}; return fixed; }`,
    controlHttp: 'dyn_sendmsg_rpc_timeout 300ms; config_req_pool_size 2;',
  })
  const [worker] = control.engine.children('worker process')
  const server = (n: number): Parameters<Control['add']>[1] => ({
    addr_port: `${host}:${port}`,
    server_name: `s-127.0.1.${n}`,
    server_body: `return "server ${n}";`,
  })
  const late = {
    status: 500,
    type: 'application/json',
    text: '{\n  "code": 500,\n  "msg": "rpc timeout"\n}',
  }
  process.kill(worker!.pid, 'SIGSTOP')
  assert.deepEqual(await control.add(t, server(1)), late)
  assert.deepEqual(await control.servers(t), [], 'nothing is in force yet')

  const [first, second] = [control.add(t, server(2)), control.add(t, server(3))]
  const busy = await until(
    async () => {
      const reply = await control.ask(t, 'GET', list)
      return reply.status === 503 && reply
    },
    { what: 'a request beyond the pool' },
  )
  assert.match(busy.text, /"code":503/)
  assert.deepEqual([await first, await second], [late, late])
  process.kill(worker!.pid, 'SIGCONT')
  await until(async () => (await control.servers(t)).length === 3, {
    what: 'the changes that were under way',
  })
  for (const n of [1, 2, 3]) assert.equal(await textFor(t, port, `127.0.1.${n}`), `server ${n}`)
})
