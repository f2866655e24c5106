/**
 * The broker as mosquitto's own clients see it.
 */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { seededRandom, type Random } from '../support/random.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import {
  openSession,
  publish,
  receive,
  socketOf,
  startBroker,
  startFlood,
  subscribe,
} from './broker-support.ts'

const patient = { timeout: 180_000 }

describe('broker', patient, () => {
  it('listens on a socket that its group may use, with an empty file', async (t) => {
    const prefix = makeTempPrefix(t)
    const broker = await startBroker(t, prefix, '')
    assert.equal(statSync(socketOf(prefix)).mode & 0o777, 0o660)
    assert.equal(statSync(prefix.file('data/mosquitto.db')).mode & 0o777, 0o600)
    assert.equal((await broker.stop()).code, 0)
    assert.ok(!readdirSync(prefix.file('data')).includes('mosquitto.sock'))
  })

  it('delivers to wildcard subscribers', async (t) => {
    const prefix = makeTempPrefix(t)
    await startBroker(t, prefix)
    const subscriber = await subscribe(t, prefix, '-t', '/ins/+/s_1', '-t', '/dyn/#', '-C', '3')
    await publish(prefix, '/ins/srv/s_1', '-m', 'one')
    await publish(prefix, '/ins/srv/s_2', '-m', 'not subscribed')
    await publish(prefix, '/dyn', '-m', 'two')
    await publish(prefix, '/dyn/http_log', '-m', 'three', '-q', '2')
    await subscriber.exited
    const received = subscriber.stdout.split('\n').filter((line) => line.startsWith('/'))
    assert.deepEqual(received, ['/ins/srv/s_1 one', '/dyn two', '/dyn/http_log three'])
  })

  it('keeps the last retained message of a topic, until an empty one', async (t) => {
    const prefix = makeTempPrefix(t)
    await startBroker(t, prefix)
    await publish(prefix, '/dyn/a', '-r', '-m', 'old')
    await publish(prefix, '/dyn/a', '-r', '-m', 'new')
    await publish(prefix, '/dyn/b', '-r', '-m', 'gone')
    await publish(prefix, '/dyn/b', '-r', '-n')
    await publish(prefix, '/dyn/c', '-r', '-m', 'last')
    assert.deepEqual(await receive(prefix, 2, '-t', '/dyn/#'), ['/dyn/a new', '/dyn/c last'])
  })

  it('keeps what a session missed, and delivers it in order', async (t) => {
    const prefix = makeTempPrefix(t)
    await startBroker(t, prefix)
    const session = ['-c', '-i', 'worker', '-t', '/ins/#']
    await openSession(prefix, 'worker', '/ins/#')
    for (let i = 0; i < 20; i++) await publish(prefix, '/ins/srv/a', '-m', String(i))
    const missed = Array.from({ length: 20 }, (_, i) => `/ins/srv/a ${i}`)
    assert.deepEqual(await receive(prefix, 20, ...session), missed)
    await publish(prefix, '/ins/srv/a', '-m', 'afterwards')
    assert.deepEqual(await receive(prefix, 1, ...session), ['/ins/srv/a afterwards'])
  })

  it('gives each message to one member of a sharing group', async (t) => {
    const prefix = makeTempPrefix(t)
    await startBroker(t, prefix)
    const filter = '$share/njet//rpc/#'
    const members = [
      await subscribe(t, prefix, '-t', filter),
      await subscribe(t, prefix, '-t', filter),
    ]
    const other = await subscribe(t, prefix, '-t', '/rpc/#', '-C', '10')
    for (let i = 0; i < 10; i++) await publish(prefix, '/rpc/x', '-m', `m${i}`)
    await other.exited
    for (const member of members) await member.waitForOutput(/m[89]/)
    const received = members.map(({ stdout }) => stdout.match(/^\/rpc\/x m\d$/gm) ?? [])
    assert.deepEqual(
      received.map(({ length }) => length),
      [5, 5],
    )
    assert.equal(new Set(received.flat()).size, 10)
  })

  it('publishes the will of a client that goes without a word', async (t) => {
    const prefix = makeTempPrefix(t)
    await startBroker(t, prefix)
    const mortal = await subscribe(
      t,
      prefix,
      '-t',
      'x',
      '--will-topic',
      '/gone',
      '--will-payload',
      'it',
    )
    const watcher = await subscribe(t, prefix, '-t', '/gone', '-C', '1')
    await mortal.stop('SIGKILL')
    await watcher.waitForOutput(/^\/gone it$/m)
  })

  it('listens on TCP and asks for passwords where the file says so', async (t) => {
    const prefix = makeTempPrefix(t)
    const passwords = prefix.write('conf/passwords', '')
    await run(['mosquitto_passwd', '-b', passwords, 'ctrl', 'secret'])
    const port = await freePort()
    const conf = `listener ${port} 127.0.0.1\nallow_anonymous false\npassword_file conf/passwords\n`
    await startBroker(t, prefix, conf)
    const pub = ['mosquitto_pub', '-V', '311', '-p', String(port), '-t', 'a', '-m', 'b'] as const
    assert.equal((await run([...pub, '-u', 'ctrl', '-P', 'secret'])).code, 0)
    for (const wrong of [[], ['-u', 'ctrl', '-P', 'guess'], ['-u', 'nobody', '-P', 'secret']]) {
      const { code, stderr } = await run([...pub, ...wrong])
      assert.notEqual(code, 0)
      assert.match(stderr, /not authori[sz]ed/i)
    }
  })

  it('survives whatever bytes a client sends', async (t) => {
    const random = seededRandom(t)
    const prefix = makeTempPrefix(t)
    const broker = await startBroker(t, prefix)
    for (let round = 0; round < 400; round++) {
      const socket = connect(socketOf(prefix))
      socket.on('error', () => undefined)
      socket.end(spoiled(random))
      socket.resume()
      await once(socket, 'close')
    }
    assert.ok(broker.running)
    await publish(prefix, '/dyn/a', '-r', '-m', 'fine')
    assert.deepEqual(await receive(prefix, 1, '-t', '/dyn/a'), ['/dyn/a fine'])
  })

  it('cuts off a client that sends more than a packet may have', async (t) => {
    const prefix = makeTempPrefix(t)
    await startBroker(t, prefix)
    const large = prefix.write('large', Buffer.alloc(5_000_000, 'x'))
    assert.notEqual((await publish(prefix, '/dyn/a', '-r', '-f', large)).code, 0)
    const fits = prefix.write('fits', Buffer.alloc(4_000_000, 'x'))
    assert.equal((await publish(prefix, '/dyn/a', '-f', fits)).code, 0)
  })
})

