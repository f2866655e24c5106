import assert from 'node:assert/strict'
import { isIPv4 } from 'node:net'
import { test } from 'node:test'
import { seededRandom } from '../../../test/support/random.ts'
import { hostToBytes, ipv4Text, ipv6Text, writeIpv4 } from './ip-bytes.ts'

/** RFC 5952 §4 and §5. */
const canonical: Readonly<Record<string, string>> = {
  '::': '::',
  '::1': '::1',
  '1::': '1::',
  '2001:0DB8:0:0:0:0:0:0001': '2001:db8::1',
  '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
  '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
  '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
  '::ffff:192.0.2.1': '::ffff:192.0.2.1',
  '::192.0.2.1': '::c000:201',
}

for (const [text, expected] of Object.entries(canonical)) {
  test(`${text} is written ${expected}`, () => {
    assert.equal(ipv6Text(hostToBytes(text)!, 0), expected)
  })
}

test('IPv4 goes both ways', () => {
  assert.equal(ipv4Text(hostToBytes('192.0.2.255')!, 0), '192.0.2.255')
})

test('what is no address has no bytes', () => {
  for (const text of ['', 'localhost', '1.2.3', 'fe80::1%lo', '12345::']) {
    assert.equal(hostToBytes(text), undefined)
  }
})

test('text of random bytes leads back to them', (t) => {
  const random = seededRandom(t)
  for (let i = 0; i < 2000; i += 1) {
    const bytes = random.bytes(16)
    for (let at = 0; at < 16; at += 1) if (random.chance(0.5)) bytes[at] = 0
    assert.deepEqual(Buffer.from(hostToBytes(ipv6Text(bytes, 0))!), bytes)
  }
})

test('the quick writer takes what Node takes for IPv4, and nothing else', (t) => {
  const random = seededRandom(t)
  const bytes = Buffer.alloc(4)
  for (let i = 0; i < 20_000; i += 1) {
    const text = random.chance(0.3)
      ? ipv4Text(random.bytes(4), 0)
      : random.text(random.integer(0, 15), '0123.456789.25501.x')
    assert.equal(writeIpv4(bytes, 0, text), isIPv4(text), text)
    if (isIPv4(text)) assert.equal(ipv4Text(bytes, 0), text)
  }
})
