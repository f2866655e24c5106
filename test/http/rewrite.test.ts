/** Scripts of rewriting: what is refused and in which words, and what a change of the configuration does to them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curl } from '../support/http.ts'
import { freePort } from '../support/ports.ts'
import { talk } from './both.ts'
import { refusalOf, startHttp } from './support.ts'

/** What stands in a server, and nginx's words for what is wrong with it. */
const refusals: readonly (readonly [string, string])[] = [
  ['rewrite ^ "";', 'empty replacement'],
  ['rewrite ^ /x foo;', 'invalid parameter "foo"'],
  ['rewrite ^;', 'invalid number of arguments in "rewrite" directive'],
  ['rewrite ^ $no_such;', 'unknown "no_such" variable'],
  ['set a b;', 'invalid variable name "a"'],
  ['set $uri b;', 'the duplicate "uri" variable'],
  ['set $http_host b;', 'the duplicate "http_host" variable'],
  ['set $ b;', 'invalid variable name "$"'],
  ['return foo;', 'invalid return code "foo"'],
  ['return 1000;', 'invalid return code "1000"'],
  ['return ftp://x;', 'invalid return code "ftp://x"'],
  ['return -1;', 'invalid return code "-1"'],
  ['break x;', 'invalid number of arguments in "break" directive'],
  ['if (a = b) { }', 'invalid condition "a"'],
  ['if $uri { }', 'invalid condition "$uri"'],
  ['if ($uri { }', 'invalid condition "$uri"'],
  ['if ($uri = a b) { }', 'invalid condition "$uri"'],
  ['if ($uri =) { }', 'invalid condition "$uri"'],
  ['if ($uri == a) { }', 'unexpected "==" in condition'],
  ['if (-q x) { }', 'invalid condition "-q"'],
  ['if (!-q x) { }', 'invalid condition "!-q"'],
  ['if (-f $uri x) { }', 'invalid condition "-f"'],
  ['if () { }', 'invalid condition ")"'],
  ['if ($) { }', 'invalid condition "$"'],
  ['if ($1 = a) { }', 'unknown "1" variable'],
  ['if ($no_such) { }', 'unknown "no_such" variable'],
  ['if { }', 'invalid number of arguments in "if" directive'],
  ['if ($uri);', 'directive "if" has no opening "{"'],
  ['if ($uri) { if ($args) { } }', '"if" directive is not allowed here'],
  ['if ($uri) { root /x; }', '"root" directive is not allowed here'],
  ['if ($uri) { location / { } }', '"location" directive is not allowed here'],
  ['location / { if ($uri) { internal; } }', '"internal" directive is not allowed here'],
  ['location / { if ($uri) { if ($uri) { } } }', '"if" directive is not allowed here'],
  ['location / { limit_except GET { return 200; } }', '"return" directive is not allowed here'],
  [
    'rewrite_log maybe;',
    'invalid value "maybe" in "rewrite_log" directive, it must be "on" or "off"',
  ],
]

for (const [text, words] of refusals) {
  test(`refused: ${text}`, async (t) => {
    const [first = ''] = await refusalOf(t, `server { listen 127.0.0.1:1; ${text} }`)
    assert(first.includes(words), first)
  })
}

test('a script is exchanged with its server alone', async (t) => {
  const port = await freePort()
  const server = (name: string, body: string): string =>
    `server { listen 127.0.0.1:${port}; server_name ${name}; ${body} }`
  const kept = server('kept', 'location / { set $v kept; return 200 $v; }')
  const first = `${kept} ${server('changed', 'if ($arg_a) { set $v 1; } return 200 "<$v>";')}`
  const runner = await startHttp(t, first)
  const ask = async (name: string): Promise<string> =>
    (await curl(`http://127.0.0.1:${port}/?a=1`, '-H', `Host: ${name}`)).body.toString()
  assert.equal(await ask('changed'), '<1>')
  await runner.load(
    `${kept} ${server('changed', 'location / { if ($arg_a) { return 200 two; } }')}`,
  )
  assert.equal(await ask('changed'), 'two')
  assert.equal(await ask('kept'), 'kept')
})

test('a variable goes with the last set that writes it', async (t) => {
  const port = await freePort()
  const reader = `server { listen 127.0.0.1:${port}; return 200 "<$deep>"; }`
  const writer = `server { listen 127.0.0.1:${port}; server_name w; location / { if ($uri) { set $deep 1; } } }`
  const runner = await startHttp(t, `${reader} ${writer}`)
  await assert.rejects(runner.load(reader), /unknown "deep" variable/)
  assert.equal((await curl(`http://127.0.0.1:${port}/`)).body.toString(), '<>')
})

test('one request does not see what another has set', async (t) => {
  const port = await freePort()
  await startHttp(
    t,
    `server { listen 127.0.0.1:${port}; uninitialized_variable_warn off;
       if ($arg_a) { set $v $arg_a; } location / { rewrite ^/(x+)$ /y last; return 200 "<$v><$1>"; } }`,
  )
  const targets = ['/x?a=1', '/', '/?a=2', '/xx']
  const bytes = targets.map((target) => `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`).join('')
  const answer = await talk(
    t,
    port,
    `${bytes}GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
  )
  const bodies = [...answer.matchAll(/\r\n\r\n(<[^H]*)/g)].map((match) => match[1])
  assert.deepEqual(bodies, ['<1><>', '<><>', '<2><>', '<><>', '<><>'])
})
