/** Connections apart from sockets: all of them go through one memory and must not notice each other. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { certificateFor } from '../../../../test/support/certificates.ts'
import { type TlsContext, TlsContexts } from '../tls/tls-contexts.ts'
import { SslConnection, type SslRole } from './ssl-connection.ts'

const contexts = new TlsContexts()
const { certFile, keyFile } = certificateFor('pair.test', 'ecdsa')

/** Numbers in [0, below) that are the same in every run. */
function seededNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return Math.floor(((state >>> 0) / 2 ** 32) * below)
  }
}

function context(protocol: 'TLSv1.2' | 'TLSv1.3', certificates = true): TlsContext {
  return contexts.get({
    certificates: certificates ? [{ certificate: certFile, key: keyFile }] : [],
    protocols: [protocol],
    ciphers: 'DEFAULT',
  })
}

/** One end: what it has to send waits here until somebody carries it over. */
class End {
  readonly ssl: SslConnection
  readonly received: Buffer[] = []
  #outgoing: Buffer = Buffer.alloc(0)
  done = false

  constructor(ssl: SslConnection) {
    this.ssl = ssl
  }

  get waiting(): number {
    return this.#outgoing.length
  }

  shakeHands(): void {
    if (this.done) return
    const progress = this.ssl.handshake()
    if (typeof progress === 'object') assert.fail(progress.fault)
    this.done = progress === 'done'
    if (this.done) this.#keep(this.ssl.open(Buffer.alloc(0)))
    this.flush()
  }

  take(chunk: Buffer): void {
    if (this.done) {
      this.#keep(this.ssl.open(chunk))
      assert.equal(this.ssl.fault, undefined)
      return
    }
    this.ssl.feed(chunk)
    this.shakeHands()
  }

  send(text: Buffer): void {
    assert.ok(this.ssl.seal(text))
    this.flush()
  }

  flush(): void {
    for (let out = this.ssl.output(); out.length > 0; out = this.ssl.output()) {
      this.#outgoing = Buffer.concat([this.#outgoing, out])
    }
  }

  /** Up to so many of the bytes that wait. */
  give(bytes: number): Buffer {
    const given = this.#outgoing.subarray(0, bytes)
    this.#outgoing = this.#outgoing.subarray(bytes)
    return given
  }

  #keep(opened: Buffer): void {
    if (opened.length > 0) this.received.push(Buffer.from(opened))
  }
}

class Pair {
  readonly client: End
  readonly server: End
  readonly sent = { client: [] as Buffer[], server: [] as Buffer[] }

  constructor(protocol: 'TLSv1.2' | 'TLSv1.3', role: Partial<SslRole> = {}) {
    const [shown, trusting] = [context(protocol), context(protocol, false)]
    this.server = new End(new SslConnection(shown.ssl, { alpn: [], ...role, side: 'server' }))
    this.client = new End(new SslConnection(trusting.ssl, { alpn: [], side: 'client' }))
    this.client.shakeHands()
  }

  get ready(): boolean {
    return this.client.done && this.server.done
  }

  /** Carries up to `bytes` in both directions. */
  carry(bytes: number): void {
    const [up, down] = [this.client.give(bytes), this.server.give(bytes)]
    if (up.length > 0) this.server.take(up)
    if (down.length > 0) this.client.take(down)
  }

  get idle(): boolean {
    return this.client.waiting === 0 && this.server.waiting === 0
  }

  free(): void {
    this.client.ssl.free()
    this.server.ssl.free()
  }
}

const stepsMax = 20_000

