/** `sysguard_cpu`: workers come while there is work, and go when there is none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { untilWorkers, workerPids } from '../process/support.ts'
import { freePorts } from '../support/ports.ts'
import { controlConf, host, mainConf, startControl } from './support.ts'

const patient = { timeout: 120_000 }

test('idle workers are ended, down to the fewest', patient, async (t) => {
  const [port, controlPort] = await freePorts(2)
  const stream = `server { listen ${host}:${port}; return fixed; }`
  const options = { stream, workers: 4, controlPort: controlPort! }
  const scaling = 'sysguard_cpu interval=300ms worker_step=2 min_worker=1 low_threshold=50;'
  const files = { 'conf/ctrl.conf': `${scaling}\n${controlConf(options, controlPort!)}` }
  const control = await startControl(t, { ...options, files })
  const { engine } = control
  await untilWorkers(engine, 1)
  assert.match(engine.errorLog, /sysguard_cpu: 4 to 2 workers: workers at \d+%, machine at \d+%/)
  assert.match(engine.errorLog, /sysguard_cpu: 2 to 1 workers/)
  assert.equal(await engine.reload(mainConf({ ...options, workers: 3 })), true)
  assert.equal(workerPids(engine).length, 1, 'what was set live goes before the file')
  const wrong = mainConf(options).replace('worker_processes', 'sysguard_cpu; worker_processes')
  assert.equal(await engine.reload(wrong), false)
  assert.match(engine.errorLog, /"sysguard_cpu" belongs to the configuration of the ctrl copilot/)
})
