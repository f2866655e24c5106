import assert from 'node:assert/strict'
import { Resolver as SystemResolver } from 'node:dns/promises'
import { suite, test, type TestContext } from 'node:test'
import type { ResolverConfig } from '../resolver-directive.ts'
import {
  a,
  aaaa,
  type Behaviour,
  cname,
  type DnsServer,
  encodeName,
  srv,
  startDnsServer,
} from './dns-server.fixture.ts'
import { Resolver, ResolveError, type ResolverOptions } from './resolver.ts'

const options = { timeout: 60_000 }

function createResolver(
  t: TestContext,
  servers: readonly DnsServer[],
  config: Partial<ResolverConfig & ResolverOptions> = {},
): Resolver {
  const { timeoutMs = 20_000, now, chance = () => 0, ...rest } = config
  const settings = {
    servers: servers.map(({ address }) => address),
    validMs: undefined,
    ipv4: true,
    ipv6: true,
    ...rest,
  }
  const resolver = new Resolver(settings, { timeoutMs, chance, ...(now && { now }) })
  t.after(() => resolver.close())
  return resolver
}

async function start(
  t: TestContext,
  behaviour: Behaviour,
  config: Partial<ResolverConfig & ResolverOptions> = {},
): Promise<{ readonly server: DnsServer; readonly resolver: Resolver }> {
  const server = await startDnsServer(t, behaviour)
  return { server, resolver: createResolver(t, [server], config) }
}

async function hosts(resolver: Resolver, name: string): Promise<readonly string[]> {
  return (await resolver.resolve(name)).addresses.map(({ host }) => host)
}

function failsWith(code: number, text: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ResolveError, String(error))
    assert.equal(error.message.replace(/^\S+ /, ''), `could not be resolved (${code}: ${text})`)
    return true
  }
}

suite('answers', { concurrency: false }, () => {
  test(
    'the server of these tests speaks DNS: the system’s resolver understands it',
    options,
    async (t) => {
      const server = await startDnsServer(t, {
        records: [a('app', '10.0.0.1'), cname('www', 'app')],
      })
      const system = new SystemResolver()
      system.setServers([`127.0.0.1:${server.address.port}`])
      assert.deepEqual(await system.resolve4('www'), ['10.0.0.1'])
    },
  )

  test('addresses of both families', options, async (t) => {
    const { resolver } = await start(t, {
      records: [
        a('app', '10.0.0.1'),
        a('app', '10.0.0.2'),
        aaaa('app', [0xfd00, 0, 0, 0, 0, 0, 0, 1]),
      ],
    })
    const { addresses } = await resolver.resolve('App.')
    assert.deepEqual(addresses, [
      { family: 4, host: '10.0.0.1' },
      { family: 4, host: '10.0.0.2' },
      { family: 6, host: 'fd00::1' },
    ])
  })

  test('one family alone', options, async (t) => {
    const records = [a('app', '10.0.0.1'), aaaa('app', [1, 0, 0, 0, 0, 0, 0, 1])]
    const { server, resolver } = await start(t, { records }, { ipv6: false })
    assert.deepEqual(await hosts(resolver, 'app'), ['10.0.0.1'])
    assert.deepEqual(
      server.asked.map(({ type }) => type),
      [1],
    )
    const six = createResolver(t, [server], { ipv4: false })
    assert.deepEqual(await hosts(six, 'app'), ['1::1'])
  })

  test('callers begin at different addresses', options, async (t) => {
    const chances = [0, 0.4, 0.9]
    const records = ['1', '2', '3'].map((last) => a('app', `10.0.0.${last}`))
    const { resolver } = await start(t, { records }, { chance: () => chances.shift()! })
    const first = async (): Promise<string> => (await hosts(resolver, 'app'))[0]!
    assert.deepEqual(
      [await first(), await first(), await first()],
      ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
    )
  })

  test('aliases, in one answer and over several', options, async (t) => {
    const records = [cname('www', 'web'), cname('web', 'app'), a('app', '10.0.0.1')]
    const { server, resolver } = await start(t, { records })
    assert.deepEqual(await hosts(resolver, 'www'), ['10.0.0.1'])
    server.behaviour.tamper = (response, { name, type }) => {
      // Only the first alias is told: the rest must be asked for.
      const head = Buffer.from(response.subarray(0, 12))
      if (name === 'app' || head.readUInt16BE(6) === 0) return [response]
      head.writeUInt16BE(1, 6)
      const question = Buffer.concat([encodeName(name), Buffer.of(0, type, 0, 1)])
      const target = encodeName(name === 'www' ? 'web' : 'app')
      const fixed = Buffer.of(0, 5, 0, 1, 0, 0, 0, 9, 0, target.length)
      return [Buffer.concat([head, question, encodeName(name), fixed, target])]
    }
    const other = createResolver(t, [server])
    assert.deepEqual(await hosts(other, 'www'), ['10.0.0.1'])
  })

  test('an alias of itself is an end', options, async (t) => {
    const { resolver } = await start(t, { records: [cname('a', 'b'), cname('b', 'a')] })
    await assert.rejects(resolver.resolve('a'), failsWith(3, 'Host not found'))
  })

  test('what does not fit comes by TCP', options, async (t) => {
    const records = Array.from({ length: 60 }, (_, i) => a('app', `10.0.0.${i + 1}`))
    const { server, resolver } = await start(t, { records, truncate: true }, { ipv6: false })
    assert.equal((await hosts(resolver, 'app')).length, 60)
    assert.deepEqual(
      server.asked.map(({ tcp }) => tcp),
      [false, true],
    )
  })

  test('services', options, async (t) => {
    const name = '_http._tcp.app'
    const { resolver } = await start(t, {
      records: [
        srv(name, 'one', [1, 5, 8080], 7),
        srv(name, 'two', [2, 0, 8081]),
        srv('_gone._tcp.app', '', [0, 0, 0]),
      ],
    })
    const { targets, ttlMs } = await resolver.resolveService(name)
    assert.deepEqual(targets, [
      { host: 'one', port: 8080, priority: 1, weight: 5 },
      { host: 'two', port: 8081, priority: 2, weight: 0 },
    ])
    assert.equal(ttlMs, 7000)
    await assert.rejects(resolver.resolveService('_gone._tcp.app'), failsWith(3, 'Host not found'))
  })
})

