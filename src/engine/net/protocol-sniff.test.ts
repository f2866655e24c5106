import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sniffProtocol } from './protocol-sniff.ts'

const cases: readonly (readonly [string, ReturnType<typeof sniffProtocol>])[] = [
  ['', 'incomplete'],
  ['G', 'incomplete'],
  ['GET', 'incomplete'],
  ['GET ', 'incomplete'],
  ['GET /', 'http'],
  ['OPTIONS *', 'http'],
  ['CONNECT a:1', 'http'],
  ['M-SEARCH *', 'http'],
  ['PRI * HTTP/2.0', 'http'],
  ['GET\t/', 'tcp'],
  ['get /', 'tcp'],
  [' GET /', 'tcp'],
  ['GET  /', 'tcp'],
  ['SSH-2.0-x', 'tcp'],
  ['A'.repeat(25), 'tcp'],
  ['\x16', 'incomplete'],
  ['\x16\x03\x01\x02\x00', 'incomplete'],
  ['\x16\x03\x01\x02\x00\x01', 'https'],
  ['\x16\x03\x01\x02\x00\x02', 'tcp'],
  ['\x16\x02', 'tcp'],
  ['\x00\x00\x00\x00', 'tcp'],
]

for (const [bytes, expected] of cases) {
  test(`${JSON.stringify(bytes)} is ${expected}`, () => {
    assert.equal(sniffProtocol(Buffer.from(bytes, 'latin1')), expected)
  })
}
