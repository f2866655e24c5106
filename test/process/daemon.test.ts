/** Going to the background, and serving without a master. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort, freePorts } from '../support/ports.ts'
import { isListening, processTree, readProcess } from '../support/process-tree.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { startTrijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import { command, stopAfter, streamConf, textOf, untilGone } from './support.ts'

test('the command returns when the engine serves; the pid file holds the pid of the daemon', async (t) => {
  const port = await freePort()
  const prefix = makeTempPrefix(t, {
    'conf/trijet.conf': streamConf({ [port]: 'from the background' }),
  })
  stopAfter(t, prefix)
  const { code, stdout, stderr } = await command(prefix)
  assert.deepEqual([code, stdout, stderr], [0, '', ''])
  assert(isListening(port))
  const pid = Number(prefix.read('logs/trijet.pid'))
  assert.equal(readProcess(pid)?.parent, 1)
  assert.equal(await textOf(t, port), 'from the background')
  assert.equal((await command(prefix, '-s', 'stop')).code, 0)
  await untilGone(pid)
})

test('what is wrong is told by the command, with exit code 1', async (t) => {
  const port = await freePort()
  const prefix = makeTempPrefix(t, {
    'conf/trijet.conf': `${streamConf({ [port]: 'a' })}\nnonsense;`,
  })
  stopAfter(t, prefix)
  const { code, stderr } = await command(prefix)
  assert.equal(code, 1)
  assert.match(stderr, /^trijet: \[emerg\] unknown directive "nonsense" in .*\n$/)
  assert.equal(prefix.read('logs/trijet.pid'), '')
})

test('WINCH lets the workers of a daemon go, and HUP brings them back', async (t) => {
  const port = await freePort()
  const conf = streamConf({ [port]: 'a' })
  const prefix = makeTempPrefix(t, { 'conf/trijet.conf': conf })
  stopAfter(t, prefix)
  await command(prefix)
  const pid = Number(prefix.read('logs/trijet.pid'))
  process.kill(pid, 'SIGWINCH')
  await until(() => processTree(pid).length === 1, { what: 'the workers to go' })
  process.kill(pid, 'SIGHUP')
  await until(() => processTree(pid).length === 2, { what: 'the workers to come back' })
  assert.equal(await textOf(t, port), 'a')
})

test('WINCH means nothing in the foreground: terminals send it', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, { conf: streamConf({ [port]: 'a' }) })
  engine.signal('SIGWINCH')
  await engine.waitForLog(/signal 28 \(SIGWINCH\) received/)
  assert.equal(await textOf(t, port), 'a')
  assert.equal(engine.children('worker process').length, 1)
})

test('master_process off: one process serves, reloads, drains and stops', async (t) => {
  const [port, other] = (await freePorts(2)) as [number, number]
  const conf = (text: string): string =>
    streamConf({ [port]: text, [other]: 'other' }, 'master_process off;')
  const engine = await startTrijet(t, { conf: conf('one') })
  assert.equal(engine.processes().length, 1)
  assert.equal(await textOf(t, port), 'one')
  await engine.reload(conf('two'))
  assert.equal(await textOf(t, port), 'two')
  await engine.reload('nonsense;')
  assert.equal(await textOf(t, port), 'two')
  assert.deepEqual(await engine.stop('SIGQUIT'), { code: 0, signal: null })
  assert(!engine.hasPidFile)
})

test('master_process off: helpers are not started, and a warning says so', async (t) => {
  const port = await freePort()
  const main = `master_process off;
    helper broker modules/njt_helper_broker_module.so conf/mqtt.conf;`
  const conf = streamConf({ [port]: 'a' }, main)
  const engine = await startTrijet(t, { conf, files: { 'conf/mqtt.conf': '' } })
  assert.match(engine.errorLog, /\[warn\] .*helper "broker" is not started/)
})
