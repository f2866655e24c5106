/** What a change of one location costs its server, and that it finds what a server compiled anew would. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { append, type Block, blockOf, directives, findDirective } from '../conf/block.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import { Compiler, parseOne } from './compile.fixture.ts'
import type { Location } from './location.ts'
import type { LocationTable } from './location-table.ts'

const isServer = ({ name }: Directive): boolean => name === 'server'

function serverOf(content: string): string {
  return `upstream u { server 127.0.0.1:1; }  server { listen 80; server_name a; ${content} }`
}

function tableOf(compiler: Compiler): LocationTable {
  return compiler.port().fallback!.locations
}

function find(table: LocationTable, path: string): Location | undefined {
  return table.find(path, { captures: undefined } as never)
}

function without(block: Block, text: string): Block {
  const rest = [...directives(block)].filter(({ args }) => args.join(' ') !== text)
  assert.equal(rest.length, block.size - 1)
  return blockOf(rest)
}

function uses(compiler: Compiler, name: string): number | undefined {
  return compiler.part.upstreams.entries.get(name)?.uses
}

test('a location that comes or goes leaves the others of its server as they are', () => {
  const all = Array.from({ length: 500 }, (_, i) => `location /l${i}/ { return 200; }`)
  const compiler = new Compiler(serverOf(all.join(' ')))
  const before = tableOf(compiler)
  const known = [...before.all()]
  assert.equal(known.length, 500)
  assert.ok(compiler.extend(isServer, 'location /l7/more { return 201; }'))
  const after = tableOf(compiler)
  assert.deepEqual(new Set([...after.all()].filter((one) => known.includes(one))), new Set(known))
  assert.equal(find(after, '/l7/more/x')?.pattern!.text, '/l7/more')
  assert.equal(find(before, '/l7/more/x')?.pattern!.text, '/l7/', 'what is in force stays')
  assert.ok(compiler.rewrite(isServer, (block) => without(block, '/l7/')))
  assert.equal(find(tableOf(compiler), '/l7/x'), undefined)
  assert.equal(find(tableOf(compiler), '/l8/x'), find(before, '/l8/x'))
  assert.equal(find(after, '/l7/x')?.pattern!.text, '/l7/')
})

test('a setting of the server, or types in it, compile all of its locations anew', () => {
  const compiler = new Compiler(serverOf('location /a { return 200; }'))
  const first = find(tableOf(compiler), '/a')!
  assert.ok(compiler.extend(isServer, 'server_tokens off;'))
  const second = find(tableOf(compiler), '/a')!
  assert.notEqual(second, first)
  assert.equal(second.signature, 'trijet')
  assert.ok(compiler.extend(isServer, 'types { a/b c; }'))
  assert.equal(find(tableOf(compiler), '/a')!.types.get('c'), 'a/b')
})

test('a location that stands already is refused, and nothing has changed', () => {
  const compiler = new Compiler(
    serverOf('location /a { return 200; } location = /b { return 200; }'),
  )
  const before = tableOf(compiler)
  for (const text of ['/a', '^~ /a', '= /b']) {
    assert.equal(compiler.extend(isServer, `location ${text} { return 201; }`), false)
    assert.match(compiler.messages.join(), /duplicate location "/)
    assert.equal(tableOf(compiler), before)
  }
})

test('a group is let go of with the last reference to it, however many a server had', () => {
  const to = 'proxy_pass http://u'
  const compiler = new Compiler(
    serverOf(`location /a { ${to}; } location /b { ${to}/x; location /b/c { ${to}; } }`),
  )
  assert.equal(uses(compiler, 'u'), 3)
  assert.ok(compiler.extend(isServer, 'location /d { return 200; }'))
  assert.equal(uses(compiler, 'u'), 3)
  assert.ok(compiler.extend(isServer, 'location /e { proxy_pass http://127.0.0.1:2; }'))
  assert.equal(uses(compiler, '127.0.0.1:2'), 1)
  assert.ok(compiler.rewrite(isServer, (block) => without(block, '/e')))
  assert.equal(uses(compiler, '127.0.0.1:2'), undefined)
  assert.ok(compiler.rewrite(isServer, (block) => without(block, '/b')))
  assert.equal(uses(compiler, 'u'), 1)
  assert.ok(compiler.extend(isServer, 'server_tokens off;'))
  assert.equal(uses(compiler, 'u'), 1)
  assert.ok(compiler.rewrite(isServer, (block) => without(block, '/a')))
  assert.equal(uses(compiler, 'u'), 0)
})

test('a group that a location goes back to is another one than the one that was closed', () => {
  const compiler = new Compiler(serverOf('location /a { proxy_pass http://127.0.0.1:2; }'))
  const cell = (): unknown => compiler.part.upstreams.cell('127.0.0.1:2')
  const first = cell()
  let gone: Directive | undefined
  assert.ok(
    compiler.rewrite(isServer, (block) => {
      gone = findDirective(block, 'location')
      return without(block, '/a')
    }),
  )
  assert.equal(cell(), undefined)
  assert.ok(compiler.rewrite(isServer, (block) => blockOf([...directives(block), gone!])))
  assert.notEqual(cell(), first)
  assert.equal(uses(compiler, '127.0.0.1:2'), 1)
})

/** Small alphabets, so that texts begin alike and stand twice. */
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const steps = 150
const paths = ['/a', '/ab', '/abc', '/b/', '/b/a', '/b/ab/', '/c.php', '/ba', '/', '/abcd/e']

function generator(start: number): (below: number) => number {
  let state = start >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

test(`changes one after the other find what all of them at once do (seed ${seed})`, () => {
  const pick = generator(seed)
  const compiler = new Compiler(serverOf(''))
  for (let step = 0; step < steps; step += 1) {
    const block = compiler.port().fallback!.node.block!
    const there = [...directives(block)].filter(({ name }) => name === 'location')
    if (there.length > 0 && pick(3) === 0) {
      const one = there[pick(there.length)]!
      compiler.rewrite(isServer, (all) => blockOf([...directives(all)].filter((n) => n !== one)))
    } else {
      const modifier = ['', '', '', '=', '^~', '~', '~*'][pick(7)]!
      const path = paths[pick(paths.length)]!
      const inner = pick(4) === 0 ? `location ${path}x/ { return 201; }` : ''
      const content = pick(3) === 0 ? 'proxy_pass http://u;' : 'return 200;'
      const text = `location ${modifier} ${path} { ${content} ${modifier === '=' ? '' : inner} }`
      const at = pick(block.size + 1)
      compiler.rewrite(isServer, (all) => {
        const items = [...directives(all)]
        return blockOf([...items.slice(0, at), parseOne(text), ...items.slice(at)])
      })
    }
    checkAgainstFresh(compiler, step)
  }
})

function checkAgainstFresh(compiler: Compiler, step: number): void {
  const { fallback } = compiler.port()
  const fresh = new Compiler('upstream u { server 127.0.0.1:1; }')
  assert.ok(fresh.change((http) => withBlock(http, append(http.block!, fallback!.node))))
  assert.equal(uses(compiler, 'u'), uses(fresh, 'u'), `uses after ${step}`)
  for (const path of [...paths, ...paths.map((one) => `${one}x/y`)]) {
    assert.equal(
      find(tableOf(compiler), path)?.node,
      find(tableOf(fresh), path)?.node,
      `${path} after ${step}`,
    )
    assert.equal(tableOf(compiler).sendsToFolder(path), tableOf(fresh).sendsToFolder(path))
  }
}
