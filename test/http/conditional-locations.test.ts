/** Locations by expression: `location ($variable = text && …)`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { curl } from '../support/http.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { refusalOf, startHttp } from './support.ts'

/** Asks one server for paths; the answer's text, or its status where it has none. */
async function asker(
  t: Parameters<typeof startHttp>[0],
  body: string,
): Promise<(path: string, ...fields: string[]) => Promise<string>> {
  const port = await freePort()
  await startHttp(t, `access_log off; server { listen 127.0.0.1:${port}; ${body} }`)
  return async (path, ...fields) => {
    const headers = fields.flatMap((field) => ['-H', field])
    const answer = await curl(...headers, `http://127.0.0.1:${port}${path}`)
    return answer.body.toString() || String(answer.status)
  }
}

test('conditions come before all other locations, in order', async (t) => {
  const ask = await asker(
    t,
    `location = /exact { return 200 exact; }
     location ^~ /p { return 200 prefix; }
     location ~ x$ { return 200 regex; }
     location ( $arg_a = 1 && $http_x_y ~* ^one|two$ ) { return 200 both; }
     location ($arg_a = 1) { return 200 a; }
     location ( $arg_b != "" && ( $arg_c = 1 || $arg_c = 2 ) ) { return 200 nested; }
     location ($arg_d !~ ^[a-c)]+$ && $arg_d) { return 200 not-d; }
     location ($arg_e !~* q || $arg_e = "Q Q") { return 200 e; }`,
  )
  const cases: readonly (readonly [want: string, path: string, ...fields: string[]])[] = [
    ['both', '/exact?a=1', 'X-Y: ONE'],
    ['a', '/exact?a=1', 'X-Y: three'],
    ['a', '/px?a=1'],
    ['nested', '/px?b=0&c=2'],
    ['e', '/px?b=0&c=3'],
    ['e', '/exact?d=abc'],
    ['not-d', '/exact?d=abd'],
    ['e', '/exact?c=1'],
    ['exact', '/exact?e=q'],
    ['prefix', '/px?e=q'],
    ['regex', '/ox?e=q'],
    ['404', '/o?e=q'],
  ]
  for (const [want, path, ...fields] of cases) {
    const text = await ask(path, ...fields)
    assert.equal(text.includes('404') ? '404' : text, want, path)
  }
})

test('groups, nesting, and what stands around', async (t) => {
  const ask = await asker(
    t,
    `set $kept "";
     if ($uri ~ ^/(first)/) { set $kept $1; }
     location ($arg_v ~ ^(?<major>[0-9]+)[.]([0-9]+)$) {
       location /in { return 200 "in $major"; }
       location ~ /(re) { return 200 "re $1"; }
       location ($arg_w) { return 200 "w $arg_w"; }
       return 200 "$1 $2 $major";
     }
     location /outer {
       location ($arg_v = x) { return 200 inner; }
       location /outer/deep { return 200 deep; }
       return 200 outer;
     }
     location ~ deep { return 200 regex; }
     location / { return 200 "root $kept"; }`,
  )
  assert.equal(await ask('/?v=12.7'), '12 7 12')
  assert.equal(await ask('/in/x?v=3.4'), 'in 3')
  assert.equal(await ask('/re?v=3.4'), 're re')
  assert.equal(await ask('/in?v=3.4&w=5'), 'w 5')
  assert.equal(await ask('/outer/deep?v=x'), 'inner')
  assert.equal(await ask('/outer/deep?v=y'), 'regex')
  assert.equal(await ask('/outer?v=y'), 'outer')
  assert.equal(await ask('/first/?v=12'), 'root first')
})

test('a rewrite into a location asks its condition with the new path', async (t) => {
  const ask = await asker(
    t,
    `location ($uri ~ ^/new) { return 200 "new $uri"; }
     location /old { rewrite ^/old(.*) /new$1; }
     location /page { error_page 418 /new/page; return 418; }`,
  )
  assert.equal(await ask('/old/1'), 'new /new/1')
  assert.equal(await ask('/page'), 'new /new/page')
})

test('requests are passed on as they came; a path for the target is refused', async (t) => {
  const [port, backend] = (await freePorts(2)) as [number, number]
  const target = `http://127.0.0.1:${backend}`
  await startHttp(
    t,
    `access_log off;
     server { listen 127.0.0.1:${port}; location ($arg_a = 1) { proxy_pass ${target}; } }
     server { listen 127.0.0.1:${backend}; return 200 "$request_method $request_uri"; }`,
  )
  const answer = await curl(`http://127.0.0.1:${port}/x/y?a=1`)
  assert.equal(answer.body.toString(), 'GET /x/y?a=1')
  const [fault] = await refusalOf(
    t,
    `server { location ($arg_a = 1) { proxy_pass ${target}/p/; } }`,
  )
  assert.match(fault!, /"proxy_pass" cannot have URI part in location/)
})

