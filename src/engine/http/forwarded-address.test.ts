import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessRule, parseAccessRule } from '../modules/access-rules.ts'
import { type Address, formatAddress } from '../net/address.ts'
import { forwardedAddress, parseForwarded } from './forwarded-address.ts'

const nobodyElse: AccessRule = { allow: false, from: 'all' }
const trusted = [
  ...['10.0.0.0/8', 'unix:', '2001:db8::/32'].map((text) => parseAccessRule(true, text, () => {})),
  nobodyElse,
]
const proxy: Address = { family: 4, host: '10.0.0.1', port: 5 }

function find(values: readonly string[], recursive: boolean, peer: Address = proxy): string {
  const found = forwardedAddress(peer, values, trusted, recursive)
  return found === undefined ? 'none' : formatAddress(found)
}

test('the last address, or the last that is not trusted', () => {
  const list = ['192.0.2.1, 192.0.2.2', '10.1.1.1:80 ,10.2.2.2']
  assert.equal(find(list, false), '10.2.2.2:0')
  assert.equal(find(list, true), '192.0.2.2:0')
  assert.equal(find(['10.3.3.3,10.2.2.2'], true), '10.3.3.3:0')
  assert.equal(find(['192.0.2.1,2001:db8::1'], true), '192.0.2.1:0')
  assert.equal(find(['192.0.2.7'], false, { family: 'unix', path: '' }), '192.0.2.7:0')
})

test('nobody is believed who is not trusted, and nothing that cannot be read', () => {
  assert.equal(find(['192.0.2.1'], true, { family: 4, host: '192.0.2.9', port: 1 }), 'none')
  assert.equal(find([], true), 'none')
  assert.equal(find([''], true), 'none')
  assert.equal(find(['192.0.2.1, unknown'], true), 'none')
  assert.equal(find(['unknown, 10.2.2.2'], true), '10.2.2.2:0')
})

test('addresses with and without ports', () => {
  for (const [text, expected] of [
    ['192.0.2.1', '192.0.2.1:0'],
    ['192.0.2.1:8080', '192.0.2.1:8080'],
    ['2001:db8::1', '[2001:db8::1]:0'],
    ['2001:DB8:0:0::1', '[2001:db8::1]:0'],
    ['[2001:db8::1]', undefined],
    ['192.0.2.1:0', undefined],
    ['[2001:db8::1]:9', '[2001:db8::1]:9'],
    ['192.0.2.1:99999', undefined],
    ['192.0.2', undefined],
    ['[192.0.2.1]', undefined],
    ['192.0.2.1:', undefined],
    ['name', undefined],
  ] as const) {
    const address = parseForwarded(text)
    assert.equal(address && formatAddress(address), expected, text)
  }
})
