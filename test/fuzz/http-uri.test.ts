/**
 * Random targets against random locations, here and in nginx: the same location must answer, with the same
 * decoded path, query and captures, or the same refusal.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askBoth, request, startBoth } from '../http/both.ts'
import { type Random, seededRandom } from '../support/random.ts'

const rounds = { configurations: 6, targets: 250 } as const

const segments = [
  'a',
  'b',
  'ab',
  'A',
  'img',
  'x.php',
  'y.PNG',
  'with space',
  'é',
  '.',
  '..',
  '...',
  '',
]

/** Parts of a target as a client may write them; a fragment is refused here, so there is none. */
const written = [
  '/',
  '//',
  '/./',
  '/../',
  '/a',
  '/b',
  '/ab',
  '/A',
  '/img',
  '/x.php',
  '/y.PNG',
  '%2f',
  '%2F..',
  '%2e%2e/',
  '/%2e',
  '%61',
  '%20',
  '%c3%a9',
  '%00',
  '%',
  '%4',
  '%zz',
  '+',
  ';p=1',
  '?',
  '?a=b',
  '&c=%20',
  '=',
  '&',
  '.',
  '..',
]

const patterns = ['\\\\.php$', '^/a', '/(\\\\w)$', '^/(a|b)/(.*)$', 'PNG$', '^/[^/]*$', ' ', 'é']

function randomPath(random: Random): string {
  const parts = Array.from({ length: random.integer(1, 3) }, () => random.pick(segments))
  return `/${parts.filter((part) => !/^\.+$/.test(part)).join('/')}`
}

/** Locations of every kind; each says which it is and what it was given. */
function randomServer(random: Random): string {
  const known = new Set<string>()
  const locations: string[] = []
  for (let i = 0; i < random.integer(4, 14); i++) {
    const kind = random.pick(['', '', '= ', '^~ ', '~ ', '~* '])
    const what = kind.startsWith('~') ? random.pick(patterns) : randomPath(random)
    // The same path twice is refused, unless one of the two is exact.
    const id = kind === '= ' ? `= ${what}` : what
    if (known.has(id)) continue
    known.add(id)
    const text = `${i} $uri|$args|$is_args|$request_uri|$1|$2`
    locations.push(`location ${kind}"${what}" { return 200 "${text}"; }`)
  }
  const merge = random.chance(0.3) ? 'merge_slashes off;' : ''
  return `server { listen {port}; ${merge} ${locations.join('\n')} }`
}

function randomTarget(random: Random): string {
  const parts = Array.from({ length: random.integer(0, 6) }, () => random.pick(written))
  return `/${parts.join('')}`
}

test(`http targets: ${rounds.targets} for each of ${rounds.configurations} configurations`, async (t) => {
  const random = seededRandom(t)
  const statuses = new Set<string>()
  for (let i = 0; i < rounds.configurations; i++) {
    const server = randomServer(random)
    const both = await startBoth(t, server)
    for (let round = 0; round < rounds.targets; round++) {
      const target = randomTarget(random)
      const { ours, nginx } = await askBoth(t, both, request(target))
      assert.equal(ours, nginx, `${target}\n${server}`)
      statuses.add(nginx.slice(9, 12))
    }
  }
  for (const status of ['200', '400', '404']) {
    assert(statuses.has(status), `no ${status} among ${[...statuses].join()}`)
  }
})
