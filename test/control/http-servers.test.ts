/**
 * `/api/v1/dyn_srv`: what its replies are, and what servers do to requests by the time they are answered.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { after, before, describe, it, test } from 'node:test'
import { certificateFor } from '../support/certificates.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { isListening } from '../support/process-tree.ts'
import { onEnd, Scope } from '../support/scope.ts'
import { connectTcp, connectTls } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import {
  bad,
  type Control,
  host,
  mainConf,
  pageFor,
  refused,
  type Reply,
  type ServerFields,
  startControl,
  success,
} from './support.ts'

const patient = { timeout: 120_000 }

/** Connections at the same time, so that both workers answer some. */
const crowd = 20

const notFound: Reply = {
  status: 404,
  type: 'application/json',
  text: '{"code":404,"msg":"not found error"}',
}

describe('HTTP servers that come and go', patient, () => {
  const scope = new Scope()
  let control: Control
  let port: number
  let secure: number
  let at: string

  before(async () => {
    ;[port, secure] = (await freePorts(2)) as [number, number]
    at = `${host}:${port}`
    control = await startControl(scope, {
      workers: 2,
      blocks: `http {
        server { listen ${at}; server_name fixed; location / { return 200 "default"; } }
        server { listen ${host}:${secure} ssl; ssl_reject_handshake on; }
      }`,
      stream: '',
    })
  })

  after(() => scope.close())

  const add = async (server: ServerFields): Promise<void> =>
    assert.deepEqual(await control.addHttp(scope, server), success)

  const del = async (server_name: string, addr_port: string = at): Promise<void> =>
    assert.deepEqual(await control.delHttp(scope, { addr_port, server_name }), success)

  /** What many clients at once are told. */
  async function texts(name: string, on: number = port): Promise<ReadonlySet<string>> {
    const pages = Array.from({ length: crowd }, () => pageFor(scope, on, '/', name))
    return new Set((await Promise.all(pages)).map(({ body }) => body.toString()))
  }

  /** Subject of the certificate that is shown for a name, and the page behind it. */
  async function secureText(servername: string, on: number = secure): Promise<readonly string[]> {
    const client = await connectTls(scope, { host, port: on, servername })
    const { CN } = client.socket.getPeerCertificate().subject
    await client.send(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`)
    const page = (await client.readAll({ orReset: true })).toString()
    client.close()
    return [String(CN), page.slice(page.indexOf('\r\n\r\n') + 4)]
  }

  it('are in every worker when the request is answered, and take no other name', async () => {
    for (let round = 0; round < 5; round++) {
      const server_body = `return 200 "round ${round}"`
      await add({ addr_port: at, server_name: 'one.test', server_body })
      assert.deepEqual(await texts('ONE.test'), new Set([`round ${round}`]))
      assert.deepEqual(await texts('two.test'), new Set(['default']))
      await del('one.test')
      assert.deepEqual(await texts('one.test'), new Set(['default']))
    }
  })

  it('are found by wildcards and expressions, and by each of their names', async () => {
    const names = { '*.wild.test': 'a.wild.test', '"~^e\\d+\\.test$"': 'e12.test' }
    for (const server_name of Object.keys(names)) {
      await add({ addr_port: at, server_name, server_body: 'return 200 "$host";' })
    }
    await add({ addr_port: at, server_name: 'x.test y.test', server_body: 'return 200 "$host";' })
    for (const name of [...Object.values(names), 'x.test', 'y.test']) {
      assert.deepEqual(await texts(name), new Set([name]))
    }
    for (const server_name of [...Object.keys(names), 'x.test y.test']) await del(server_name)
    for (const name of ['a.wild.test', 'e12.test', 'x.test', 'y.test']) {
      assert.deepEqual(await texts(name), new Set(['default']))
    }
  })

  it('open a new port in every worker, and close it with the last of them', async () => {
    const fresh = await freePort()
    const addr_port = `${host}:${fresh}`
    await add({ addr_port, server_name: 'one.test', server_body: 'return 200 "one"' })
    await add({ addr_port, server_name: 'two.test', server_body: 'return 200 "two"' })
    assert.deepEqual(await texts('other', fresh), new Set(['one']))
    assert.deepEqual(await texts('two.test', fresh), new Set(['two']))
    await del('one.test', addr_port)
    assert.deepEqual(await texts('other', fresh), new Set(['two']), 'the one that is left')
    const idle = await connectTcp(scope, { host, port: fresh })
    await idle.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await idle.read(12)
    await del('two.test', addr_port)
    assert.equal(isListening(fresh, 'tcp', control.engine.pid), false)
    await idle.readAll({ orReset: true })
    idle.close()
  })

  it('take options of a new port', async () => {
    const addr_port = `${host}:${await freePort()}`
    const server = { addr_port, server_name: 'p.test', listen_option: 'proxy_protocol' }
    await add({ ...server, server_body: 'return 200 $proxy_protocol_addr;' })
    const client = await connectTcp(scope, { host, port: Number(addr_port.split(':')[1]) })
    await client.send('PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n')
    await client.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    assert.match((await client.readAll()).toString(), /192\.0\.2\.7$/)
    client.close()
    await del('p.test', addr_port)
  })

  it('have certificates of their own, on ports that are there and on new ones', async () => {
    const fresh = await freePort()
    for (const [on, listen_option] of [
      [secure, undefined],
      [fresh, 'ssl'],
    ] as const) {
      for (const name of ['one.test', 'two.test']) {
        const { certFile, keyFile } = certificateFor(name)
        const server_body = `ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; return 200 ${name}`
        const first = on === fresh && name === 'one.test'
        const option = first && listen_option !== undefined ? { listen_option } : {}
        await add({ addr_port: `${host}:${on}`, server_name: name, server_body, ...option })
      }
      assert.deepEqual(await secureText('one.test', on), ['one.test', 'one.test'])
      assert.deepEqual(await secureText('two.test', on), ['two.test', 'two.test'])
      await del('one.test', `${host}:${on}`)
      if (on === secure) await assert.rejects(secureText('one.test', on), 'nobody has that name')
      assert.deepEqual(await secureText('two.test', on), ['two.test', 'two.test'])
      await del('two.test', `${host}:${on}`)
    }
  })

  it('take the locations that were put into them along', async () => {
    const place = { addr_port: at, server_name: 'outer.test' }
    await add({ ...place, server_body: 'return 200 "server"' })
    assert.deepEqual(await texts('outer.test'), new Set(['server']))
    await del('outer.test')
    await add(place)
    const location = { location_name: '/', location_body: 'return 200 "location"' }
    assert.deepEqual(await control.addLocations(scope, place, location), success)
    assert.deepEqual(await texts('outer.test'), new Set(['location']))
    await del('outer.test')
    assert.deepEqual(await control.locations(scope), [])
    await add({ ...place, server_body: 'return 200 "again"' })
    assert.deepEqual(await texts('outer.test'), new Set(['again']), 'no location came back')
    await del('outer.test')
  })

  it('let requests that are under way end, and their connections go on', async () => {
    const slow = createServer((_, response) => {
      response.write('begun ')
      slow.once('go on', () => response.end('ended'))
    })
    onEnd(scope, () => void slow.close())
    slow.listen(0, host)
    await once(slow, 'listening')
    const place = { addr_port: at, server_name: 'slow.test' }
    await add(place)
    const proxy_pass = `http://${host}:${(slow.address() as AddressInfo).port}`
    const location = { location_name: '/', proxy_pass }
    assert.deepEqual(await control.addLocations(scope, place, location), success)
    const client = await connectTcp(scope, { host, port })
    await client.send('GET / HTTP/1.1\r\nHost: slow.test\r\n\r\n')
    let said = ''
    while (!said.includes('begun')) said += (await client.read(1)).toString()
    await del('slow.test')
    slow.emit('go on')
    while (!said.includes('ended')) said += (await client.read(1)).toString()
    await client.send('GET / HTTP/1.1\r\nHost: slow.test\r\nConnection: close\r\n\r\n')
    assert.match((await client.readAll()).toString(), /default$/)
    client.close()
  })

  it('are refused in the words of nginx, and then nothing has changed', async (t) => {
    const busy = createTcpServer().listen(0, host)
    onEnd(t, () => void busy.close())
    await once(busy, 'listening')
    const { port: taken } = busy.address() as AddressInfo
    const other = await freePort()
    const where = (line: number): string =>
      `${control.prefix.path}/logs/trijet_0_add_server.txt:${line}`
    const cases: readonly (readonly [Partial<ServerFields>, string])[] = [
      [{ server_body: 'xyz on;' }, `unknown directive "xyz" in ${where(4)}`],
      [
        { server_body: 'return 1 2 3;' },
        `invalid number of arguments in "return" directive in ${where(4)}`,
      ],
      [
        { server_body: 'keepalive_timeout 1s;\nproxy_pass http://x;' },
        `"proxy_pass" directive is not allowed here in ${where(5)}`,
      ],
      [
        { server_body: 'worker_processes 2;' },
        `"worker_processes" directive is not allowed here in ${where(4)}`,
      ],
      [
        { server_body: 'return 200 "a' },
        `unexpected end of file, expecting ";" or "}" in ${where(6)}`,
      ],
      [
        { server_body: 'return 200 { }' },
        `directive "return" is not terminated by ";" in ${where(4)}`,
      ],
      [{ server_body: 'return 200 $nope' }, `unknown "nope" variable in ${where(4)}`],
      [
        { server_body: 'location /x { }' },
        `"location" directive no support of dynamic! in ${where(4)}`,
      ],
      [{ addr_port: `${host}:${secure}` }, 'no ssl_certificate_key!'],
      [{ addr_port: `${host}:${taken}` }, `Port ${taken} is already in use in checking port`],
      [
        { addr_port: `192.0.2.1:${other}` },
        `bind failed in checking port: bind() to 192.0.2.1:${other} failed (99: Cannot assign requested address)`,
      ],
      [
        { addr_port: `127.0.0.2:${port}` },
        `add dynamic listen port for ${port} is duplicate with other listen address`,
      ],
      [{ addr_port: `${host}:${other} udp` }, `invalid parameter "udp" in ${where(2)}`],
      [
        { addr_port: `${host}:${other}`, listen_option: 'nonsense' },
        `invalid parameter "nonsense" in ${where(2)}`,
      ],
    ]
    const revision = await control.revision(scope)
    const server = { addr_port: at, server_name: 'x.test' }
    for (const [change, message] of cases) {
      const reply = await control.addHttp(scope, { ...server, ...change })
      assert.deepEqual(reply, refused(4, message), JSON.stringify(change))
    }
    assert.equal(await control.revision(scope), revision)
    assert.deepEqual(await control.httpServers(scope), [])
  })

  it('answer a dry run, and know what is not of their form', async () => {
    const server = { addr_port: at, server_name: 'x.test', server_body: 'return 200' }
    assert.deepEqual(await control.addHttp(scope, server, '?dry_run=1'), success)
    const fresh = await freePort()
    const elsewhere = { ...server, addr_port: `${host}:${fresh}` }
    assert.deepEqual(await control.addHttp(scope, elsewhere, '?dry_run=1'), success)
    // Workers let go of what they tried when they hear of it.
    await until(() => !isListening(fresh, 'tcp', control.engine.pid), {
      what: 'the port to be free',
    })
    assert.deepEqual(await control.httpServers(scope), [])
    assert.deepEqual(
      await control.addHttp(scope, { ...server, addr_port: '' }),
      bad('addr_port null!!!'),
    )
    const wrong = await control.ask(scope, 'PUT', '/api/v1/dyn_srv', { type: 'add', ...server })
    assert.deepEqual(wrong, bad('no support method when add server!'))
    for (const [method, path] of [
      ['DELETE', '/api/v1/dyn_srv'],
      ['POST', '/api/v1/dyn_srv/x'],
    ] as const) {
      assert.deepEqual(await control.ask(scope, method, path, server), notFound)
    }
  })

  it('leave nothing behind', () => {
    assert.equal(control.engine.children('worker process').length, 2)
    assert.doesNotMatch(control.engine.errorLog, /\[(?:alert|emerg|crit)\]/)
  })
})

