/** Which location and which server a request means: a corpus, with nginx as the judge. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, type Random } from '../support/random.ts'
import { askBoth, request, startBoth } from './both.ts'
import { refusalOf } from './support.ts'

const answer = (id: string): string => `return 200 "${id} $uri $1";`

function locationsOf(...texts: readonly string[]): string {
  return texts
    .map((text) => `location ${text} { ${answer(text.replaceAll(/[$"]/g, '-'))} }`)
    .join('\n')
}

const fixed = `
  server { listen {port};
    ${locationsOf('/', '= /', '/a', '/a/', '= /a/b', '/a/b/', '^~ /a/c', '/abc', '/A')}
    ${locationsOf('~ ^/a/(.*)\\.php', '~* \\.JPG', '~ ^/re/(\\d+)', '^~ /re/1', '= /re/12')}
    location /n/ { ${answer('/n/')}
      ${locationsOf('/n/x', '= /n/x/y', '~ /n/x/(z)', '^~ /n/x/w')}
      location /n/deep/ { ${answer('/n/deep/')} ${locationsOf('/n/deep/er', '~ er(\\d)')} }
    }
    location ^~ /q/ { ${answer('^~ /q/')} ${locationsOf('/q/x', '~ /q/(r)')} }
    location ~ ^/outer/(\\w+) { ${answer('~ outer')} ${locationsOf('~ inner')} }
    ${locationsOf('~ \\.txt', '/é', '/with%20space', '"/sp ace"')}
  }`

const paths = [
  ...[
    '/',
    '//',
    '/a',
    '/a/',
    '/a/b',
    '/a/b/',
    '/a/b/c',
    '/a/c',
    '/a/cd',
    '/a/c.jpg',
    '/ab',
    '/abc',
  ],
  ...['/abcd', '/A', '/Ab', '/a/x.php', '/a/b/x.php', '/a/c/x.php', '/x.jpg', '/x.JPG', '/x.jpGx'],
  ...['/re/1', '/re/12', '/re/123', '/re/2', '/re/x', '/n/', '/n', '/n/x', '/n/xx', '/n/x/y'],
  ...[
    '/n/x/yy',
    '/n/x/z',
    '/n/x/w',
    '/n/x/w/z',
    '/n/a.txt',
    '/n/x/a.txt',
    '/n/deep/',
    '/n/deep/er',
  ],
  ...[
    '/n/deep/er7',
    '/n/deep/er7.txt',
    '/n/deep/a.jpg',
    '/q/',
    '/q/x',
    '/q/r',
    '/q/x.txt',
    '/q/rx.jpg',
  ],
  ...[
    '/outer/abc',
    '/outer/inner',
    '/outer/plain',
    '/outer/plain.txt',
    '/a.txt',
    '/%C3%A9',
    '/\xc3\xa9',
  ],
  ...['/with%20space', '/with%2520space', '/sp%20ace', '/a%2Fb', '/%61/b', '/a/./b', '/a/x/../b'],
  ...[
    '/a//b',
    '/a/b?x=/n/',
    '/a/%2e%2e/re/1',
    '/a/b/..',
    '/a/b/.',
    '/..',
    '/a/../..',
    '/%',
    '/a%00b',
  ],
  ...[
    '/?',
    '/a?',
    '/a/b??',
    '/a/b?a=b&c=%20',
    '/re/1;2',
    '/a+b',
    '/a%2bb',
    '/a%3fb',
    '/a%23b',
    '/~a',
  ],
]

test('the location of each path', async (t) => {
  const both = await startBoth(t, fixed)
  for (const path of paths) {
    const { ours, nginx } = await askBoth(t, both, request(path))
    assert.equal(ours, nginx, path)
  }
})

const alphabet = ['a', 'b', 'ab', '/', '.', 'c/', '/b', '1']

function randomPath(random: Random): string {
  let path = '/'
  for (let i = random.integer(0, 5); i > 0; i--) path += random.pick(alphabet)
  return path
}

/** A server with random locations, nested by chance; no two alike. */
function randomLocations(random: Random, within: string, depth: number): string {
  const known = new Set<string>()
  let text = ''
  for (let i = random.integer(1, 6); i > 0; i--) {
    const rest = randomPath(random)
    const path = within + (within.endsWith('/') ? rest.slice(1) : rest)
    const kind = random.pick(['', '', '', '= ', '^~ ', '~ ', '~* '])
    const written = kind.startsWith('~')
      ? `${kind}${random.pick(['a', 'b/', '^/a', '\\.', '1$', '(b)'])}`
      : kind + path
    const key = kind === '= ' || kind.startsWith('~') ? written : path
    if (known.has(key)) continue
    known.add(key)
    const nested =
      depth > 0 && !kind.startsWith('=') && !kind.startsWith('~') && random.chance(0.5)
        ? randomLocations(random, path, depth - 1)
        : ''
    text += `location ${written} { ${answer(`${depth} ${written}`.replaceAll('$', '-'))} ${nested} }\n`
  }
  return text
}