describe('broker: killed and started again', patient, () => {
  it('has its retained messages and what sessions missed', async (t) => {
    const prefix = makeTempPrefix(t)
    const first = await startBroker(t, prefix)
    await openSession(prefix, 'worker', '/ins/#')
    await publish(prefix, '/dyn/a', '-r', '-m', 'kept')
    await publish(prefix, '/ins/srv/a', '-m', 'missed')
    await first.stop('SIGKILL')
    await startBroker(t, prefix)
    assert.deepEqual(await receive(prefix, 1, '-t', '/dyn/#'), ['/dyn/a kept'])
    const missed = await receive(prefix, 1, '-c', '-i', 'worker', '-t', '/ins/#')
    assert.deepEqual(missed, ['/ins/srv/a missed'])
  })

  it('has every retained message it acknowledged, at whatever moment it is killed', async (t) => {
    const random = seededRandom(t)
    for (let round = 0; round < 5; round++) {
      const prefix = makeTempPrefix(t)
      const broker = await startBroker(t, prefix)
      const publisher = await startFlood(t, prefix, '/dyn/n')
      const watcher = await subscribe(t, prefix, '-t', '/dyn/n')
      await watcher.waitForOutput(new RegExp(`^/dyn/n \\d{${random.integer(1, 4)}}$`, 'm'))
      await broker.stop('SIGKILL')
      await publisher.stop('SIGKILL')
      const acknowledged = publisher.stdout.match(/received PUBACK/g)?.length ?? 0
      const seen = Number(
        watcher.stdout
          .match(/^\/dyn\/n \d+$/gm)
          ?.at(-1)
          ?.slice(7),
      )
      await startBroker(t, prefix)
      const [line = ''] = await receive(prefix, 1, '-t', '/dyn/n')
      const kept = Number(line.slice(7))
      assert.ok(kept >= acknowledged - 1, `kept ${kept}, acknowledged ${acknowledged}`)
      assert.ok(kept >= seen, `kept ${kept}, delivered ${seen}`)
    }
  })

  it('keeps nothing with "persistence false"', async (t) => {
    const prefix = makeTempPrefix(t)
    const first = await startBroker(t, prefix, 'persistence false\n')
    await publish(prefix, '/dyn/a', '-r', '-m', 'lost')
    await first.stop()
    assert.deepEqual(readdirSync(prefix.file('data')), [])
    await startBroker(t, prefix, 'persistence false\n')
    await publish(prefix, '/dyn/b', '-r', '-m', 'new')
    assert.deepEqual(await receive(prefix, 1, '-t', '/dyn/#'), ['/dyn/b new'])
  })
})

