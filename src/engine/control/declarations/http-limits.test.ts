import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createPlane,
  get,
  linesWith,
  located,
  locationOf,
  prefix,
  put,
  success,
} from '../declarations.fixture.ts'

test('http_dyn_limit: limits of the location, rates of the zones', async () => {
  const { api, plane } = createPlane()
  const shared = {
    limit_rate: '0',
    limit_rate_after: '0',
    limit_conns_scope: 'up_share',
    limit_conns: [],
    limit_conn_dry_run: 'off',
    limit_conn_log_level: 'error',
    limit_conn_status: 503,
    limit_reqs_scope: 'up_share',
    limit_reqs: [],
    limit_req_dry_run: 'off',
    limit_req_log_level: 'error',
    limit_req_status: 503,
  }
  assert.deepEqual(await locationOf(api, 'http_dyn_limit', '/'), shared)
  assert.deepEqual(await locationOf(api, 'http_dyn_limit', '^~ /kept', '~ \\.php$'), {
    ...shared,
    limit_conns_scope: 'location',
    limit_conns: [{ zone: 'conns', conn: 3 }],
    limit_reqs_scope: 'location',
    limit_reqs: [{ zone: 'reqs', burst: 5, delay: 'nodelay' }],
  })
  const wanted = {
    limit_rate: '100k',
    limit_conns_scope: 'location',
    limit_conns: [{ zone: 'conns', conn: 7 }],
    limit_conn_status: 429,
    limit_reqs_scope: 'location',
    limit_reqs: [{ zone: 'reqs', burst: 9, delay: '3' }],
    limit_req_dry_run: 'on',
  }
  const rates = { limit_rps: [{ zone: 'reqs', rate: '50r/s' }] }
  assert.deepEqual(
    await put(api, 'http_dyn_limit', { ...located({ location: '/', ...wanted }), ...rates }),
    success,
  )
  assert.deepEqual(await locationOf(api, 'http_dyn_limit', '/'), { ...shared, ...wanted })
  assert.deepEqual((await get(api, 'http_dyn_limit'))['limit_rps'], rates.limit_rps)
  assert.deepEqual(linesWith(plane, 'limit_req zone'), [
    'limit_req zone=reqs burst=9 delay=3;',
    'limit_req zone=reqs burst=5 nodelay;',
  ])
  // A dump that comes back changes nothing.
  const dump = await get(api, 'http_dyn_limit')
  assert.equal((await put(api, 'http_dyn_limit', dump))['code'], 0)
  assert.deepEqual((await get(api, 'http_dyn_limit'))['servers'], dump['servers'])
  assert.equal(linesWith(plane, 'limit_conn conns').length, 2)
  const conns = [{ zone: 'conns', conn: 1 }]
  for (const [fields, fault] of [
    [{ limit_conns: conns }, ' dyn limit conn is up_share scope, so not update'],
    [
      { limit_conns_scope: 'up_share', limit_conns: conns },
      ' dyn limit conn is up_share scope, so not update',
    ],
    [{ limit_reqs: [] }, ' dyn limit req is up_share scope, so not update'],
    [
      { limit_conns_scope: 'location', limit_conns: [{ zone: 'x', conn: 1 }] },
      ' limit conn zone:x is not exist',
    ],
    [
      { limit_conns_scope: 'location', limit_conns: [{ zone: 'conns', conn: 0 }] },
      ' conn should be from 1 to 65535',
    ],
    [{ limit_conn_status: 200 }, ' limit_conn_status should be from 400 to 599'],
    [{ limit_rate: 'fast' }, ' limit_rate "fast" is invalid'],
    [
      { limit_reqs_scope: 'location', limit_reqs: [{ zone: 'reqs', delay: 'no' }] },
      ' delay "no" is invalid',
    ],
  ] as const) {
    assert.deepEqual(await put(api, 'http_dyn_limit', located({ location: '/', ...fields })), {
      data: [`${prefix}.locations[/]${fault}`],
      code: 4,
      msg: 'update dyn conf error.',
    })
  }
  for (const [zone, rate, fault] of [
    ['none', '1r/s', ' update rps zone:none is not exist'],
    ['reqs', '0r/s', ' update rps zone:reqs  rate invalid'],
    ['reqs', 'x', ' update rps zone:reqs  rate invalid'],
  ]) {
    const { data } = await put(api, 'http_dyn_limit', { limit_rps: [{ zone, rate }] })
    assert.deepEqual(data, [`limit_rps${fault}`])
  }
})
