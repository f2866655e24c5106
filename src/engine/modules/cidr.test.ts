import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cidrContains, formatCidr, parseCidr, parseIp } from './cidr.ts'

describe('cidr', () => {
  test('matches by the leading bits', () => {
    const cases: readonly (readonly [cidr: string, ip: string, inside: boolean])[] = [
      ['10.0.0.0/8', '10.255.1.2', true],
      ['10.0.0.0/8', '11.0.0.0', false],
      ['10.1.2.3', '10.1.2.3', true],
      ['10.1.2.3', '10.1.2.4', false],
      ['0.0.0.0/0', '255.255.255.255', true],
      ['192.168.0.0/255.255.0.0', '192.168.7.7', true],
      ['2001:db8::/32', '2001:db8:ffff::1', true],
      ['2001:db8::/33', '2001:db8:8000::1', false],
      ['::/0', '::1', true],
      ['fe80::/10', 'febf::1', true],
      ['fe80::/10', 'fec0::1', false],
      ['10.0.0.0/8', '::1', false],
      ['127.0.0.0/8', '::ffff:127.0.0.1', true],
    ]
    for (const [cidr, ip, inside] of cases) {
      assert.equal(cidrContains(parseCidr(cidr), parseIp(ip)!), inside, `${cidr} ${ip}`)
    }
  })

  test('tells of low bits and clears them', () => {
    let told = 0
    assert.equal(formatCidr(parseCidr('10.0.0.1/8', () => (told += 1))), '10.0.0.0/8')
    assert.equal(told, 1)
    parseCidr('10.0.0.0/8', () => (told += 1))
    assert.equal(told, 1)
  })

  test('refuses what is none', () => {
    for (const text of [
      '',
      'x',
      '10.0.0.0/33',
      '10.0.0/8',
      '::/129',
      '10.0.0.0/',
      '10.0.0.0/255.0.255.0',
    ]) {
      assert.throws(() => parseCidr(text), { message: `invalid parameter "${text}"` }, text)
    }
    assert.equal(parseIp('unix:'), undefined)
  })
})
