/** A disk that is full: what cannot be kept is refused, and everything else goes on. */
import assert from 'node:assert/strict'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { onEnd } from '../support/scope.ts'
import { makeTempPrefix, type TempPrefix } from '../support/temp-prefix.ts'
import { startTrijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import {
  type Control,
  type ControlOptions,
  host,
  mainConf,
  pageFor,
  startControl,
} from '../control/support.ts'

const patient = { timeout: 120_000 }

/** A prefix whose `data` is a file system of its own. */
async function prefixWithSmallDisk(t: TestContext): Promise<TempPrefix> {
  const prefix = makeTempPrefix(t)
  const data = prefix.file('data')
  const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', data])
  assert.equal(mounted.code, 0, mounted.stderr)
  onEnd(t, async () => {
    const { code, stderr } = await run(['umount', '--lazy', data])
    assert.equal(code, 0, stderr)
  })
  return prefix
}

function fill(prefix: TempPrefix): string {
  const data = prefix.file('data')
  const { bavail, bsize } = statfsSync(data)
  const filler = prefix.file('data/filler')
  writeFileSync(filler, Buffer.alloc(bavail * bsize))
  return filler
}

function optionsOf(prefix: TempPrefix, port: number): ControlOptions {
  const server = `server { listen ${host}:${port}; server_name front;
    location /colour { return 200 $kv_http_colour; } }`
  return {
    prefix,
    stream: '',
    workers: 2,
    blocks: `http { dyn_kv_conf; access_log off; ${server} }`,
  }
}

interface Answer {
  readonly code: number
  readonly msg: string
  readonly revision?: number
}

async function addLocation(
  t: TestContext,
  control: Control,
  name: string,
  port: number,
): Promise<Answer> {
  const value = `location /${name}/ { return 200 "${'x'.repeat(2_000)}"; }`
  const place = `/http/server[${host}:${port} front]`
  const body = JSON.stringify([{ op: 'add', path: place, value }])
  return JSON.parse((await control.ask(t, 'PATCH', '/api/v2/config', body)).text) as Answer
}

test(
  'changes are refused while the disk is full, and made when it has room again',
  patient,
  async (t) => {
    const prefix = await prefixWithSmallDisk(t)
    const port = await freePort()
    const control = await startControl(t, optionsOf(prefix, port))
    const statusOf = async (name: string): Promise<number> =>
      (await pageFor(t, port, `/${name}/`, 'front')).status
    assert.equal((await addLocation(t, control, 'a', port)).code, 0)

    const filler = fill(prefix)
    const refused = await addLocation(t, control, 'b', port)
    const reason = `the journal cannot be written: "${prefix.file('data/journal.db')}": database or disk is full`
    assert.deepEqual(refused, { code: 4, msg: reason })
    await control.engine.waitForLog(new RegExp(`\\[crit\\] .*${RegExp.escape(reason)}`))
    assert.deepEqual([await statusOf('a'), await statusOf('b')], [200, 404])

    rmSync(filler)
    const made = await addLocation(t, control, 'c', port)
    assert.deepEqual([made.code, made.revision], [0, 2])
    assert.equal(await statusOf('c'), 200)
  },
)

test(
  'an engine that starts on a full disk serves what is in force, and says what it lacks',
  patient,
  async (t) => {
    const prefix = await prefixWithSmallDisk(t)
    const port = await freePort()
    const options = optionsOf(prefix, port)
    const control = await startControl(t, options)
    assert.equal((await addLocation(t, control, 'a', port)).code, 0)
    const putColour = async (value: string): Promise<number> =>
      (await control.ask(t, 'POST', '/api/v1/kv', { key: 'colour', value })).status
    const colour = async (): Promise<string> =>
      (await pageFor(t, port, '/colour', 'front')).body.toString()
    assert.equal(await putColour('blue'), 200)
    await until(async () => (await colour()) === 'blue', { what: 'the key value' })
    await control.engine.stop()
    const filler = fill(prefix)
    const again = await startTrijet(t, { conf: mainConf(options), prefix, ports: [port] })
    assert.equal((await pageFor(t, port, '/a/', 'front')).status, 200)
    // Of both workers.
    for (let i = 0; i < 8; i += 1) assert.equal(await colour(), 'blue')
    const [line] = await again.waitForLog(/\[alert\] .*copilot process conf\/mqtt\.conf fails: .*/)
    assert.ok(line.includes(`fails: "${prefix.path}/data/`), line)
    assert(!line.includes(' at '), line)
    rmSync(filler)
    await control.waitForControl(t)
    assert.equal((await addLocation(t, control, 'b', port)).code, 0)
    assert.equal(await putColour('green'), 200)
    const allSee = async (wanted: string): Promise<boolean> => {
      const seen = new Set<string>()
      for (let i = 0; i < 8; i += 1) seen.add(await colour())
      return seen.size === 1 && seen.has(wanted)
    }
    await until(() => allSee('green'), { what: 'the next key value in both workers' })
  },
)
