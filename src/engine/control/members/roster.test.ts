import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeTempPrefix } from '../../../../test/support/temp-prefix.ts'
import { configurationFromText } from '../../conf/includes.ts'
import { DynamicState } from '../dynamic-state.ts'
import { placeEdit } from '../place.ts'
import { app, createBench, files, rebasedState, servers } from '../upstream-members.fixture.ts'

test('the order of members does not depend on how they came about', async () => {
  const { plane, send: ask } = createBench()
  for (const port of [11, 12, 13]) await ask('POST', `${app}/`, { server: `127.0.0.1:${port}` })
  await ask('DELETE', `${app}/1`)
  await ask('PATCH', `${app}/3`, { weight: 5 })
  await ask('PATCH', `${app}/0`, { weight: 9 })
  const now = servers(plane.state(), 'app')
  assert.deepEqual(now, [
    '127.0.0.1:1 weight=9',
    '127.0.0.1:3 backup',
    '127.0.0.1:11 weight=5',
    '127.0.0.1:12',
    '127.0.0.1:13',
  ])
  assert.deepEqual(servers(rebasedState(plane), 'app'), now)
})

test('numbers outlive what somebody else writes into the group', async () => {
  const { plane, send: ask } = createBench()
  await ask('POST', `${app}/`, { server: '127.0.0.1:11' })
  await ask('POST', `${app}/`, { server: '127.0.0.1:12' })
  await ask('DELETE', `${app}/3`)
  await ask('PATCH', `${app}/0`, { weight: 4 })
  const numbers = (await ask('GET', app)).body
  const place = { steps: [['http'], ['upstream', 'app']], target: 'keepalive' } as const
  await plane.change({
    edits: () => [placeEdit(place, 'keepalive 99;')],
    action: 'test',
    actor: { peer: 'test', name: undefined },
    dryRun: false,
    timeoutMs: 1000,
  })
  assert.deepEqual((await ask('GET', app)).body, numbers)
  await ask('PATCH', `${app}/4`, { weight: 6 })
  await ask('DELETE', `${app}/0`)
  assert.deepEqual(servers(plane.state(), 'app'), [
    '127.0.0.1:2 weight=2',
    '127.0.0.1:3 backup',
    '127.0.0.1:12 weight=6',
  ])
  assert.equal((await ask('POST', `${app}/`, { server: '127.0.0.1:13' })).body.id, 5)
})

test('a group that goes takes what was changed of it along', async () => {
  const { plane, send: ask } = createBench()
  const group = { upstream_name: 'live', upstream_body: 'zone live 64k; server 127.0.0.1:1;' }
  const added = await ask('POST', '/v1/dyn_ups', { type: 'add', ...group })
  assert.equal(added.body.code, 0)
  await ask('POST', 'http/upstreams/live/servers', { server: '127.0.0.1:2' })
  await ask('DELETE', 'http/upstreams/live/servers/0')
  assert.deepEqual(servers(plane.state(), 'live'), ['127.0.0.1:2'])
  assert.deepEqual(servers(rebasedState(plane), 'live'), ['127.0.0.1:2'])
  const del = { type: 'del', upstream_name: 'live' }
  assert.equal((await ask('PUT', '/v1/dyn_ups', del)).body.code, 0)
  assert.equal(plane.state().instructions.size, 0)
})

test('files that lack a server leave out what was changed of it, and nothing else', async () => {
  const { plane, send: ask } = createBench()
  await ask('PATCH', `${app}/1`, { weight: 9 })
  await ask('POST', `${app}/`, { server: '127.0.0.1:11' })
  const all = [...plane.state().instructions.entries()].map(([key, body]) => ({ key, body }))
  const text = files.replace(
    ' server 127.0.0.1:2 weight=2;',
    ' server 127.0.0.8:8; server 127.0.0.9:9;',
  )
  const { main } = configurationFromText(text, '/t/conf/trijet.conf')
  const { state, leftOut } = DynamicState.rebase(main, all, '/t')
  assert.deepEqual(
    leftOut.map(({ instruction, reason }) => [instruction.key, reason]),
    [['/ins/ups_peer/app/1', 'server "127.0.0.1:2" is not in upstream "app"']],
  )
  assert.equal(servers(state, 'app').at(-1), '127.0.0.1:11')
})

test('a group that keeps its members in a file has one instruction for all', async (t) => {
  const prefix = makeTempPrefix(t)
  const path = prefix.write('app.state', 'server 127.0.0.1:1;\nserver 127.0.0.1:2 weight=2;\n')
  const text = `http { upstream kept { zone kept 64k; state ${path}; } }`
  const { plane, send: ask } = createBench(text, prefix.path)
  const kept = 'http/upstreams/kept/servers'
  const list = async () =>
    (await ask('GET', kept)).body.map(({ id, server }: { id: number; server: string }) => [
      id,
      server,
    ])
  assert.deepEqual(await list(), [
    [0, '127.0.0.1:1'],
    [1, '127.0.0.1:2'],
  ])
  assert.equal((await ask('POST', kept, { server: '127.0.0.1:3' })).body.id, 2)
  await ask('DELETE', `${kept}/0`)
  assert.deepEqual(await list(), [
    [1, '127.0.0.1:2'],
    [2, '127.0.0.1:3'],
  ])
  assert.deepEqual(
    [...plane.state().instructions.entries()].map(([key]) => key),
    ['/ins/ups_peer/kept/state'],
  )
  assert.deepEqual(servers(plane.state(), 'kept'), ['127.0.0.1:2 weight=2', '127.0.0.1:3'])
  writeFileSync(path, 'server 127.0.0.1:2 weight=2;\nserver 127.0.0.1:3;\n')
  assert.deepEqual(servers(rebasedState(plane), 'kept'), servers(plane.state(), 'kept'))
  await ask('POST', '/v2/rollback', { to: 0 })
  assert.deepEqual(servers(plane.state(), 'kept'), ['127.0.0.1:1', '127.0.0.1:2 weight=2'])
  assert.deepEqual(await list(), [
    [0, '127.0.0.1:1'],
    [1, '127.0.0.1:2'],
  ])
})
