/**
 * Random values of the fields that decide what is answered, here and in nginx: ranges, conditions,
 * cookies. The answers must be the same to the byte.
 */
import assert from 'node:assert/strict'
import { utimesSync } from 'node:fs'
import { test } from 'node:test'
import { askBoth, request, startBoth } from '../http/both.ts'
import { type Random, seededRandom } from '../support/random.ts'

const rounds = 1500

/** Both engines serve a file of the same time: tags and dates are equal. */
const changed = new Date('2026-01-02T03:04:05Z')
const file = '0123456789abcdefghijklmnopqrstuvwxyz'
const dates = [
  'Fri, 02 Jan 2026 03:04:05 GMT',
  'Fri, 02 Jan 2026 03:04:06 GMT',
  'Thu, 01 Jan 2026 00:00:00 GMT',
  'Friday, 02-Jan-26 03:04:05 GMT',
  'Fri Jan  2 03:04:05 2026',
  'Fri, 32 Jan 2026 03:04:05 GMT',
  'never',
  '',
]
const tags = ['"695735a5-24"', 'W/"695735a5-24"', '"x"', '*', 'x', '']

const rangeTokens = [
  'bytes=',
  'bytes',
  '=',
  '-',
  ',',
  ' ',
  '0',
  '1',
  '9',
  '35',
  '36',
  '99',
  '-5',
  '0-',
  '5-9',
  'x',
  '18446744073709551615',
]
// A name alone makes nginx pass over the cookie behind it: a slip that is not followed.
const cookieTokens = ['a=1', 'a=2', 'b=3', 'aa=4', 'A=5', '; ', ';', ' ', '=', ',', '"', 'z', '\t']

function joined(random: Random, tokens: readonly string[], most: number): string {
  return Array.from({ length: random.integer(0, most) }, () => random.pick(tokens)).join('')
}

/** Field lines; a field of each kind at most, so that both read the same one. */
function randomFields(random: Random): string {
  const maybe = (name: string, value: () => string): string =>
    random.chance(0.3) ? `${name}: ${value().trim()}\r\n` : ''
  return [
    maybe('Range', () => `${random.chance(0.8) ? 'bytes=' : ''}${joined(random, rangeTokens, 6)}`),
    maybe('If-Range', () => random.pick(random.chance(0.5) ? tags : dates)),
    maybe('If-None-Match', () => random.shuffle(tags).slice(0, random.integer(1, 3)).join(', ')),
    maybe('If-Match', () => random.shuffle(tags).slice(0, random.integer(1, 2)).join(',')),
    maybe('If-Modified-Since', () => random.pick(dates)),
    maybe('If-Unmodified-Since', () => random.pick(dates)),
    maybe('Cookie', () => joined(random, cookieTokens, 6)),
  ].join('')
}

/** The boundary between parts is a number of its own in each. */
function withoutBoundary(answer: string): string {
  return answer.replaceAll(/\b\d{20}\b/g, '{boundary}')
}

test(`http fields: ${rounds} requests with random conditions, ranges and cookies`, async (t) => {
  const random = seededRandom(t)
  const server = `server {
    listen {port};
    root site;
    location / { add_header X-Cookie "$cookie_a|$cookie_b|$cookie_aa" always; }
  }`
  const both = await startBoth(t, server, { 'site/file.txt': file })
  for (const { prefix } of [both.ours, both.nginx]) {
    utimesSync(prefix.file('site/file.txt'), changed, changed)
  }
  const statuses = new Set<string>()
  for (let round = 0; round < rounds; round++) {
    const method = random.chance(0.1) ? 'HEAD' : 'GET'
    const bytes = request('/file.txt', randomFields(random), method)
    const { ours, nginx } = await askBoth(t, both, bytes)
    assert.equal(withoutBoundary(ours), withoutBoundary(nginx), bytes)
    statuses.add(nginx.slice(9, 12))
  }
  for (const status of ['200', '206', '304', '412', '416']) {
    assert(statuses.has(status), `no ${status} among ${[...statuses].join()}`)
  }
})