for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
  suite(protocol, () => {
    test('many connections at once, in pieces of any size, get what was meant for them', () => {
      const number = seededNumbers(11)
      const pairs = Array.from({ length: 24 }, () => new Pair(protocol))
      for (let step = 0; step < stepsMax; step += 1) {
        const pair = pairs[number(pairs.length)]!
        if (pair.ready && step < 3000 && number(4) === 0) {
          const side = number(2) === 0 ? 'client' : 'server'
          const text = Buffer.alloc(1 + number(number(8) === 0 ? 50_000 : 300), `${side}${step} `)
          pair.sent[side].push(text)
          pair[side].send(text)
        }
        pair.carry(1 + number(number(4) === 0 ? 40_000 : 900))
        if (step > 3000 && pairs.every(({ idle }) => idle)) break
      }
      for (const { client, server, sent, ready, idle } of pairs) {
        assert.ok(ready && idle)
        assert.ok(Buffer.concat(server.received).equals(Buffer.concat(sent.client)))
        assert.ok(Buffer.concat(client.received).equals(Buffer.concat(sent.server)))
      }
      for (const pair of pairs) pair.free()
    })

    test('what one connection cannot read does not come to the next', () => {
      const [broken, good] = [new Pair(protocol), new Pair(protocol)]
      while (!broken.ready) broken.carry(100_000)
      broken.client.send(Buffer.from('a message'))
      const sealed = Buffer.from(broken.client.give(1000))
      sealed[sealed.length - 1]! ^= 1
      broken.server.ssl.open(Buffer.concat([sealed, sealed, sealed]))
      assert.match(broken.server.ssl.fault ?? '', /bad record mac/)
      broken.server.flush()
      while (!good.ready) good.carry(100_000)
      good.client.send(Buffer.from('unharmed'))
      while (!good.idle) good.carry(100_000)
      assert.equal(Buffer.concat(good.server.received).toString(), 'unharmed')
      broken.free()
      good.free()
    })

    test('an end that is said is heard', () => {
      const pair = new Pair(protocol)
      while (!pair.ready) pair.carry(100_000)
      pair.client.send(Buffer.from('last words'))
      pair.client.ssl.shutdown()
      pair.client.flush()
      while (!pair.idle) pair.carry(7)
      assert.equal(Buffer.concat(pair.server.received).toString(), 'last words')
      assert.equal(pair.server.ssl.ended, true)
      assert.equal(pair.server.ssl.fault, undefined)
      pair.free()
    })
  })
}

test('a chain that no client takes is sent whole, and the next connection does not notice', () => {
  const leaf = readFileSync(certFile, 'utf8')
  const certificate = `data:${leaf.repeat(Math.floor(500_000 / leaf.length))}`
  const long = contexts.get({
    certificates: [{ certificate, key: keyFile }],
    protocols: ['TLSv1.3'],
    ciphers: 'DEFAULT',
  })
  const server = new SslConnection(long.ssl, { side: 'server', alpn: [] })
  const client = new SslConnection(context('TLSv1.3', false).ssl, { side: 'client', alpn: [] })
  assert.equal(client.handshake(), 'more')
  server.feed(Buffer.from(client.output()))
  assert.equal(server.handshake(), 'more')
  const flight = Buffer.from(server.output())
  assert.ok(flight.length > 300_000)
  client.feed(flight.subarray(0, 60_000))
  const progress = client.handshake()
  assert.ok(typeof progress === 'object')
  assert.match(progress.fault, /excessive message size/)
  client.output()
  const pair = new Pair('TLSv1.3')
  while (!pair.ready) pair.carry(100_000)
  for (const connection of [server, client]) connection.free()
  pair.free()
})

test('a chain that has no room in one piece is refused', () => {
  const certificate = `data:${readFileSync(certFile, 'utf8').repeat(1000)}`
  assert.throws(
    () =>
      contexts.get({
        certificates: [{ certificate, key: keyFile }],
        protocols: ['TLSv1.3'],
        ciphers: 'DEFAULT',
      }),
    /cannot load certificate "data:\.\.\.": more than 524288 bytes/,
  )
})

test('bytes that are no TLS are told apart', () => {
  const pair = new Pair('TLSv1.3')
  pair.server.ssl.feed(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  const progress = pair.server.ssl.handshake()
  assert.ok(typeof progress === 'object')
  assert.match(progress.fault, /http request/)
  pair.free()
})
