import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createPlane,
  linesWith,
  located,
  locationOf,
  put,
  success,
} from '../declarations.fixture.ts'

test('otel: a switch', async () => {
  const { api, plane } = createPlane()
  assert.deepEqual(
    await put(api, 'otel', located({ location: '/', opentelemetry: false })),
    success,
  )
  assert.deepEqual(linesWith(plane, 'opentelemetry'), ['opentelemetry off;'])
  assert.deepEqual(await locationOf(api, 'otel', '/'), { opentelemetry: false })
})