describe('broker: refuses to start', patient, () => {
  it('beside another one on the same files', async (t) => {
    const prefix = makeTempPrefix(t)
    const first = await startBroker(t, prefix)
    await assert.rejects(startBroker(t, prefix), /is in use by another process/)
    await publish(prefix, '/dyn/a', '-r', '-m', 'served')
    assert.equal((await first.stop()).code, 0)
  })

  it('on a socket on which somebody answers', async (t) => {
    const prefix = makeTempPrefix(t)
    const other = createServer((socket) => socket.end()).listen(socketOf(prefix))
    t.after(() => other.close())
    await once(other, 'listening')
    await assert.rejects(startBroker(t, prefix), /listen on unix:.*mosquitto\.sock failed/)
    assert.ok(statSync(socketOf(prefix)).isSocket())
  })

  const faults = [
    ['lisener 1883', /unknown directive "lisener" in .*mqtt\.conf:2/],
    ['persistence maybe', /invalid value "maybe".* in .*mqtt\.conf:2/],
    ['allow_anonymous false', /needs a "password_file"/],
    ['listener 0', /"listener 0" needs the path/],
    ['connection bridge-1', /unknown directive "connection"/],
  ] as const
  for (const [line, message] of faults) {
    it(`with the line "${line}"`, async (t) => {
      const prefix = makeTempPrefix(t)
      await assert.rejects(startBroker(t, prefix, `# first line\n${line}\n`), message)
    })
  }
})

/** A conversation of valid packets in which some bytes were changed, put in or left out. */
function spoiled(random: Random): Buffer {
  const connectPacket = [0x10, 13, 0, 4, 77, 81, 84, 84, 4, random.pick([0, 2]), 0, 60, 0, 1, 97]
  const subscribePacket = [0x82, 6, 0, 1, 0, 1, 35, random.integer(0, 2)]
  const publishPacket = [0x30 | random.pick([0, 1, 2, 3, 4, 5]), 5, 0, 1, 97, 0, 1]
  const others = [
    [0x40, 2, 0, 1],
    [0x62, 2, 0, 1],
    [0xa2, 5, 0, 1, 0, 1, 35],
    [0xc0, 0],
    [0xe0, 0],
  ]
  const rest = random.shuffle([subscribePacket, publishPacket, ...others])
  const bytes = [...connectPacket, ...rest.flat()]
  for (let change = random.integer(0, 4); change > 0; change--) {
    const at = random.integer(0, bytes.length - 1)
    bytes.splice(at, random.integer(0, 2), ...random.bytes(random.integer(0, 3)))
  }
  return Buffer.from(bytes)
}
