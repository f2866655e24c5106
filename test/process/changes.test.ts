/** Changes by the API: what was acknowledged is there whatever dies, and disturbs nobody. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { echo, sayName, startTcpBackend } from '../support/echo-servers.ts'
import { freePorts } from '../support/ports.ts'
import { connectTcp } from '../support/tcp.ts'
import { startTrijet, type Trijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import { ping, textOf, untilGone, workerPids } from './support.ts'

const host = '127.0.0.1'

interface Bed {
  readonly engine: Trijet
  readonly control: number
  readonly conf: string
  readonly files: Readonly<Record<string, string>>
}

async function startBed(t: TestContext, servers: string): Promise<Bed> {
  const [control] = (await freePorts(1)) as [number]
  const conf = `
    helper broker modules/njt_helper_broker_module.so conf/mqtt.conf;
    helper ctrl modules/njt_helper_ctrl_module.so conf/ctrl.conf;
    load_module modules/njt_stream_dyn_server_module.so;
    worker_processes 2;
    error_log logs/error.log notice;
    events {}
    stream { ${servers} }`
  const files = {
    'conf/mqtt.conf': '',
    'conf/ctrl.conf': `
      load_module modules/njt_stream_dyn_server_api_module.so;
      events {}
      http { server { listen ${host}:${control}; location /api { dyn_module_api; } } }`,
  }
  const engine = await startTrijet(t, { conf, files })
  const bed = { engine, control, conf, files }
  await untilAnswers(bed)
  return bed
}

async function untilAnswers({ control }: Bed): Promise<void> {
  const probe = (): Promise<boolean> =>
    fetch(`http://${host}:${control}/api/v2/history`).then(
      (response) => response.status === 200,
      () => false,
    )
  await until(probe, { what: 'control to answer', deadlineMs: 40_000 })
}

async function send(
  { control }: Bed,
  method: 'POST' | 'PUT',
  body: Readonly<Record<string, string>>,
): Promise<string> {
  const url = `http://${host}:${control}/api/v1/stream_srv`
  const response = await fetch(url, { method, body: JSON.stringify(body) })
  return response.text()
}

function add(bed: Bed, port: number, body: string): Promise<string> {
  const server = { addr_port: `${host}:${port}`, server_name: `s${port}`, server_body: body }
  return send(bed, 'POST', { type: 'add', ...server })
}

function remove(bed: Bed, port: number): Promise<string> {
  return send(bed, 'PUT', { type: 'del', addr_port: `${host}:${port}`, server_name: `s${port}` })
}

const success = '{"code":0,"msg":"success."}'

test('a dynamic server survives reloads, restarts, and the death of any process', async (t) => {
  const [fixed, dynamic, late] = (await freePorts(3)) as [number, number, number]
  const bed = await startBed(t, `server { listen ${host}:${fixed}; return fixed; }`)
  const { engine } = bed
  assert.equal(await add(bed, dynamic, 'return dynamic;'), success)
  assert.equal(await textOf(t, dynamic), 'dynamic')
  await engine.reload()
  assert.equal(await textOf(t, dynamic), 'dynamic')

  const copilots = engine.children('copilot').map((child) => child.pid)
  for (const pid of [...workerPids(engine), ...copilots]) {
    process.kill(pid, 'SIGKILL')
    await untilGone(pid)
    await until(
      () =>
        textOf(t, dynamic).then(
          (text) => text === 'dynamic',
          () => false,
        ),
      {
        what: 'the dynamic server to be served again',
      },
    )
  }
  await untilAnswers(bed)
  assert.equal(await add(bed, late, 'return late;'), success)

  const old = engine.processes().map(({ pid }) => pid)
  engine.signal('SIGKILL')
  for (const pid of old) await untilGone(pid)
  engine.prefix.write('logs/trijet.pid', '')
  const again = await startTrijet(t, { ...bed, prefix: engine.prefix })
  assert.equal(await textOf(t, dynamic), 'dynamic')
  assert.equal(await textOf(t, late), 'late')
  await untilAnswers(bed)
  assert.equal(await remove(bed, dynamic), success)
  await assert.rejects(textOf(t, dynamic), /ECONNREFUSED/)
  assert.equal((await again.stop()).code, 0)
})

test('a reload closes no connection of a dynamic server; deleting the server does', async (t) => {
  const [fixed, dynamic] = (await freePorts(2)) as [number, number]
  const { port: target } = await startTcpBackend(t, echo)
  const servers = `server { listen ${host}:${fixed}; return one; }`
  const bed = await startBed(t, servers)
  const { engine, conf } = bed
  assert.equal(await add(bed, dynamic, `proxy_pass ${host}:${target};`), success)
  const client = await connectTcp(t, { host, port: dynamic })
  await ping(client, 'before')
  for (let round = 0; round < 3; round++) {
    await engine.reload(conf.replace('return one', `return ${round}`))
    await ping(client, `round ${round}`)
  }
  assert.equal(await remove(bed, dynamic), success)
  await client.readAll({ orReset: true })
})

test('an instruction that the files have no room for is left out, told, and comes back', async (t) => {
  const [fixed, dynamic, other] = (await freePorts(3)) as [number, number, number]
  const { port: target } = await startTcpBackend(t, sayName('backend'))
  const server = `server { listen ${host}:${fixed}; return fixed; }`
  const bed = await startBed(t, `upstream group { server ${host}:${target}; } ${server}`)
  const { engine, conf } = bed
  // The client says that it has nothing to say, and is answered all the same.
  assert.equal(await add(bed, dynamic, 'proxy_half_close on; proxy_pass group;'), success)
  assert.equal(await add(bed, other, 'return other;'), success)
  assert.match(await textOf(t, dynamic), /backend/)
  await engine.reload(conf.replace(/upstream group \{.*?\}/, ''))
  await engine.waitForLog(/\[error\] .*instruction "\/ins\/stream_srv\/.*" is not in force: /)
  await assert.rejects(textOf(t, dynamic), /ECONNREFUSED/)
  assert.equal(await textOf(t, other), 'other')
  await engine.reload(conf)
  assert.match(await textOf(t, dynamic), /backend/)
})

test('a rollback takes every process back to the revision', async (t) => {
  const [fixed, one, two] = (await freePorts(3)) as [number, number, number]
  const bed = await startBed(t, `server { listen ${host}:${fixed}; return fixed; }`)
  assert.equal(await add(bed, one, 'return one;'), success)
  assert.equal(await add(bed, two, 'return two;'), success)
  assert.equal(await remove(bed, one), success)
  const url = `http://${host}:${bed.control}/api/v2/rollback`
  const answer = await fetch(url, { method: 'POST', body: '{"to":1}' })
  assert.equal(await answer.text(), success)
  assert.equal(await textOf(t, one), 'one')
  await assert.rejects(textOf(t, two), /ECONNREFUSED/)
})