test('random locations, random paths', async (t) => {
  const random = seededRandom(t)
  const servers = Array.from({ length: 25 }, (_, i) => {
    const body = randomLocations(random, '/', 2)
    return `server { listen {port}; server_name s${i}; ${body} }`
  })
  const both = await startBoth(t, `merge_slashes on;\n${servers.join('\n')}`)
  for (let round = 0; round < 400; round++) {
    const server = random.integer(0, servers.length - 1)
    const bytes = `GET ${randomPath(random)} HTTP/1.1\r\nHost: s${server}\r\nConnection: close\r\n\r\n`
    const { ours, nginx } = await askBoth(t, both, bytes)
    assert.equal(ours, nginx, `${bytes}\n${servers[server]}`)
  }
})

const named = `
  server { listen {port} default_server; server_name def; return 200 "default $server_name"; }
  server { listen {port}; server_name a.com www.a.com; return 200 "exact $server_name"; }
  server { listen {port}; server_name *.a.com; return 200 "head $server_name"; }
  server { listen {port}; server_name *.b.a.com; return 200 "longer head $server_name"; }
  server { listen {port}; server_name www.*; return 200 "tail $server_name"; }
  server { listen {port}; server_name .dot.org; return 200 "dot $server_name"; }
  server { listen {port}; server_name ~^(?<sub>\\w+)\\.re\\.(net|org)$; return 200 "regex $sub $2 $server_name"; }
  server { listen {port}; server_name ~^x; return 200 "second regex"; }
  server { listen {port}; server_name ""; return 200 "no name"; }`

const hosts = [
  ...['def', 'a.com', 'A.COM', 'a.com.', 'www.a.com', 'x.a.com', 'x.b.a.com', 'b.a.com', 'www.z'],
  ...[
    'www.a.com.',
    'dot.org',
    'x.dot.org',
    'x.y.dot.org',
    'one.re.net',
    'two.re.org',
    'two.re.com',
  ],
  ...[
    'xyz',
    'x.re.net',
    'unknown',
    'a.com:80',
    '127.0.0.1',
    '[::1]',
    '[::1]:80',
    'www.',
    'a_b.com',
  ],
]

test('the server of each host', async (t) => {
  const both = await startBoth(t, named)
  for (const host of hosts) {
    const bytes = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    const { ours, nginx } = await askBoth(t, both, bytes)
    assert.equal(ours, nginx, host)
  }
  const { ours, nginx } = await askBoth(t, both, 'GET / HTTP/1.0\r\n\r\n')
  assert.equal(ours, nginx, 'without Host')
  const absolute = await askBoth(t, both, 'GET http://a.com/ HTTP/1.0\r\n\r\n')
  assert.equal(absolute.ours, absolute.nginx, 'absolute form')
})

const refused: readonly (readonly [conf: string, message: RegExp])[] = [
  ['location /a { } location /a { }', /duplicate location "\/a" in /],
  ['location = /a { } location =/a { }', /duplicate location "\/a" in /],
  ['location /a { location /b { } }', /location "\/b" is outside location "\/a" in /],
  [
    'location = /a { location /a/b { } }',
    /location "\/a\/b" cannot be inside the exact location "\/a" in /,
  ],
  ['location /a { location @b { } }', /location "@b" can be on the server level only in /],
  [
    'location @a { location /b { } }',
    /location "\/b" cannot be inside the named location "@a" in /,
  ],
  ['location ! /a { }', /invalid location modifier "!" in /],
  ['location ~ ( { }', /pcre_compile\(\) failed: /],
]

test('what no location may be', async (t) => {
  for (const [conf, message] of refused) {
    const [first] = await refusalOf(t, `server { ${conf} }`)
    assert.match(first!, message)
  }
})
