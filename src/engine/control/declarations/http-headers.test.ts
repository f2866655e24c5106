import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createPlane,
  type Json,
  located,
  locationOf,
  prefix,
  put,
} from '../declarations.fixture.ts'
import { httpHeaderFields } from './http-headers.ts'

test('http_dyn_header: names, and variables that nobody has', async () => {
  const { api } = createPlane()
  assert.deepEqual(await locationOf(api, 'http_dyn_header', '/'), {
    headers: [{ key: 'X-All', value: '$host', always: 1 }],
  })
  const set = (key: string, value: string): Promise<Json> =>
    put(api, 'http_dyn_header', located({ location: '/', headers: [{ key, value, always: 1 }] }))
  assert.deepEqual((await set('X Y', 'v'))['data'], [
    `${prefix}.locations[/] header key "X Y" is no name of a field`,
  ])
  const { explain } = httpHeaderFields.items(located({ location: '/', headers: [] }))[0]!
  assert.equal(
    explain?.('unknown "nope" variable in /t/conf:1'),
    ' header contains undefined variables $nope',
  )
})
