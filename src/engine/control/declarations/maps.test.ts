import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPlane, get, type Json, put, success } from '../declarations.fixture.ts'

test('maps of both subsystems', async () => {
  const { api } = createPlane()
  const http = {
    keyFrom: '$arg_k',
    keyTo: '$mapped',
    values: [
      { valueFrom: 'default', valueTo: 'none' },
      { valueFrom: 'a', valueTo: 'one' },
    ],
    isVolatile: false,
    hosnames: true,
  }
  assert.deepEqual(await get(api, 'http_dyn_map'), { maps: [http] })
  const changed = {
    ...http,
    values: [{ valueFrom: '~^(x|y)$', valueTo: 'a "b" $1;' }],
    isVolatile: true,
  }
  assert.deepEqual(await put(api, 'http_dyn_map', { maps: [changed] }), success)
  assert.deepEqual(await get(api, 'http_dyn_map'), { maps: [changed] })
  const faults = [
    [{ ...http, keyTo: 'mapped' }, 'keyTo mapped is invalid, it should start with $'],
    [{ ...http, keyFrom: '' }, 'keyFrom  is invalid, it should start with $'],
    [{ ...http, keyTo: '$none' }, 'keyTo $none not found in conf'],
    [{ ...http, values: [{ valueFrom: ' ' }] }, 'valueFrom is empty'],
  ] as const
  for (const [map, fault] of faults) {
    assert.deepEqual((await put(api, 'http_dyn_map', { maps: [map] }))['data'], [fault])
  }
  const stream = {
    keyFrom: '$remote_addr',
    keyTo: '$word',
    values: [{ valueFrom: 'x', valueTo: '' }],
  }
  assert.deepEqual(await put(api, 'stream_dyn_map', { maps: [stream, http] }), {
    data: ['keyTo $mapped not found in conf'],
    code: 1,
    msg: 'partial success.',
  })
  const { maps } = (await get(api, 'stream_dyn_map')) as { maps: Json[] }
  assert.deepEqual(maps[0]!['values'], stream.values)
})
