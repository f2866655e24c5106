import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPlane, get, type Json, put, success } from '../declarations.fixture.ts'

test('stream_dyn_sts: a switch, and filters', async () => {
  const { api } = createPlane()
  const counted = {
    listens: ['9001'],
    server_traffic_status: false,
    server_traffic_status_filter_by_set_key: ['$remote_addr clients', '$protocol'],
  }
  assert.deepEqual(await put(api, 'stream_dyn_sts', { servers: [counted] }), success)
  const { servers } = (await get(api, 'stream_dyn_sts')) as { servers: Json[] }
  assert.deepEqual(servers[1], { ...counted, listens: ['0.0.0.0:9001'], serverNames: [''] })
  const three = { ...counted, server_traffic_status_filter_by_set_key: ['a b c'] }
  assert.deepEqual((await put(api, 'stream_dyn_sts', { servers: [three] }))['data'], [
    'listen[9001] server_name[] "a b c" is no key with a group',
  ])
})
