/** What a change of the stream block costs, and what it keeps. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  append,
  blockOf,
  directives,
  findDirective,
  indexOfDirective,
  splice,
} from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import { StreamCompiler } from './compile.fixture.ts'
import type { StreamPart } from './part.ts'

function parse(stream: string): Directive {
  const { main, diagnostics } = configurationFromText(`stream {\n${stream}\n}`, 'test.conf')
  assert.deepEqual(diagnostics, [])
  return main
}

function parseOne(text: string): Directive {
  return [...directives(configurationFromText(text, 'one.conf').main.block!)][0]!
}

function changeStream(tree: Directive, change: (stream: Directive) => Directive): Directive {
  const stream = findDirective(tree.block, 'stream')!
  const at = indexOfDirective(tree.block!, stream)
  return withBlock(tree, splice(tree.block!, at, 1, [change(stream)]))
}

function add(tree: Directive, text: string): Directive {
  return changeStream(tree, (stream) => withBlock(stream, append(stream.block!, parseOne(text))))
}

function replace(tree: Directive, index: number, text: string | undefined): Directive {
  const nodes = text === undefined ? [] : [parseOne(text)]
  return changeStream(tree, (stream) => withBlock(stream, splice(stream.block!, index, 1, nodes)))
}

function nameAt(part: StreamPart, key: string, name: string): string | undefined {
  return part.table.get(key)?.names.find(name)?.server.names[0]?.text
}

function defaultOf(part: StreamPart, key: string): string | undefined {
  return part.table.get(key)?.fallback?.names[0]?.text
}

const key = 'tcp 0.0.0.0:1000'

describe('cost of a change', () => {
  test('one server among 10,000 is one compile, added, changed and removed', () => {
    const compiler = new StreamCompiler()
    const servers = Array.from({ length: 10_000 }, (_, i) =>
      parseOne(`server { listen 1000; server_name s${i}; return ${i}; }`),
    )
    let tree = changeStream(parse(''), (stream) => withBlock(stream, blockOf(servers)))
    assert.ok(compiler.apply(tree))
    assert.equal(compiler.part.compiled, 10_000)
    tree = add(tree, 'server { listen 1000; server_name added; return x; }')
    assert.ok(compiler.apply(tree))
    assert.equal(compiler.part.compiled, 1)
    assert.equal(nameAt(compiler.part, key, 'added'), 'added')
    tree = replace(tree, 5000, 'server { listen 1000; server_name changed; return x; }')
    assert.ok(compiler.apply(tree))
    assert.equal(compiler.part.compiled, 1)
    assert.equal(nameAt(compiler.part, key, 's5000'), undefined)
    assert.equal(nameAt(compiler.part, key, 'changed'), 'changed')
    tree = replace(tree, 10_000, undefined)
    assert.ok(compiler.apply(tree))
    assert.equal(compiler.part.compiled, 0)
    assert.equal(nameAt(compiler.part, key, 'added'), undefined)
    assert.equal(compiler.part.table.get(key)?.servers, 10_000)
  })

  test('a changed map or group compiles no server', () => {
    const compiler = new StreamCompiler()
    let tree = parse(`
      map $remote_addr $x { default a; }
      upstream u { server 127.0.0.1:1; }
      server { listen 1000; proxy_pass u; }
      server { listen 1001; return $x; }`)
    assert.ok(compiler.apply(tree))
    const cell = compiler.part.upstreams.entries.get('u')!.cell
    const [before, variables] = [cell.current, compiler.part.variables]
    tree = replace(tree, 0, 'map $remote_addr $x { default b; }')
    assert.ok(compiler.apply(tree))
    assert.equal(compiler.part.compiled, 0)
    assert.notEqual(compiler.part.variables.find('x'), variables.find('x'))
    tree = replace(tree, 1, 'upstream u { server 127.0.0.1:1; server 127.0.0.1:2; }')
    assert.ok(compiler.apply(tree))
    assert.equal(compiler.part.compiled, 0)
    assert.notEqual(cell.current, before)
    assert.equal(cell.current.peers.length, 2)
    assert.equal(cell.current.peers[0]!.state, before.peers[0]!.state)
  })

  test('a changed setting of the stream block compiles all servers', () => {
    const compiler = new StreamCompiler()
    const body = 'server { listen 1000; return a; } server { listen 1001; return b; }'
    assert.ok(compiler.apply(parse(`proxy_timeout 1s; ${body}`)))
    assert.ok(compiler.apply(parse(`proxy_timeout 2s; ${body}`)))
    assert.equal(compiler.part.compiled, 2)
  })
})

describe('what is refused leaves what is in force', () => {
  test('the last map of a variable that is read', () => {
    const compiler = new StreamCompiler()
    const tree = parse('map $remote_addr $x { default a; } server { listen 1000; return $x; }')
    assert.ok(compiler.apply(tree))
    const { part } = compiler
    assert.equal(compiler.apply(replace(tree, 0, undefined)), false)
    assert.deepEqual(compiler.messages, ['unknown "x" variable'])
    assert.equal(compiler.part, part)
    assert.equal(compiler.subsystem.engine.part, part)
  })

  test('a group that a server refers to', () => {
    const compiler = new StreamCompiler()
    const tree = parse('upstream u { server 127.0.0.1:1; } server { listen 1000; proxy_pass u; }')
    assert.ok(compiler.apply(tree))
    assert.equal(compiler.apply(replace(tree, 0, undefined)), false)
    assert.deepEqual(compiler.messages, ['no port in upstream "u"'])
    assert.ok(compiler.apply(add(tree, 'server { listen 1001; proxy_pass u; }')))
    assert.equal(compiler.part.upstreams.entries.get('u')!.uses, 2)
  })

  test('a group in use that edits take away', () => {
    const compiler = new StreamCompiler()
    const server = 'server { listen 1000; proxy_pass u; }'
    const tree = parse(
      `upstream U { server 127.0.0.1:1; } ${server} server { listen 1001; return x; }`,
    )
    assert.ok(compiler.apply(tree))
    const { part } = compiler
    const without = replace(tree, 0, undefined)
    const using = ['fail:upstream [U] is using!']
    assert.equal(compiler.apply(without, true), false)
    assert.deepEqual(compiler.messages, using)
    const again = replace(without, 0, 'server { listen 1000; proxy_timeout 1s; proxy_pass u; }')
    assert.equal(compiler.apply(again, true), false, 'and its server becomes another')
    assert.deepEqual(compiler.messages, using)
    const around = changeStream(without, (stream) =>
      withBlock(stream, append(stream.block!, parseOne('proxy_timeout 1s;'))),
    )
    assert.equal(compiler.apply(around, true), false, 'and everything is compiled')
    assert.deepEqual(compiler.messages, using)
    assert.equal(compiler.apply(add(without, 'server { listen 1002; proxy_pass u; }'), true), false)
    assert.deepEqual(compiler.messages, using)
    assert.equal(compiler.part, part)
    assert.ok(compiler.apply(replace(without, 0, undefined), true), 'with all that refers to it')
    assert.equal(compiler.part.compiled, 0, 'nothing else is compiled')
    assert.equal(compiler.part.upstreams.entries.size, 0)
  })

  test('the last server that sets a variable others read', () => {
    const compiler = new StreamCompiler()
    const tree = parse(
      'server { listen 1000; set $y 1; return a; } server { listen 1001; return $y; }',
    )
    assert.ok(compiler.apply(tree))
    assert.equal(compiler.apply(replace(tree, 0, undefined)), false)
    assert.deepEqual(compiler.messages, ['unknown "y" variable'])
    assert.ok(compiler.apply(replace(tree, 0, 'server { listen 1000; set $y 2; return b; }')))
  })
})

describe('default server', () => {
  test('is the first, and after it goes the next; a server put before it takes its place', () => {
    const compiler = new StreamCompiler()
    let tree = parse(`
      server { listen 1000; server_name a; return a; }
      server { listen 1000; server_name b; return b; }
      server { listen 1000; server_name c; return c; }`)
    assert.ok(compiler.apply(tree))
    assert.equal(defaultOf(compiler.part, key), 'a')
    tree = replace(tree, 0, undefined)
    assert.ok(compiler.apply(tree))
    assert.equal(defaultOf(compiler.part, key), 'b')
    const first = parseOne('server { listen 1000; server_name z; return z; }')
    tree = changeStream(tree, (stream) => withBlock(stream, splice(stream.block!, 0, 0, [first])))
    assert.ok(compiler.apply(tree))
    assert.equal(defaultOf(compiler.part, key), 'z')
    assert.ok(
      compiler.apply(add(tree, 'server { listen 1000 default_server; server_name d; return d; }')),
    )
    assert.equal(defaultOf(compiler.part, key), 'd')
  })

  test('stays the default when its directives change', () => {
    const compiler = new StreamCompiler()
    const tree = parse(`
      server { listen 1000; server_name a; return a; }
      server { listen 1000; server_name b; return b; }`)
    assert.ok(compiler.apply(tree))
    assert.ok(compiler.apply(replace(tree, 0, 'server { listen 1000; server_name a; return A; }')))
    assert.equal(defaultOf(compiler.part, key), 'a')
  })
})

describe('sockets', () => {
  test('a particular address has none where a wildcard of its port is listened on', () => {
    const compiler = new StreamCompiler()
    let tree = parse(`
      server { listen 127.0.0.1:1000; return a; }
      server { listen 1000; return b; }
      server { listen 127.0.0.2:1000 bind; return c; }`)
    assert.ok(compiler.apply(tree))
    const sockets = (): readonly string[] =>
      [...compiler.part.listeners.entries()].map(([name]) => name).sort()
    assert.deepEqual(sockets(), [key, 'tcp 127.0.0.2:1000'])
    assert.equal(
      compiler.part.table.find(key, () => 'tcp 127.0.0.1:1000')?.key,
      'tcp 127.0.0.1:1000',
    )
    assert.equal(compiler.part.table.find(key, () => 'tcp 127.0.0.9:1000')?.key, key)
    tree = replace(tree, 1, undefined)
    assert.ok(compiler.apply(tree))
    assert.deepEqual(sockets(), ['tcp 127.0.0.1:1000', 'tcp 127.0.0.2:1000'])
  })

  test('an unchanged address keeps its plan, whatever happens to its servers', () => {
    const compiler = new StreamCompiler()
    const tree = parse('server { listen 1000 backlog=5; return a; }')
    assert.ok(compiler.apply(tree))
    const plan = compiler.part.listeners.get(key)
    assert.equal(plan?.options.backlog, 5)
    assert.ok(compiler.apply(add(tree, 'server { listen 1000; server_name b; return b; }')))
    assert.equal(compiler.part.listeners.get(key), plan)
    assert.ok(
      compiler.apply(parse('proxy_timeout 1s; server { listen 1000 backlog=5; return a; }')),
    )
    assert.equal(compiler.part.listeners.get(key)?.port, plan?.port)
  })
})