test('what is no condition is refused', async (t) => {
  const deep = '( '.repeat(40) + '$arg_a' + ' )'.repeat(40)
  const wrong: readonly (readonly [condition: string, message: RegExp])[] = [
    ['()', /invalid condition "\)"/],
    ['( )', /invalid condition "\)"/],
    ['( $arg_a', /unexpected end of condition, expecting "\)"/],
    ['( $arg_a = )', /invalid condition "\)"/],
    ['( $arg_a = 1 ) $arg_b', /invalid condition "\$arg_b"/],
    ['( $arg_a = 1 && )', /invalid condition "\)"/],
    ['( && $arg_a )', /invalid condition "&&"/],
    ['( $arg_a == 1 )', /invalid condition "=="/],
    ['( $arg_a = 1 $arg_b = 2 )', /invalid condition "\$arg_b"/],
    ['( -f /x )', /invalid condition "-f"/],
    ['( $ = 1 )', /invalid condition "\$"/],
    ['( $nothing = 1 )', /unknown "nothing" variable/],
    ['( $1 = 1 )', /unknown "1" variable/],
    ['( $arg_a ~ ( )', /unexpected end of condition|Unterminated|missing/],
    [deep, /conditions are nested deeper than 32/],
  ]
  for (const [condition, message] of wrong) {
    const [fault] = await refusalOf(t, `server { location ${condition} { } }`)
    assert.match(fault ?? 'taken', message, condition)
  }
  const twice = 'location ($arg_a = 1) { } location ( ( $arg_a = "1" ) ) { }'
  assert.match((await refusalOf(t, `server { ${twice} }`))[0]!, /duplicate location/)
  const inner = 'location = /x { location ($arg_a = 1) { } }'
  const [nested] = await refusalOf(t, `server { ${inner} }`)
  assert.match(nested!, /cannot be inside the exact location "\/x"/)
  const [three] = await refusalOf(t, 'server { location a b c { } }')
  assert.match(three!, /invalid number of arguments in "location" directive/)
})

type Tree = { readonly sign: string; readonly parts: readonly Tree[] } | string

/** A condition over four arguments of the query that are 0 or 1. */
function randomTree(random: Random, depth: number): Tree {
  if (depth === 0 || random.chance(0.3)) return random.pick(['a', 'b', 'c', 'd', '!a', '!c'])
  const count = random.integer(2, 3)
  const parts = Array.from({ length: count }, () => randomTree(random, depth - 1))
  return { sign: random.pick(['&&', '||']), parts }
}

function write(tree: Tree, random: Random): string {
  if (typeof tree === 'string') {
    return `$arg_${tree.at(-1)} ${tree.startsWith('!') ? '!=' : '='} 1`
  }
  const [open, close] = random.pick([
    ['(', ')'],
    ['( ', ' )'],
  ] as const)
  const inner = tree.parts.map((part) =>
    typeof part === 'string' ? write(part, random) : `${open}${write(part, random)}${close}`,
  )
  return inner.join(` ${tree.sign} `)
}

function holds(tree: Tree, values: Readonly<Record<string, boolean>>): boolean {
  if (typeof tree === 'string') return values[tree.at(-1)!] !== tree.startsWith('!')
  return tree.sign === '&&'
    ? tree.parts.every((part) => holds(part, values))
    : tree.parts.some((part) => holds(part, values))
}

test('random conditions mean what they say', async (t) => {
  const random = seededRandom(t)
  const trees = Array.from({ length: 12 }, () => randomTree(random, 3))
  const ask = await asker(
    t,
    trees
      .map(
        (tree, i) => `location /${i}/ { location (${write(tree, random)}) { return 200 yes; }
                           return 200 no; }`,
      )
      .join('\n'),
  )
  for (const [i, tree] of trees.entries()) {
    for (const bits of [0, 15, random.integer(1, 14), random.integer(1, 14)]) {
      const values = { a: bits % 2 > 0, b: bits % 4 > 1, c: bits % 8 > 3, d: bits > 7 }
      const query = Object.entries(values).map(([name, set]) => `${name}=${set ? 1 : 0}`)
      const want = holds(tree, values) ? 'yes' : 'no'
      assert.equal(await ask(`/${i}/?${query.join('&')}`), want, `${write(tree, random)} ${bits}`)
    }
  }
})
