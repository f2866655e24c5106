import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createPlane,
  type Json,
  linesWith,
  located,
  locationOf,
  prefix,
  put,
  success,
} from '../declarations.fixture.ts'

test('http_dyn_auth: one source takes the place of the other', async () => {
  const { api, plane } = createPlane()
  const file = { auth_basic: 'dialogue', auth_type: 'file', auth_param: 'users' }
  assert.deepEqual(await locationOf(api, 'http_dyn_auth', '/'), file)
  assert.deepEqual(await locationOf(api, 'http_dyn_auth', '^~ /kept'), { auth_basic: 'off' })
  const set = (fields: Json): Promise<Json> =>
    put(api, 'http_dyn_auth', located({ location: '/', ...fields }))
  assert.deepEqual(await set({ auth_type: 'kv', auth_param: 'staff' }), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_auth', '/'), {
    ...file,
    auth_type: 'kv',
    auth_param: 'staff',
  })
  assert.deepEqual(linesWith(plane, 'user_file'), [])
  assert.deepEqual(await set({ auth_basic: 'off' }), success)
  assert.deepEqual(await set({ auth_type: 'file', auth_param: 'others' }), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_auth', '/'), {
    auth_basic: 'off',
    auth_type: 'file',
    auth_param: 'others',
  })
  assert.deepEqual((await set({ auth_param: '' }))['data'], [
    `${prefix}.locations[/] auth_param is empty`,
  ])
  const kept = located({ location: '^~ /kept', auth_param: 'x' })
  assert.deepEqual((await put(api, 'http_dyn_auth', kept))['data'], [
    `${prefix}.locations[^~ /kept] auth_type is not set`,
  ])
})
