/** Without root everything works but low ports and changing the user, and each says why. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { freePort } from '../support/ports.ts'
import { readProcess } from '../support/process-tree.ts'
import { makeTempPrefix, type TempPrefix } from '../support/temp-prefix.ts'
import { run } from '../support/process.ts'
import { launcher, startTrijet } from '../support/trijet.ts'
import { streamConf, textOf, workerPids } from './support.ts'

const nobody = 65_534

/** The command in front that gives up root; the tests may not run as root themselves. */
const drop = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] as const
const isRoot = process.getuid!() === 0
const under = isRoot ? drop : []

function openTo(prefix: TempPrefix): TempPrefix {
  chmodSync(prefix.path, 0o755)
  if (isRoot) for (const folder of ['logs', 'data']) chownSync(prefix.file(folder), nobody, nobody)
  return prefix
}

test('an engine without root serves, reloads and stops', async (t) => {
  const port = await freePort()
  const conf = streamConf({ [port]: 'no root' }, 'user root root; worker_processes 2;')
  const prefix = openTo(makeTempPrefix(t))
  const engine = await startTrijet(t, { conf, prefix, under })
  assert.equal(await textOf(t, port), 'no root')
  const why = 'makes sense only if the master process runs with super-user privileges, ignored'
  assert.match(engine.process.stderr, new RegExp(`\\[warn\\] the "user" directive ${why} in .*:1`))
  await engine.reload(streamConf({ [port]: 'reloaded' }))
  assert.equal(await textOf(t, port), 'reloaded')
  assert.equal((await engine.stop()).code, 0)
})

test("another user's leftovers in shared memory do not stand in the way", async (t) => {
  const port = await freePort()
  // As a killed master of root leaves it: no process has that number with that start.
  const leftover = '/dev/shm/trijet.000000000000-1-1.zone.000000000000.8'
  writeFileSync(leftover, '12345678', { mode: 0o600 })
  t.after(() => rmSync(leftover, { force: true }))
  const prefix = openTo(makeTempPrefix(t))
  await startTrijet(t, { conf: streamConf({ [port]: 'serves' }), prefix, under })
  assert.equal(await textOf(t, port), 'serves')
})

test('mesh without the capability says which one is missing, and serves what comes directly', async (t) => {
  const port = await freePort()
  const prefix = openTo(makeTempPrefix(t))
  const conf = `error_log logs/error.log notice; events {}
stream { server { listen ${port} mesh; return direct; } }`
  const engine = await startTrijet(t, { conf, prefix, under, ports: [port] })
  assert.equal(await textOf(t, port), 'direct')
  if (isRoot) assert.match(engine.errorLog, /need the capability CAP_NET_ADMIN/)
})

test('a low port is refused with the reason', async (t) => {
  const prefix = openTo(makeTempPrefix(t, { 'conf/trijet.conf': streamConf({ 81: 'a' }) }))
  for (const more of [['-t'], ['-g', 'daemon off;']]) {
    const command = [...under, launcher, '-p', prefix.path, ...more]
    const { code, stderr } = await run(command as [string, ...string[]])
    assert.equal(code, 1)
    assert.match(stderr, /\[emerg\] bind\(\) to 127\.0\.0\.1:81 failed \(13: Permission denied\)/)
  }
})

test('with root, workers become the user that the configuration names', async (t) => {
  if (!isRoot) {
    t.skip('only root can become another user')
    return
  }
  const port = await freePort()
  const prefix = openTo(makeTempPrefix(t))
  const engine = await startTrijet(t, {
    conf: streamConf({ [port]: 'a' }, 'user nobody nogroup;'),
    prefix,
  })
  const [pid] = workerPids(engine)
  const { stdout } = await run(['ps', '-o', 'uid=,gid=', '-p', String(pid)])
  assert.equal(stdout.trim().replaceAll(/\s+/g, ' '), `${nobody} ${nobody}`)
  assert.equal(readProcess(engine.pid)?.state === 'Z', false)
  await engine.reload(streamConf({ [port]: 'b' }, 'user nobody nogroup;'))
  assert.equal(await textOf(t, port), 'b')
})
