import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpstreamConfig } from './parse-upstream.ts'
import { lookUpServers, serversToLookUp, toGroupConfig } from './members.ts'
import type { ServerConfig } from './server-directive.ts'

function server(host: string, options: Partial<ServerConfig> = {}): ServerConfig {
  return {
    text: `${host}:80`,
    endpoint: { family: 'name', host, port: 80 },
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    slowStartMs: 0,
    backup: false,
    down: false,
    drain: false,
    route: undefined,
    resolve: false,
    service: undefined,
    parameters: [],
    ...options,
  }
}

function upstream(...servers: readonly ServerConfig[]): UpstreamConfig {
  return {
    name: 'u',
    servers,
    balancer: { kind: 'round_robin' },
    zone: undefined,
    resolver: undefined,
    resolverTimeoutMs: 1,
    keepalive: undefined,
    sticky: undefined,
    queue: undefined,
  }
}

const literal = server('127.0.0.1', { endpoint: { family: 4, host: '127.0.0.1', port: 80 } })

test('every address of a name becomes a peer with the name’s settings', async () => {
  const named = server('app', { weight: 3, backup: true })
  const config = upstream(literal, named, server('later', { resolve: true }))
  assert.deepEqual(serversToLookUp(config), [named])
  const members = await lookUpServers(serversToLookUp(config), async (host) => {
    assert.equal(host, 'app')
    return [
      { address: '10.0.0.1', family: 4 },
      { address: '::2', family: 6 },
    ]
  })
  const group = toGroupConfig(config, members)
  assert.deepEqual(
    group.peers.map(({ address, server: text, weight, backup }) => ({
      address,
      text,
      weight,
      backup,
    })),
    [
      { address: literal.endpoint, text: '127.0.0.1:80', weight: 1, backup: false },
      {
        address: { family: 4, host: '10.0.0.1', port: 80 },
        text: 'app:80',
        weight: 3,
        backup: true,
      },
      { address: { family: 6, host: '::2', port: 80 }, text: 'app:80', weight: 3, backup: true },
    ],
  )
})

test('one name is looked up once, and one that is not found is an error', async () => {
  const asked: string[] = []
  const lookUp = async (host: string): Promise<readonly { address: string; family: number }[]> => {
    asked.push(host)
    if (host === 'gone') throw new Error('ENOTFOUND')
    return [{ address: '10.0.0.1', family: 4 }]
  }
  await lookUpServers([server('a'), server('a')], lookUp)
  assert.deepEqual(asked, ['a'])
  await assert.rejects(lookUpServers([server('a'), server('gone')], lookUp), {
    message: 'host not found in upstream "gone:80"',
  })
})

test('the system’s look-up knows /etc/hosts', async () => {
  const members = await lookUpServers([server('localhost')])
  const [found] = [...members.values()]
  assert.ok(
    found?.some(({ address }) => address.family !== 'unix' && /^(127\.|::1$)/.test(address.host)),
  )
})
