/** `auth_basic_kv`: users whose hashes are in the key/value store. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curl } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { runOk } from '../support/process.ts'
import { ConfigurationFault } from '../support/subsystem-runner.ts'
import { refusalOf, startHttp } from './support.ts'

async function hashed(scheme: string, password: string): Promise<string> {
  return (await runOk(['openssl', 'passwd', `-${scheme}`, password])).trim()
}

test('users come and go with their keys', async (t) => {
  const port = await freePort()
  const engine = await startHttp(
    t,
    `access_log off;
     server { listen 127.0.0.1:${port}; auth_basic "staff only"; auth_basic_kv staff;
       location / { stub_status; }
       location /file { auth_basic_user_file users; stub_status;
         location /file/back { auth_basic_kv others; stub_status; } }
       location /open { auth_basic off; stub_status; } }`,
    { 'conf/users': 'fay:{PLAIN}file\n' },
  )
  const ask = async (path: string, user?: string): Promise<number> => {
    const credentials = user === undefined ? [] : ['-u', user]
    return (await curl(...credentials, `http://127.0.0.1:${port}${path}`)).status
  }
  const { keyValues } = engine
  keyValues.set('auth_basic:staff:Ann', await hashed('6', 'right'))
  keyValues.set('auth_basic:staff:bob', await hashed('apr1', 'builder'))
  keyValues.set('auth_basic:others:cy', '{PLAIN}young')
  assert.equal(await ask('/'), 401)
  assert.equal(await ask('/', 'Ann:right'), 200)
  assert.equal(await ask('/', 'ann:right'), 401, 'names have their case')
  assert.equal(await ask('/', 'Ann:wrong'), 401)
  assert.equal(await ask('/', 'bob:builder'), 200)
  assert.equal(await ask('/', 'cy:young'), 401, 'users of another prefix')
  assert.equal(await ask('/open'), 200)
  assert.equal(await ask('/file', 'fay:file'), 200, 'the inner block says a file')
  assert.equal(await ask('/file', 'Ann:right'), 401)
  assert.equal(await ask('/file/back', 'cy:young'), 200)
  assert.equal(await ask('/file/back', 'fay:file'), 401)
  keyValues.set('auth_basic:staff:Ann', await hashed('6', 'changed'))
  assert.equal(await ask('/', 'Ann:right'), 401)
  assert.equal(await ask('/', 'Ann:changed'), 200)
  keyValues.delete('auth_basic:staff:Ann')
  assert.equal(await ask('/', 'Ann:changed'), 401)
  assert.match(engine.errorLog, /user "Ann" was not found in "auth_basic:staff:\*"/)
  assert.match(engine.errorLog, /user "Ann": password mismatch/)
})

test('two sources in one block are refused', async (t) => {
  const both = 'server { auth_basic_user_file users; auth_basic_kv staff; }'
  const [first] = await refusalOf(t, both)
  assert.match(first!, /"auth_basic_kv" and "auth_basic_user_file" are both set/)
  const runner = await startHttp(t, `server { listen 127.0.0.1:${await freePort()}; }`)
  const change = runner.load('auth_basic_kv a b;')
  await assert.rejects(change, (error) => error instanceof ConfigurationFault)
})
