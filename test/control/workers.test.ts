/** The number of workers as a key value: live, over reloads and restarts, until the key is deleted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { untilWorkers, workerPids } from '../process/support.ts'
import { freePort } from '../support/ports.ts'
import { host, mainConf, startControl, type Reply } from './support.ts'

const patient = { timeout: 120_000 }
const key = '__master_worker_count'
const fine: Reply = { status: 200, type: undefined, text: '' }

test('workers grow and shrink with the key', patient, async (t) => {
  const port = await freePort()
  const options = { stream: `server { listen ${host}:${port}; return fixed; }`, workers: 2 }
  const control = await startControl(t, options)
  const { engine, prefix } = control
  const set = (value: string): Promise<Reply> =>
    control.ask(t, 'POST', '/api/v1/kv', { key, value })
  const first = workerPids(engine)
  assert.equal(first.length, 2)

  assert.deepEqual(await set('4'), fine)
  const four = workerPids(engine)
  assert.equal(four.length, 4, 'they serve when it is answered')
  assert.ok(first.every((pid) => four.includes(pid)))
  assert.equal((await set('513')).status, 400)
  assert.equal(workerPids(engine).length, 4)

  assert.ok(await engine.reload(mainConf({ ...options, workers: 3 })))
  assert.equal(workerPids(engine).length, 4, 'the key goes before the file')
  assert.match(engine.errorLog, /"worker_processes 3" is overridden by the key value/)

  await engine.stop()
  const again = await startControl(t, { ...options, prefix, controlPort: control.port })
  await untilWorkers(again.engine, 4)
  assert.deepEqual(await again.ask(t, 'POST', '/api/v1/kv', { key, value: '1' }), fine)
  await untilWorkers(again.engine, 1)

  const gone = await again.ask(t, 'DELETE', `/api/v1/kv?key=${key}`)
  assert.equal(gone.status, 200)
  await untilWorkers(again.engine, 2)
  const ready = await again.get<unknown>(t, '/api/v1/privilege_agent')
  assert.deepEqual(ready, { ready: true })
})
