/** Random scripts of rewriting and random requests, with nginx as the judge. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../support/random.ts'
import { askBoth, startBoth } from './both.ts'

const patterns = [
  '^/a(.*)$',
  '^/b/(.*)',
  '(b)(c)?',
  '^/(x|y)/',
  '.',
  'nothing',
  '^/(?<part>[ab]+)',
  'c$',
]
const replacements = [
  '/b/$1',
  '/c?p=$1',
  '/a$1?',
  '/y/$2$1?q=$v',
  '/x/$part',
  '$1',
  '/c$1?r=$1&$args?',
  '/$v',
]
const flags = ['', '', 'last', 'break', 'redirect', 'permanent']
const operands = ['$v', '$arg_k', '$uri', '$args', '$part']
const conditions = ['', ' = a', ' != a', ' ~ (a)(b)?', ' !~ b', ' ~* ^/(.)', ' = $v']
const texts = ['a', '0', '', '$1', '<$1$2>', '$uri', '$v$part', '$arg_k']

function step(random: Random, depth: number): string {
  switch (random.integer(0, depth > 0 ? 6 : 4)) {
    case 0:
    case 1:
      return `rewrite "${random.pick(patterns)}" "${random.pick(replacements)}" ${random.pick(flags)};`
    case 2:
    case 3:
      return `set $v "${random.pick(texts)}";`
    case 4:
      return random.chance(0.5)
        ? 'break;'
        : `return ${random.pick(['403', '204', '301 "/r$1"', '200 "$v $1"'])};`
    default:
      return `if (${random.pick(operands)}${random.pick(conditions)}) { ${script(random, 0)} }`
  }
}

function script(random: Random, depth: number): string {
  return Array.from({ length: random.integer(1, 3) }, () => step(random, depth)).join('\n')
}

const shown = 'return 200 "<$uri|$args|$v|$part|$1|$2>";'

function server(random: Random, name: string): string {
  const locations = ['/', '/a', '/b/', '~ ^/(c|y)(.*)$'].map((where) => {
    const before = random.chance(0.7) ? script(random, 1) : ''
    return `location ${where} { ${before} ${shown} }`
  })
  const own = random.chance(0.4) ? script(random, 1) : ''
  return `server { listen {port}; server_name ${name}; set $v "v"; ${own} ${locations.join('\n')} }`
}

const pieces = ['a', 'b', 'c', '/', '/b/', 'x/', 'y', '%20', '%26', '+', '%3F', 'ab']

function target(random: Random): string {
  let path = '/'
  for (let i = random.integer(0, 5); i > 0; i--) path += random.pick(pieces)
  return path + random.pick(['', '', '?k=a', '?k=b%20&z', '?'])
}

test('random scripts, random requests', async (t) => {
  const random = seededRandom(t)
  const names = Array.from({ length: 40 }, (_, i) => `s${i}`)
  const head = 'uninitialized_variable_warn off; map $uri $part { default ""; }'
  const servers = names.map((name) => server(random, name)).join('\n')
  const both = await startBoth(t, `${head}\n${servers}`)
  for (let round = 0; round < 400; round++) {
    const [name, path] = [random.pick(names), target(random)]
    const bytes = `GET ${path} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`
    const { ours, nginx } = await askBoth(t, both, bytes)
    assert.equal(
      ours,
      nginx,
      `${path} of ${name}: ${servers.split('server {')[names.indexOf(name) + 1]}`,
    )
  }
})