suite('the memory of a resolver', { concurrency: false }, () => {
  test('answers hold as long as their shortest TTL', options, async (t) => {
    let now = 0
    const records = [a('app', '10.0.0.1', 30), a('app', '10.0.0.2', 20)]
    const { server, resolver } = await start(t, { records }, { ipv6: false, now: () => now })
    assert.equal((await resolver.resolve('app')).ttlMs, 20_000)
    now = 19_999
    assert.equal((await resolver.resolve('app')).ttlMs, 1)
    assert.equal(server.asked.length, 1)
    now = 20_000
    await resolver.resolve('app')
    assert.equal(server.asked.length, 2)
  })

  test('valid= holds in place of the TTL; a TTL of 0 is not remembered', options, async (t) => {
    const { server, resolver } = await start(
      t,
      { records: [a('app', '10.0.0.1', 0)] },
      { ipv6: false },
    )
    await resolver.resolve('app')
    await resolver.resolve('app')
    assert.equal(server.asked.length, 2)
    const valid = createResolver(t, [server], { ipv6: false, validMs: 5000, now: () => 1 })
    assert.equal((await valid.resolve('app')).ttlMs, 5000)
  })

  test('a name that is being looked up is not asked for again', options, async (t) => {
    const { server, resolver } = await start(
      t,
      { records: [a('app', '10.0.0.1')] },
      { ipv6: false },
    )
    const all = await Promise.all(Array.from({ length: 50 }, () => hosts(resolver, 'app')))
    assert.deepEqual(
      all,
      Array.from({ length: 50 }, () => ['10.0.0.1']),
    )
    assert.equal(server.asked.length, 1)
  })

  test('it forgets the oldest of too many names', options, async (t) => {
    const names = Array.from({ length: 4100 }, (_, i) => `n${i}`)
    const records = names.map((name) => a(name, '10.0.0.1', 10_000))
    const { server, resolver } = await start(t, { records }, { ipv6: false, now: () => 1 })
    for (let i = 0; i < names.length; i += 100) {
      await Promise.all(names.slice(i, i + 100).map((name) => resolver.resolve(name)))
    }
    const before = server.asked.length
    await resolver.resolve('n4099')
    assert.equal(server.asked.length, before)
    await resolver.resolve('n0')
    assert.equal(server.asked.length, before + 1)
  })
})

