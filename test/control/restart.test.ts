/**
 * Changes outlive reloads, restarts and workers; one that the files have no room for any more waits.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort, freePorts } from '../support/ports.ts'
import { isListening } from '../support/process-tree.ts'
import { connectTcp } from '../support/tcp.ts'
import { until } from '../support/wait.ts'
import {
  byClientAddress,
  host,
  mainConf,
  refused,
  startControl,
  success,
  textFor,
} from './support.ts'

const patient = { timeout: 120_000 }

test('a change that comes while a worker starts is in it before it serves', patient, async (t) => {
  const port = await freePort()
  const control = await startControl(t, {
    workers: 2,
    stream: `${byClientAddress} server { listen ${host}:${port}; return "$pid default"; }`,
  })
  for (let round = 0; round < 3; round++) {
    const server = {
      addr_port: `${host}:${port}`,
      server_name: 's-127.0.1.1',
      server_body: `return "$pid ${round}";`,
    }
    const old = control.engine.children('worker process').map(({ pid }) => String(pid))
    await control.kill('worker process')
    assert.deepEqual(await control.add(t, server), success)
    await until(
      async () => {
        const texts = await Promise.all(
          Array.from({ length: 10 }, () => textFor(t, port, '127.0.1.1')),
        )
        const answers = texts.map((text) => text.split(' '))
        for (const [pid, text] of answers) assert.equal(text, String(round), `worker ${pid}`)
        return answers.some(([pid]) => !old.includes(pid!))
      },
      { what: 'an answer of the new worker' },
    )
    assert.deepEqual(await control.del(t, server), success)
  }
})

test('a change waits for the only worker to be there again', patient, async (t) => {
  const port = await freePort()
  const control = await startControl(t, {
    stream: `${byClientAddress} server { listen ${host}:${port}; return default; }`,
    controlHttp: 'dyn_sendmsg_rpc_timeout 30s;',
  })
  await control.kill('worker process')
  const server = { addr_port: `${host}:${port}`, server_name: 's-127.0.1.1' }
  assert.deepEqual(await control.add(t, { ...server, server_body: 'return one;' }), success)
  assert.equal(await textFor(t, port, '127.0.1.1'), 'one')
})

test(
  'changes outlive reload, stop and start, with their sessions and ports',
  patient,
  async (t) => {
    const [port, fresh] = (await freePorts(2)) as [number, number]
    const options = {
      workers: 2,
      stream: `
      ${byClientAddress}
      map $remote_addr $word { default before; }
      server { listen ${host}:${port}; proxy_pass ${host}:${await freePort()}; }`,
      controlPort: await freePort(),
    }
    const control = await startControl(t, options)
    const map = { keyFrom: '$remote_addr', keyTo: '$word' }
    const maps = [{ ...map, values: [{ valueFrom: 'default', valueTo: 'after' }] }]
    for (const at of [port, fresh]) {
      const server = { addr_port: `${host}:${at}`, server_name: 's-127.0.1.1' }
      assert.deepEqual(await control.add(t, { ...server, server_body: 'return $word;' }), success)
    }
    const reply = await control.ask(t, 'PUT', '/api/v1/config/stream_dyn_map', { maps })
    assert.deepEqual(reply, success)
    const works = async (): Promise<void> => {
      for (const at of [port, fresh]) assert.equal(await textFor(t, at, '127.0.1.1'), 'after')
    }
    await works()
    const workers = control.engine.children('worker process').map(({ pid }) => pid)
    const live = await connectTcp(t, { host, port: fresh, localAddress: '127.0.1.2' })
    assert.equal(await control.engine.reload(), true)
    assert.equal((await live.readAll()).toString(), 'after')
    await works()
    assert.deepEqual(
      control.engine.children('worker process').map(({ pid }) => pid),
      workers,
      'a reload keeps the workers',
    )
    await control.waitForControl(t)
    const revision = await control.revision(t)
    await control.engine.stop('SIGQUIT')
    assert.equal(isListening(fresh, 'tcp'), false)
    const again = await startControl(t, { ...options, prefix: control.prefix })
    await works()
    assert.equal(await again.revision(t), revision)
    assert.equal((await again.servers(t)).length, 2)
  },
)

test('an instruction without room is left out, and comes back', patient, async (t) => {
  const [port, other] = (await freePorts(2)) as [number, number]
  const options = {
    stream: `
      ${byClientAddress}
      upstream group { server ${host}:1; }
      server { listen ${host}:${port}; return default; }`,
  }
  const control = await startControl(t, options)
  const { engine } = control
  const servers = [
    { server_name: 's-127.0.1.1', server_body: 'return one;' },
    { server_name: 's-127.0.1.2', server_body: 'proxy_pass group; proxy_timeout 1s;' },
  ].map((server) => ({ addr_port: `${host}:${port}`, ...server }))
  const fresh = { ...servers[0]!, addr_port: `${host}:${other}` }
  for (const server of [...servers, fresh]) {
    assert.deepEqual(await control.add(t, server), success)
  }
  const original = mainConf(options)
  // The name is taken by the file now, and so is the address of the new port.
  const taken = original
    .replace('return default;', `server_name s-127.0.1.1; return "of the file";`)
    .replace('upstream group', `server { listen 127.0.0.2:${other}; return other; } upstream group`)
  assert.equal(await engine.reload(taken), true)
  await control.waitForControl(t)
  assert.equal(await textFor(t, port, '127.0.1.1'), 'of the file')
  await assert.rejects(textFor(t, other), { code: 'ECONNREFUSED' })
  const left = engine.errorLog.match(/\[error\].*instruction ".*" is not in force: .*/g) ?? []
  assert.equal(left.length, 2, left.join('\n'))
  assert.match(left.join('\n'), /server\[s-127\.0\.1\.1\] exist!/)
  assert.match(left.join('\n'), /duplicate with other listen address/)
  assert.deepEqual(
    (await control.servers(t)).map(({ server_name }) => server_name),
    ['s-127.0.1.2'],
    'the list shows what is in force',
  )
  assert.deepEqual(
    await control.del(t, servers[0]!),
    refused(5, 'only dynamic server,can to be delete!'),
  )

  assert.equal(await engine.reload(original), true)
  await control.waitForControl(t)
  assert.equal(await textFor(t, port, '127.0.1.1'), 'one')
  assert.equal(await textFor(t, other, '127.0.1.1'), 'one')
  assert.equal((await control.servers(t)).length, 3)

  // Files that are wrong by themselves change nothing.
  assert.equal(await engine.reload(original.replace('return default', 'return $nope')), false)
  assert.equal(await textFor(t, port, '127.0.1.1'), 'one')
})
