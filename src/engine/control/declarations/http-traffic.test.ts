import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createPlane,
  get,
  linesWith,
  located,
  locationOf,
  put,
  success,
} from '../declarations.fixture.ts'

test('http_vts: a switch, and the one filter', async () => {
  const { api, plane } = createPlane()
  const off = located({ location: '/', vhost_traffic_status: false })
  assert.deepEqual(
    await put(api, 'http_vts', { ...off, vhost_traffic_status_filter_by_set_key: '$uri "by uri"' }),
    success,
  )
  assert.deepEqual(await locationOf(api, 'http_vts', '/'), { vhost_traffic_status: false })
  assert.equal(
    (await get(api, 'http_vts'))['vhost_traffic_status_filter_by_set_key'],
    '$uri "by uri"',
  )
  assert.deepEqual(await put(api, 'http_vts', { vhost_traffic_status_filter_by_set_key: '$uri' }), {
    data: [
      'vhost_traffic_status_filter_by_set_key should have two parameters: a key and its group',
    ],
    code: 4,
    msg: 'update dyn conf error.',
  })
  assert.deepEqual(
    await put(api, 'http_vts', { vhost_traffic_status_filter_by_set_key: '' }),
    success,
  )
  assert.deepEqual(linesWith(plane, 'set_key'), [])
})