suite('failures', { concurrency: false }, () => {
  test('names that are not there, or cannot be', options, async (t) => {
    const { resolver } = await start(t, { records: [] })
    for (const name of ['gone', 'a..b', 'x'.repeat(64), '']) {
      await assert.rejects(resolver.resolve(name), (error) => {
        assert.ok(error instanceof ResolveError && error.isNotFound, `${name}: ${String(error)}`)
        return true
      })
    }
  })

  test('codes in nginx’s words', options, async (t) => {
    const { server, resolver } = await start(t, { records: [] })
    for (const [code, text] of [
      [2, 'Server failure'],
      [4, 'Unimplemented'],
      [5, 'Operation refused'],
    ] as const) {
      server.behaviour.rcode = code
      await assert.rejects(resolver.resolve('app'), failsWith(code, text))
    }
  })

  test('silence ends at resolver_timeout', options, async (t) => {
    const { resolver } = await start(t, { records: [], silent: true }, { timeoutMs: 300 })
    await assert.rejects(resolver.resolve('app'), failsWith(110, 'Operation timed out'))
  })

  test('a server that fails, is silent or is not there is passed over', options, async (t) => {
    const records = [a('app', '10.0.0.1', 0)]
    const good = await startDnsServer(t, { records })
    const failing = await startDnsServer(t, { records: [], rcode: 2 })
    const silent = await startDnsServer(t, { records: [], silent: true })
    const closed: DnsServer = { ...good, address: { family: 4, host: '127.0.0.1', port: 1 } }
    for (const bad of [failing, closed, silent]) {
      const resolver = createResolver(t, [bad, good], { ipv6: false })
      for (let i = 0; i < 2; i += 1) assert.deepEqual(await hosts(resolver, 'app'), ['10.0.0.1'])
    }
    assert.ok(failing.asked.length > 0 && silent.asked.length > 0)
  })

  test('servers are asked in turn', options, async (t) => {
    const records = [a('app', '10.0.0.1', 0)]
    const servers = [await startDnsServer(t, { records }), await startDnsServer(t, { records })]
    const resolver = createResolver(t, servers, { ipv6: false })
    for (let i = 0; i < 10; i += 1) await resolver.resolve('app')
    assert.deepEqual(
      servers.map(({ asked }) => asked.length),
      [5, 5],
    )
  })

  test(
    'when one family cannot be asked for, the other serves for a short time',
    options,
    async (t) => {
      const records = [a('app', '10.0.0.1', 300)]
      const { server, resolver } = await start(t, { records }, { now: () => 1 })
      server.behaviour.tamper = (response, { type }) => {
        if (type === 28) response.writeUInt16BE(0x8182, 2)
        return [response]
      }
      const { addresses, ttlMs } = await resolver.resolve('app')
      assert.deepEqual([addresses.length, ttlMs], [1, 5000])
    },
  )

  test('a closed resolver gives up what waits', options, async (t) => {
    const { server, resolver } = await start(t, { records: [], silent: true }, { ipv6: false })
    const failed = assert.rejects(resolver.resolve('app'), ResolveError)
    while (server.asked.length === 0) await new Promise(setImmediate)
    resolver.close()
    await failed
  })
})

suite('forged answers', { concurrency: false }, () => {
  const forgeries: Readonly<Record<string, (response: Buffer) => Buffer>> = {
    'another id': (response) => {
      const forged = Buffer.from(response)
      forged.writeUInt16BE((forged.readUInt16BE(0) + 1) & 0xffff, 0)
      return forged
    },
    'another question': (response) => {
      const forged = Buffer.from(response)
      forged[13] = 'x'.charCodeAt(0)
      return forged
    },
    'garbage with the right id': (response) =>
      Buffer.concat([response.subarray(0, 2), Buffer.alloc(9)]),
    'a query': (response) => {
      const forged = Buffer.from(response)
      forged.writeUInt16BE(0x0100, 2)
      return forged
    },
  }
  for (const [name, forge] of Object.entries(forgeries)) {
    test(name, options, async (t) => {
      const tamper = (response: Buffer): readonly Buffer[] => {
        const forged = Buffer.from(forge(response))
        // The forged answer, which comes first, says another address.
        if (forged.length >= response.length) forged[forged.length - 1] = 66
        return [forged, response]
      }
      const { resolver } = await start(
        t,
        { records: [a('app', '10.0.0.1')], tamper },
        { ipv6: false },
      )
      assert.deepEqual(await hosts(resolver, 'app'), ['10.0.0.1'])
    })
  }

  test('an answer from elsewhere is not heard', options, async (t) => {
    const forger = await startDnsServer(t, { records: [] })
    const { server, resolver } = await start(
      t,
      { records: [a('app', '10.0.0.1')], silent: true },
      { ipv6: false, timeoutMs: 1000 },
    )
    const failed = assert.rejects(resolver.resolve('app'), failsWith(110, 'Operation timed out'))
    while (server.asked.length === 0) await new Promise(setImmediate)
    const [{ id, from } = { id: 0, from: undefined }] = server.asked
    const answer = Buffer.concat([
      Buffer.of(id >> 8, id & 0xff, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0),
      encodeName('app'),
      Buffer.of(0, 1, 0, 1),
      encodeName('app'),
      Buffer.of(0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 66),
    ])
    assert.notEqual(forger.address.port, server.address.port)
    await sendFrom(t, answer, from!.port)
    await failed
  })

  test('ids and ports are not to be guessed', options, async (t) => {
    const { server, resolver } = await start(
      t,
      { records: [a('app', '10.0.0.1', 0)] },
      { ipv6: false },
    )
    for (let i = 0; i < 20; i += 1) await resolver.resolve('app')
    const ids = server.asked.map(({ id }) => id)
    assert.ok(new Set(ids).size >= 19, 'random ids rarely meet')
    assert.ok(
      ids.some((id, i) => Math.abs(id - (ids[i - 1] ?? id)) > 1000),
      'ids do not count up',
    )
    assert.ok(new Set(server.asked.map(({ from }) => from?.port)).size > 10)
  })
})

async function sendFrom(t: TestContext, bytes: Buffer, port: number): Promise<void> {
  const { createSocket } = await import('node:dgram')
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  await new Promise<void>((resolve) => {
    socket.send(bytes, port, '127.0.0.1', () => resolve())
  })
}