test('HTTP servers outlive kills, reload, stop and start', patient, async (t) => {
  const [port, fresh, controlPort] = (await freePorts(3)) as [number, number, number]
  const options = (more = '') => ({
    workers: 2,
    blocks: `http {
      server { listen ${host}:${port}; server_name fixed; return 200 "default"; } ${more}
    }`,
    stream: '',
    controlPort,
  })
  const control = await startControl(t, options())
  const text = async (on: number): Promise<string> =>
    (await pageFor(t, on, '/', 'shop.test')).body.toString()
  for (const on of [port, fresh]) {
    const place = { addr_port: `${host}:${on}`, server_name: 'shop.test' }
    assert.deepEqual(await control.addHttp(t, place), success)
    const location = { location_name: '/', location_body: `return 200 "shop on ${on}"` }
    assert.deepEqual(await control.addLocations(t, place, location), success)
  }
  const verify = async (what: string): Promise<void> => {
    for (const on of [port, fresh]) {
      const pages = await Promise.all(Array.from({ length: crowd }, () => text(on)))
      assert.deepEqual(new Set(pages), new Set([`shop on ${on}`]), what)
    }
  }
  await verify('at once')
  for (const victim of ['worker process', 'ctrl', 'worker process', 'mqtt']) {
    await control.kill(victim)
    await until(() => control.engine.children('worker process').length === 2, { what: 'a worker' })
    await verify(`after the end of ${victim}`)
  }
  await control.waitForControl(t)
  const other = `server { listen ${host}:${port}; server_name shop.test; return 200 "file"; }`
  assert.equal(await control.engine.reload(mainConf(options(other))), true)
  await until(async () => (await text(port)) === 'file', { what: 'the server of the file' })
  assert.equal(await text(fresh), `shop on ${fresh}`)
  assert.equal(await control.engine.reload(mainConf(options())), true)
  await until(async () => (await text(port)) !== 'file', { what: 'the end of that server' })
  await verify('after reloads')
  await control.engine.stop()
  const again = await startControl(t, { ...options(), prefix: control.prefix })
  await verify('after a restart')
  for (const on of [port, fresh]) {
    const place = { addr_port: `${host}:${on}`, server_name: 'shop.test' }
    assert.deepEqual(await again.delHttp(t, place), success)
  }
  assert.equal(await text(port), 'default')
  assert.equal(isListening(fresh, 'tcp', again.engine.pid), false)
})
