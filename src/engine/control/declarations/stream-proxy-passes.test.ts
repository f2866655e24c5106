import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPlane, get, type Json, linesWith, put, success } from '../declarations.fixture.ts'

test('stream_proxy_pass: servers that have a target', async () => {
  const { api, plane } = createPlane()
  const a = { listens: ['0.0.0.0:9000'], serverNames: ['a', 'b'] }
  assert.deepEqual(await get(api, 'stream_proxy_pass'), {
    servers: [
      { ...a, proxy_pass: '127.0.0.1:1' },
      { listens: ['0.0.0.0:9001'], serverNames: [''], proxy_pass: '' },
    ],
  })
  const set = (server: Json): Promise<Json> => put(api, 'stream_proxy_pass', { servers: [server] })
  assert.deepEqual(await set({ ...a, proxy_pass: '127.0.0.1:2' }), success)
  assert.deepEqual(linesWith(plane, '9000').length, 1)
  assert.deepEqual((await set({ listens: ['9001'], proxy_pass: 'x' }))['data'], [
    'listen[9001] server_name[] has no proxy_pass',
  ])
  assert.deepEqual(
    (await set({ listens: ['9000'], serverNames: ['c'], proxy_pass: 'x' }))['data'],
    ['listen[9000] server_name[c] can not find server.'],
  )
})
