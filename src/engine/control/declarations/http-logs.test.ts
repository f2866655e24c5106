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

test('http_log: where, in which form, and what it does not know of stays', async () => {
  const { api, plane } = createPlane()
  const usual = { path: 'logs/access.log', formatName: 'combined' }
  assert.deepEqual(await locationOf(api, 'http_log', '/'), {
    accessLogOn: true,
    accessLogs: [usual],
  })
  const kept = [
    { path: 'logs/a.log', formatName: 'short' },
    { path: 'logs/b.log', formatName: 'combined' },
  ]
  assert.deepEqual(await locationOf(api, 'http_log', '^~ /kept'), {
    accessLogOn: true,
    accessLogs: kept,
  })
  const php = ['^~ /kept', '~ \\.php$'] as const
  assert.deepEqual(await locationOf(api, 'http_log', ...php), {
    accessLogOn: false,
    accessLogs: [],
  })
  const on = { location: php[0], locations: [{ location: php[1], accessLogOn: true }] }
  assert.deepEqual(await put(api, 'http_log', located(on)), success)
  assert.deepEqual(await locationOf(api, 'http_log', ...php), {
    accessLogOn: true,
    accessLogs: kept,
  })
  const json = { name: 'json', format: '{"s":"$status"}', escape: 'json' }
  const document = {
    ...located(
      { location: '/', accessLogOn: false },
      { location: php[0], accessLogs: [kept[0]!, { path: 'logs/c.log', formatName: 'json' }] },
    ),
    accessLogFormats: [json, { name: 'short', format: "it's $uri" }],
  }
  assert.deepEqual(await put(api, 'http_log', document), success)
  assert.deepEqual(linesWith(plane, 'access_log'), [
    'access_log off;',
    'access_log logs/a.log short buffer=32k;',
    'access_log logs/c.log json;',
  ])
  const { accessLogFormats } = await get(api, 'http_log')
  assert.deepEqual(accessLogFormats, [
    { name: 'short', format: "it's $uri", escape: 'default' },
    json,
  ])
})
