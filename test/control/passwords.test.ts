/** Users of `auth_basic_kv`, managed by the interface: from the request to the worker that checks them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curl } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { until } from '../support/wait.ts'
import { type Control, host, startControl, success } from './support.ts'

const patient = { timeout: 120_000 }
const path = '/api/v1/auth_kv/password'

test('a user comes in with the password in force, also after a restart', patient, async (t) => {
  const [port, stream] = [await freePort(), await freePort()]
  const options = {
    stream: `server { listen ${host}:${stream}; return fixed; }`,
    workers: 2,
    blocks: `http { dyn_kv_conf; server { listen ${host}:${port};
      location / { auth_basic staff; auth_basic_kv staff; empty_gif; } } }`,
  }
  let control: Control = await startControl(t, options)
  const comesIn = async (user: string): Promise<boolean> => {
    const url = `http://${host}:${port}/`
    const answers = await Promise.all([1, 2, 3, 4].map(() => curl('-u', user, url)))
    return answers.every(({ status }) => status === 200)
  }
  const untilIn = (user: string): Promise<unknown> =>
    until(() => comesIn(user), { what: `${user} to come in` })
  const untilOut = (user: string): Promise<unknown> =>
    until(async () => !(await comesIn(user)), { what: `${user} to be kept out` })

  const ann = { prefix: 'staff', user_name: 'Ann', password: 'first one' }
  assert.deepEqual(await control.ask(t, 'PUT', path, ann), success)
  await untilIn('Ann:first one')
  assert.equal(await comesIn('ann:first one'), false, 'names have a case')
  const other = { ...ann, user_name: 'ann', password: 'of another' }
  assert.deepEqual(await control.ask(t, 'PUT', path, other), success)
  await untilIn('ann:of another')
  assert.equal(await comesIn('Ann:first one'), true)

  const second = { password: 'second one' }
  assert.deepEqual(await control.ask(t, 'PATCH', `${path}/staff/Ann`, second), success)
  await untilIn('Ann:second one')
  await untilOut('Ann:first one')
  await control.engine.stop()
  control = await startControl(t, {
    ...options,
    prefix: control.prefix,
    controlPort: control.port,
  })
  await untilIn('Ann:second one')
  assert.deepEqual(await control.ask(t, 'DELETE', `${path}/staff/Ann`), success)
  await untilOut('Ann:second one')
  const stored = await control.ask(t, 'GET', '/api/v1/kv?key=auth_basic:staff:ann')
  assert.match(stored.text, /^\$(y|6)\$/)
})
