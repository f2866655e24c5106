/** A change that concerns every server: clients are served while it is compiled. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { freePort } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { type Control, host, startControl } from '../control/support.ts'

const patient = { timeout: 120_000 }
const servers = 3_000

async function startMany(t: TestContext): Promise<{ control: Control; port: number }> {
  const port = await freePort()
  const one = (i: number): string =>
    `server { listen ${host}:${port}; server_name s${i};
      location /a { proxy_pass http://${host}:9; } location /b { proxy_pass http://${host}:9; } }`
  const control = await startControl(t, {
    stream: '',
    blocks: `http { access_log off;
      server { listen ${host}:${port}; return 200 $sent_http_x_mark; }
      ${Array.from({ length: servers }, (_, i) => one(i)).join('\n')} }`,
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
  const { control, port } = await startMany(t)
  const change = control.ask(t, 'PATCH', '/api/v2/config', [
    { op: 'add', path: '/http', value: 'add_header X-Mark changed;' },
  ])
  const share = await longestShare(t, port, change)
  assert.deepEqual(JSON.parse((await change).text).code, 0)
  // Compiled at one go, it is 0.8 and more.
  assert(share < 0.4, `a request took ${share} of the time`)
})

test('nor does a reload that changes what stands around them', patient, async (t) => {
  const { control, port } = await startMany(t)
  const { engine } = control
  const reload = engine.reload(
    engine.prefix.read('conf/trijet.conf').replace('access_log off;', 'access_log off; gzip on;'),
  )
  const share = await longestShare(t, port, reload)
  assert.equal(await reload, true)
  assert(share < 0.4, `a request took ${share} of the time`)
})
