import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress, parseEndpoint, parseIPv6 } from './addresses.ts'

test('addresses and names', () => {
  const cases: Readonly<Record<string, unknown>> = {
    '127.0.0.1:80': { family: 4, host: '127.0.0.1', port: 80 },
    '127.0.0.1': { family: 4, host: '127.0.0.1', port: 1234 },
    '[::1]:65535': { family: 6, host: '::1', port: 65535 },
    '[fe80::1]': { family: 6, host: 'fe80::1', port: 1234 },
    'unix:/run/x.sock': { family: 'unix', path: '/run/x.sock' },
    'app.example:1': { family: 'name', host: 'app.example', port: 1 },
    '1.2.3': { family: 'name', host: '1.2.3', port: 1234 },
  }
  for (const [text, expected] of Object.entries(cases)) {
    assert.deepEqual(parseEndpoint(text, { defaultPort: 1234 }), expected, text)
  }
  assert.equal(parseAddress('app.example:1'), undefined)
})

test('what is wrong is said in nginx’s words', () => {
  const cases: Readonly<Record<string, string>> = {
    '127.0.0.1': 'no port',
    '127.0.0.1:': 'invalid port',
    '127.0.0.1:0': 'invalid port',
    '127.0.0.1:65536': 'invalid port',
    '127.0.0.1:8x': 'invalid port',
    '::1': 'invalid port',
    ':80': 'no host',
    '': 'no host',
    '[::1': 'invalid host',
    '[::1]80': 'invalid host',
    '[x]:80': 'invalid IPv6 address',
    'a:80/b': 'invalid host',
    'unix:': 'no path in the unix domain socket',
    [`unix:/${'x'.repeat(107)}`]: 'too long path in the unix domain socket',
  }
  for (const [text, reason] of Object.entries(cases)) {
    assert.throws(() => parseEndpoint(text), { message: reason }, text)
    assert.throws(() => parseEndpoint(text, { purpose: 'upstream' }), {
      message: `${reason} in upstream "${text}"`,
    })
  }
})

test('bytes of IPv6 addresses', () => {
  const hex = (text: string): string | undefined => {
    const bytes = parseIPv6(text)
    return bytes && Buffer.from(bytes).toString('hex')
  }
  assert.equal(hex('::'), '0'.repeat(32))
  assert.equal(hex('::1'), `${'0'.repeat(31)}1`)
  assert.equal(hex('2001:db8::'), '20010db8'.padEnd(32, '0'))
  assert.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008')
  assert.equal(hex('::ffff:10.0.0.1'), '00000000000000000000ffff0a000001')
  assert.equal(hex('fe80::1%eth0'), 'fe80000000000000'.padEnd(31, '0') + '1')
  assert.equal(hex('10.0.0.1'), undefined)
})
