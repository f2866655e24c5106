/** `sysguard*`: load is shed under the conditions that are set, and only then. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curl } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/wait.ts'
import { refusalOf, startHttp } from './support.ts'

/** Conditions that always hold, and that never do. */
const always = 'sysguard_mem free=1000000g'
const never = 'sysguard_mem free=1'

test('what holds sheds load, by its action', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off; sysguard_log_level warn; add_header X-Guard $sysguard_status;
     server { listen 127.0.0.1:${port};
       location / { sysguard on; ${never}; stub_status; }
       location /off { ${always}; stub_status; }
       location /usual { sysguard on; ${always}; stub_status; }
       location /status { sysguard on; ${always} action=429; stub_status; }
       location /uri { sysguard on; ${always} action=/busy; stub_status; }
       location /named { sysguard on; ${always} action=@busy; stub_status; }
       location /load { sysguard on; sysguard_load load=0; stub_status; }
       location /ncpu { sysguard on; sysguard_load load=ncpu*1000; stub_status; }
       location /cpu { sysguard on; sysguard_cpu usage=0; stub_status; }
       location /swap { sysguard on; sysguard_mem swapratio=0%; stub_status; }
       location /idle { sysguard on; sysguard_loop delay=10m;
         sysguard_rt rt=1000 period=1s; stub_status; }
       location /busy { sysguard on; ${always}; stub_status; }
       location @busy { add_header X-Named yes; stub_status; } }`,
  )
  const ask = async (path: string): Promise<string> => {
    const answer = await curl(`http://127.0.0.1:${port}${path}`)
    const said = answer.header('x-named') === 'yes' ? 'named' : answer.header('x-guard')
    return [answer.status, said].filter((part) => part !== undefined).join(' ')
  }
  assert.equal(await ask('/'), '200 PASSED')
  assert.equal(await ask('/off'), '200')
  assert.equal(await ask('/usual'), '503')
  assert.equal(await ask('/status'), '429')
  assert.equal(await ask('/uri'), '200 REJECTED')
  assert.equal(await ask('/named'), '200 named')
  assert.equal(await ask('/load'), '503')
  assert.equal(await ask('/ncpu'), '200 PASSED')
  assert.equal(await ask('/cpu'), '503')
  assert.equal(await ask('/swap'), '503')
  assert.equal(await ask('/idle'), '200 PASSED')
  assert.match(engine.errorLog, /\[warn\].* shedding load, free memory: \d+, limit: \d+, client/)
})

test('one condition is enough, or all have to hold', async (t) => {
  const port = await freePort()
  await startHttp(
    t,
    `access_log off;
     server { listen 127.0.0.1:${port}; sysguard on;
       location /or { ${never}; sysguard_load load=0 action=429; stub_status; }
       location /one { sysguard_mode and; ${never}; sysguard_load load=0; stub_status; }
       location /all { sysguard_mode and; ${always}; sysguard_load load=0 action=429; stub_status; } }`,
  )
  const ask = async (path: string): Promise<number> =>
    (await curl(`http://127.0.0.1:${port}${path}`)).status
  assert.equal(await ask('/or'), 429)
  assert.equal(await ask('/one'), 200)
  assert.equal(await ask('/all'), 429)
})

test('slow requests shut the door, and it opens again', async (t) => {
  const port = await freePort()
  await startHttp(
    t,
    `access_log off;
     server { listen 127.0.0.1:${port}; sysguard on; sysguard_rt rt=0.05 period=20ms method=AMM:1;
       location / { stub_status; }
       location /slow { fault_inject type=delay delay_duration=200ms; stub_status; } }`,
  )
  const ask = async (path: string): Promise<number> =>
    (await curl(`http://127.0.0.1:${port}${path}`)).status
  assert.equal(await ask('/'), 200)
  await until(async () => (await ask('/slow')) === 503 || (await ask('/')) === 503, {
    what: 'load to be shed',
  })
  await until(async () => (await ask('/')) === 200, { what: 'load to be taken again' })
})

test('a late event loop sheds load, and recovers', async (t) => {
  const port = await freePort()
  const handler = `export default {
    fetch() {
      const end = performance.now() + 3_000
      while (performance.now() < end);
      return new Response('done')
    },
  }`
  await startHttp(
    t,
    `access_log off;
     server { listen 127.0.0.1:${port};
       location / { sysguard on; sysguard_loop delay=250ms; stub_status; }
       location /block { handler handlers/block.ts; } }`,
    { 'handlers/block.ts': handler },
  )
  const ask = async (path: string): Promise<number> =>
    (await curl(`http://127.0.0.1:${port}${path}`)).status
  // It is watched from the first request on that asks. The machine itself may be busy with other tests.
  await until(async () => (await ask('/')) === 200, { what: 'load to be taken' })
  await until(
    async () => {
      const [, status] = await Promise.all([ask('/block'), ask('/')])
      return status === 503 || (await ask('/')) === 503
    },
    { what: 'load to be shed' },
  )
  await until(async () => (await ask('/')) === 200, { what: 'load to be taken again' })
})

const refused: readonly (readonly [directive: string, message: string])[] = [
  ['sysguard_load 5', 'invalid parameter "5"'],
  ['sysguard_load load=x', 'invalid parameter "load=x"'],
  ['sysguard_load action=/a', '"load" must be given'],
  ['sysguard_load load=1 load=2', 'duplicate parameter "load=2"'],
  ['sysguard_load load=1 action=200', 'invalid parameter "action=200"'],
  ['sysguard_load load=1 action=busy', 'invalid parameter "action=busy"'],
  ['sysguard_cpu usage=101', 'invalid parameter "usage=101"'],
  ['sysguard_mem action=503', '"swapratio" or "free" must be given'],
  ['sysguard_mem free=much', 'invalid parameter "free=much"'],
  ['sysguard_loop delay=0', 'invalid parameter "delay=0"'],
  ['sysguard_rt rt=1', '"period" must be given'],
  ['sysguard_rt rt=1 period=1s method=MEAN:1', 'invalid parameter "method=MEAN:1"'],
  ['sysguard_rt rt=1 period=1s method=AMM:0', 'invalid parameter "method=AMM:0"'],
  ['sysguard_mode xor', 'invalid value "xor"'],
]

for (const [directive, message] of refused) {
  test(`refused: ${directive}`, async (t) => {
    const [first] = await refusalOf(t, `${directive};`)
    assert.ok(first!.startsWith(message), first!)
  })
}
