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

test('http_dyn_fault_inject: only what a type needs is written', async () => {
  const { api, plane } = createPlane()
  const at = '= /fault'
  const delay = {
    fault_inject_type: 'delay',
    delay_percentage: 100,
    delay_duration: '1s',
    header: 'X:y',
  }
  assert.deepEqual(await locationOf(api, 'http_dyn_fault_inject', at), delay)
  assert.deepEqual(await locationOf(api, 'http_dyn_fault_inject', '/'), {
    fault_inject_type: 'none',
  })
  const set = (location: string, fields: Json): Promise<Json> =>
    put(api, 'http_dyn_fault_inject', located({ location, ...fields }))
  assert.deepEqual(await set(at, { fault_inject_type: 'delay_abort', status_code: 503 }), success)
  assert.deepEqual(linesWith(plane, 'type='), [
    'fault_inject type=delay_abort delay_duration=1s delay_percentage=100 status_code=503 abort_percentage=100 header=X:y;',
  ])
  const all = { delay_percentage: 5, abort_percentage: 6, status_code: 418, delay_duration: '2ms' }
  assert.deepEqual(await set('/', { fault_inject_type: 'abort', ...all }), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_fault_inject', '/'), {
    fault_inject_type: 'abort',
    abort_percentage: 6,
    status_code: 418,
  })
  assert.deepEqual(await set(at, { fault_inject_type: 'none' }), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_fault_inject', at), {
    fault_inject_type: 'none',
  })
  for (const [fields, fault] of [
    [{ fault_inject_type: 'delay' }, ' delay_duration is not set'],
    [{ fault_inject_type: 'abort' }, ' status_code is not set'],
    [
      { ...all, fault_inject_type: 'delay', delay_duration: '0ms' },
      ' delay_duration should be at least 1ms',
    ],
    [
      { ...all, fault_inject_type: 'abort', status_code: 601 },
      ' status_code should be from 200 to 600',
    ],
    [
      { ...all, fault_inject_type: 'abort', abort_percentage: 0 },
      ' abort_percentage should be from 1 to 100',
    ],
  ] as const) {
    assert.deepEqual((await set(at, fields))['data'], [`${prefix}.locations[${at}]${fault}`])
  }
})
