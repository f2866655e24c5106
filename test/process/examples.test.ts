/** The examples run as their comments say. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { freePort } from '../support/ports.ts'
import { startTrijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import { textOf } from './support.ts'

function example(path: string): string {
  return fileURLToPath(new URL(`../../examples/${path}`, import.meta.url))
}

test('the demo module greets', async (t) => {
  const port = await freePort()
  await startTrijet(t, {
    conf: `load_module ${example('modules/hello.ts')};
      events {}
      stream { server { listen 127.0.0.1:${port}; hello "dear $remote_addr"; } }`,
  })
  assert.equal(await textOf(t, port), 'hello dear 127.0.0.1\n')
})

test('the demo copilot beats', async (t) => {
  const port = await freePort()
  const engine = await startTrijet(t, {
    conf: `helper heartbeat ${example('copilots/heartbeat.ts')} conf/heartbeat.conf;
      error_log logs/error.log notice;
      events {}
      stream { server { listen 127.0.0.1:${port}; return a; } }`,
    files: { 'conf/heartbeat.conf': '20' },
  })
  const beat = (): string | undefined => {
    const database = new DatabaseSync(engine.prefix.file('data/kv/kv.db'), { readOnly: true })
    const sql = `SELECT value FROM entries WHERE key = 'kv_http_heartbeat_heartbeat'`
    const row = database.prepare(sql).get()
    database.close()
    return row && Buffer.from(row['value'] as Uint8Array).toString()
  }
  const read = (): string | undefined => {
    try {
      return beat()
    } catch {
      return undefined
    }
  }
  const first = await until(read, { what: 'a first beat' })
  await until(() => read() !== first, { what: 'another beat' })
  await engine.stop()
  assert.match(engine.errorLog, /heartbeat: the last beat is written/)
})

test('each is short', () => {
  for (const path of ['modules/hello.ts', 'copilots/heartbeat.ts']) {
    assert(readFileSync(example(path), 'utf8').trimEnd().split('\n').length < 40)
  }
})
