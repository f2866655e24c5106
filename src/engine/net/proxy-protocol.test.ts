import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../test/support/random.ts'
import type { Address } from './address.ts'
import {
  parseProxyHeader,
  proxyHeaderBytesMax,
  writeProxyV1,
  writeProxyV2,
  type ProxyHeader,
} from './proxy-protocol.ts'

const client4: Address = { family: 4, host: '192.0.2.1', port: 56324 }
const server4: Address = { family: 4, host: '198.51.100.1', port: 443 }
const client6: Address = { family: 6, host: '2001:db8::1', port: 1 }
const server6: Address = { family: 6, host: '::1', port: 65535 }
const unix: Address = { family: 'unix', path: '/run/x.sock' }

function parsed(bytes: Buffer): ProxyHeader {
  const header = parseProxyHeader(bytes)
  assert.ok(typeof header !== 'string' && 'length' in header, JSON.stringify(header))
  return header
}

test('version 1, as it stands in the specification', () => {
  const line = 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n'
  const header = parsed(Buffer.from(`${line}GET /`))
  assert.equal(header.version, 1)
  assert.deepEqual(header.source, client4)
  assert.deepEqual(header.destination, server4)
  assert.equal(header.length, line.length)
  assert.equal(writeProxyV1(client4, server4).toString(), line)
})

test('version 1 with IPv6 and UNKNOWN', () => {
  const header = parsed(writeProxyV1(client6, server6))
  assert.deepEqual([header.source, header.destination], [client6, server6])
  assert.equal(writeProxyV1(unix, server4).toString(), 'PROXY UNKNOWN\r\n')
  assert.equal(writeProxyV1(client4, server6).toString(), 'PROXY UNKNOWN\r\n')
  const unknown = parsed(Buffer.from('PROXY UNKNOWN ffff::1 whatever\r\n'))
  assert.equal(unknown.source, undefined)
})

for (const line of [
  'PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 056324 443\r\n',
  'PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n',
  'PROXY TCP4 2001:db8::1 198.51.100.1 1 2\r\n',
  'PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n',
  'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
  'PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n',
  'PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n',
  'PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n',
  'PROXX',
  'GET / HTTP/1.1\r\n',
  `PROXY TCP4 ${'1'.repeat(120)}`,
]) {
  test(`refuses ${JSON.stringify(line.slice(0, 50))}`, () => {
    const result = parseProxyHeader(Buffer.from(line))
    assert.ok(typeof result !== 'string' && 'fault' in result)
    assert.match(result.fault, /^broken header: ".*" while reading PROXY protocol$/)
  })
}

test('version 2 with type-length-values, both families', () => {
  const tlvs = [
    { type: 0x02, value: Buffer.from('shop.example') },
    { type: 0xe0, value: Buffer.alloc(0) },
  ]
  for (const [source, destination] of [
    [client4, server4],
    [client6, server6],
  ] as const) {
    const bytes = writeProxyV2(source, destination, tlvs)
    const header = parsed(Buffer.concat([bytes, Buffer.from('rest')]))
    assert.equal(header.version, 2)
    assert.deepEqual([header.source, header.destination], [source, destination])
    assert.deepEqual(header.tlvs, tlvs)
    assert.equal(header.length, bytes.length)
  }
})

test('version 2 without addresses is LOCAL', () => {
  const header = parsed(writeProxyV2(unix, unix))
  assert.equal(header.source, undefined)
  assert.equal(header.length, 16)
})

test('version 2 that lies about its lengths is refused', () => {
  const bytes = writeProxyV2(client4, server4, [{ type: 1, value: Buffer.from('h2') }])
  const short = Buffer.from(bytes)
  short[14] = 0
  short[15] = 11
  assert.ok('fault' in (parseProxyHeader(short) as object))
  const tlv = Buffer.from(bytes)
  tlv.writeUInt16BE(500, 16 + 12 + 1)
  assert.ok('fault' in (parseProxyHeader(tlv) as object))
  const huge = Buffer.from(bytes)
  huge.writeUInt16BE(proxyHeaderBytesMax, 14)
  assert.ok('fault' in (parseProxyHeader(huge) as object))
  const version = Buffer.from(bytes)
  version[12] = 0x11
  assert.ok('fault' in (parseProxyHeader(version) as object))
})

test('is incomplete at every byte but the last', () => {
  for (const bytes of [
    writeProxyV1(client6, server6),
    writeProxyV2(client4, server4, [{ type: 1, value: Buffer.from('x') }]),
  ]) {
    for (let end = 0; end < bytes.length; end += 1) {
      assert.equal(parseProxyHeader(bytes.subarray(0, end)), 'incomplete')
    }
  }
})

test('survives ten thousand spoiled headers', (t) => {
  const random = seededRandom(t)
  const good = [
    writeProxyV1(client4, server4),
    writeProxyV2(client6, server6, [{ type: 5, value: random.bytes(40) }]),
  ]
  for (let i = 0; i < 10_000; i += 1) {
    const bytes = Buffer.from(random.pick(good))
    bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255)
    const result = parseProxyHeader(bytes)
    if (typeof result === 'string' || 'fault' in result) continue
    assert.ok(result.length <= bytes.length)
  }
})
