import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Expiry, parseExpiry, writeExpiry } from './expires.ts'
import { Response } from './response.ts'

const now = Date.UTC(2026, 10, 22, 12, 0, 0)

function fields(expiry: Expiry, lastModified = -1): string {
  const response = new Response()
  response.lastModified = lastModified
  response.add('Cache-Control', 'private')
  writeExpiry(response, expiry, now)
  return `${response.get('expires')} | ${response.get('cache-control')}`
}

test('what is told of each time', () => {
  const told = (text: string, modified = false): string => fields(parseExpiry(text, modified))
  assert.equal(told('1h'), 'Sun, 22 Nov 2026 13:00:00 GMT | max-age=3600')
  assert.equal(told('+1d12h'), 'Tue, 24 Nov 2026 00:00:00 GMT | max-age=129600')
  assert.equal(told('-1'), 'Sun, 22 Nov 2026 11:59:59 GMT | no-cache')
  assert.equal(told('epoch'), 'Thu, 01 Jan 1970 00:00:01 GMT | no-cache')
  assert.equal(told('max'), 'Thu, 31 Dec 2037 23:55:55 GMT | max-age=315360000')
  assert.equal(told('off'), 'undefined | private')
  assert.match(told('0'), / \| max-age=0$/)
  assert.equal(told('1h', true), 'Sun, 22 Nov 2026 13:00:00 GMT | max-age=3600')
})

test('from when it was modified', () => {
  const hourAgo = now - 3_600_000
  assert.equal(
    fields(parseExpiry('2h', true), hourAgo),
    'Sun, 22 Nov 2026 13:00:00 GMT | max-age=3600',
  )
  assert.equal(
    fields(parseExpiry('10m', true), hourAgo),
    'Sun, 22 Nov 2026 11:10:00 GMT | no-cache',
  )
})

test('a time of the day is the next one by the local clock', () => {
  for (const seconds of [0, 1, 43_200, 86_399]) {
    const [expires = ''] = fields({ kind: 'daily', seconds }).split(' | ')
    const at = new Date(expires)
    const local = at.getHours() * 3600 + at.getMinutes() * 60 + at.getSeconds()
    assert.equal(local, seconds)
    assert.ok(at.getTime() > now && at.getTime() <= now + 86_400_000 + 3_600_000, expires)
  }
})

test('what is no time', () => {
  assert.throws(() => parseExpiry('x', false), { message: 'invalid value' })
  assert.throws(() => parseExpiry('', false), { message: 'invalid value' })
  assert.throws(() => parseExpiry('epoch', true), { message: 'invalid value' })
  assert.throws(() => parseExpiry('@25h', false), {
    message: 'daily time value must be less than 24 hours',
  })
  assert.throws(() => parseExpiry('@1h', true), { message: /^daily time cannot/ })
})
