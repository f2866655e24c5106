/** A change that concerns every server: clients are served while it is compiled. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { type Control, host, startControl } from '../control/support.ts'

const patient = { timeout: 120_000 }
const servers = 3_000

function serverText(port: number, i: number): string {
  return `server { listen ${host}:${port}; server_name s${i};
    location /a { proxy_pass http://${host}:9; } location /b { proxy_pass http://${host}:9; } }`
}

interface Scene {
  readonly control: Control
  readonly port: number
}

async function start(t: TestContext, count: number): Promise<Scene> {
  const port = await freePort()
  const control = await startControl(t, {
    stream: '',
    blocks: `http { access_log off; keepalive_requests 1000000;
      server { listen ${host}:${port}; return 200 $sent_http_x_mark; }
      ${Array.from({ length: count }, (_, i) => serverText(port, i)).join('\n')} }`,
  })
  return { control, port }
}

/** The longest time that a request took until the work was done, as a share of the work's. */
async function longestShare(t: TestContext, port: number, work: Promise<unknown>): Promise<number> {
  const client = await connectTcp(t, { host, port })
  const began = performance.now()
  const done = new AbortController()
  const settled = work.finally(() => done.abort())
  let longest = 0
  while (!done.signal.aborted) {
    const asked = performance.now()
    await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.match(await client.readUntil('\r\n\r\n'), /^HTTP\/1\.1 200 OK\r\n/)
    longest = Math.max(longest, performance.now() - asked)
  }
  await settled
  return longest / (performance.now() - began)
}

test('a change around all servers does not stop the worker', patient, async (t) => {
  const { control, port } = await start(t, servers)
  const change = control.ask(t, 'PATCH', '/api/v2/config', [
    { op: 'add', path: '/http', value: 'add_header X-Mark changed;' },
  ])
  const share = await longestShare(t, port, change)
  assert.deepEqual(JSON.parse((await change).text).code, 0)
  // Compiled at one go, it is 0.8 and more.
  assert(share < 0.4, `a request took ${share} of the time`)
})

test('nor does a reload that changes what stands around them', patient, async (t) => {
  const { control, port } = await start(t, servers)
  const { engine } = control
  const reload = engine.reload(
    engine.prefix.read('conf/trijet.conf').replace('access_log off;', 'access_log off; gzip on;'),
  )
  const share = await longestShare(t, port, reload)
  assert.equal(await reload, true)
  assert(share < 0.4, `a request took ${share} of the time`)
})

test('nor do many servers that come at once, and stay over a reload', patient, async (t) => {
  const { control, port } = await start(t, 0)
  const many = Array.from({ length: servers }, (_, i) => serverText(port, i)).join('\n')
  const change = control.ask(t, 'PATCH', '/api/v2/config', [
    { op: 'add', path: '/http', value: many },
  ])
  const share = await longestShare(t, port, change)
  const { code, msg } = JSON.parse((await change).text) as { code: number; msg: string }
  assert.equal(code, 0, msg)
  assert(share < 0.4, `a request took ${share} of the time`)
  const { engine } = control
  const conf = engine.prefix
    .read('conf/trijet.conf')
    .replace('access_log off;', 'access_log off; gzip on;')
  const reload = engine.reload(conf)
  const shareOfReload = await longestShare(t, port, reload)
  assert.equal(await reload, true)
  assert(shareOfReload < 0.4, `a request took ${shareOfReload} of the time`)
})
