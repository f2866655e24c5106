import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createPlane,
  linesWith,
  located,
  locationOf,
  prefix,
  put,
  success,
} from '../declarations.fixture.ts'

test('http_dyn_bwlist: one list of two families', async () => {
  const { api, plane } = createPlane()
  const all4 = { rule: 'deny', addr: '0.0.0.0', mask: '0.0.0.0' }
  const all6 = { rule: 'deny', addr: '::', mask: '::' }
  assert.deepEqual(await locationOf(api, 'http_dyn_bwlist', '/'), {
    accessIpv4: [
      { rule: 'allow', addr: '10.0.0.0', mask: '255.0.0.0' },
      { rule: 'deny', addr: '10.1.2.3', mask: '255.255.255.255' },
      all4,
    ],
    accessIpv6: [all6],
  })
  const rules = [
    { rule: 'allow', addr: '192.168.4.0', mask: '255.255.252.0' },
    { rule: 'deny', addr: '192.168.0.0', mask: '16' },
    { rule: 'allow', addr: '1.2.3.4' },
  ]
  assert.deepEqual(
    await put(api, 'http_dyn_bwlist', located({ location: '/', accessIpv4: rules })),
    success,
  )
  assert.deepEqual(linesWith(plane, '192.168').concat(linesWith(plane, '1.2.3.4/')), [
    'allow 192.168.4.0/22;',
    'deny 192.168.0.0/16;',
    'allow 1.2.3.4/32;',
  ])
  assert.deepEqual(linesWith(plane, 'unix:'), ['allow unix:;', 'allow unix:;', 'deny unix:;'])
  const v6 = [
    { rule: 'deny', addr: '2001:db8::', mask: 'ffff:ffff::' },
    { rule: 'allow', addr: '::1' },
  ]
  assert.deepEqual(
    await put(api, 'http_dyn_bwlist', located({ location: '/', accessIpv6: v6 })),
    success,
  )
  const found = await locationOf(api, 'http_dyn_bwlist', '/')
  assert.deepEqual(found['accessIpv6'], [
    { rule: 'deny', addr: '2001:db8::', mask: 'ffff:ffff::' },
    { rule: 'allow', addr: '::1', mask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' },
  ])
  assert.equal((found['accessIpv4'] as unknown[]).length, 3)
  assert.deepEqual(await put(api, 'http_dyn_bwlist', located({ location: '/', ...found })), success)
  assert.deepEqual(await locationOf(api, 'http_dyn_bwlist', '/'), found)
  for (const [entry, msg] of [
    [{ rule: 'deny', addr: 'x' }, ' addr "x" is no address of accessIpv4'],
    [{ rule: 'deny', addr: '::1' }, ' addr "::1" is no address of accessIpv4'],
    [{ rule: 'deny', addr: '1.1.1.1', mask: '33' }, ' mask "33" is no mask of accessIpv4'],
    [
      { rule: 'deny', addr: '1.1.1.1', mask: '255.0.255.0' },
      ' mask "255.0.255.0" is no mask of accessIpv4',
    ],
  ] as const) {
    assert.deepEqual(
      await put(api, 'http_dyn_bwlist', located({ location: '/', accessIpv4: [entry] })),
      { data: [`${prefix}.locations[/]${msg}`], code: 4, msg: 'update dyn conf error.' },
    )
  }
})
