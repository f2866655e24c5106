import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPlane, get, type Json, linesWith, put, success } from '../declarations.fixture.ts'

test('shares of variants', async () => {
  const { api, plane } = createPlane()
  assert.deepEqual(await get(api, 'http_split_clients'), {
    http: { split_clients: { _key: '$remote_addr $variant', a: 12.5, b: 87.5 } },
  })
  assert.deepEqual(await get(api, 'http_split_clients_2'), {
    http: { split_clients_2: { blue: 10, green: 90 } },
  })
  const shares = (fields: Json): Json => ({ http: { split_clients_2: fields } })
  assert.deepEqual(await put(api, 'http_split_clients_2', shares({ blue: 0, red: 100 })), success)
  assert.deepEqual(await get(api, 'http_split_clients_2'), shares({ blue: 0, red: 100 }))
  assert.deepEqual(
    await put(api, 'http_split_clients', {
      http: { split_clients: [{ _key: '$variant', a: 100, b: 0 }] },
    }),
    success,
  )
  assert.deepEqual(linesWith(plane, '%'), ['100% a;', '0% blue;', '100% red;'])
  for (const [fields, fault] of [
    [{ blue: 10, green: 80 }, ' total percentage should be 100'],
    [{ blue: 101 }, ' percentage of "blue" should be from 0 to 100'],
    [{ blue: 'all' }, ' percentage of "blue" should be from 0 to 100'],
    [{ _key: '$none', a: 100 }, ' _key "$none" is not in the configuration'],
  ] as const) {
    assert.deepEqual((await put(api, 'http_split_clients_2', shares(fields)))['data'], [
      `split_clients_2${fault}`,
    ])
  }
  const none = createPlane('http { }').api
  assert.deepEqual(await get(none, 'http_split_clients_2'), { http: {} })
  assert.deepEqual((await put(none, 'http_split_clients_2', shares({ a: 100 })))['data'], [
    'split_clients_2 is not in the configuration',
  ])
})
