/** What a change of the http block costs, and what it keeps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockOf, directives, findDirective } from '../conf/block.ts'
import { type Directive, withBlock } from '../conf/tree.ts'
import { Compiler, parse, parseOne } from './compile.fixture.ts'

function server(name: string, more = 'return 200;'): string {
  return `server { listen 80; server_name ${name}; ${more} }`
}

function named(name: string): (node: Directive) => boolean {
  return ({ block }) => findDirective(block, 'server_name')?.args[0] === name
}

test('one server more among ten thousand compiles one, and one less none', () => {
  const all = Array.from({ length: 10_000 }, (_, i) => server(`s${i}`)).join('\n')
  const compiler = new Compiler(all)
  assert.equal(compiler.part.compiled, 10_000)
  assert.equal(compiler.add(server('late')), true)
  assert.equal(compiler.part.compiled, 1)
  assert.equal(compiler.who('late'), 'late')
  assert.equal(compiler.who('s77'), 's77')
  assert.equal(compiler.replace(named('s77')), true)
  assert.equal(compiler.part.compiled, 0)
  assert.equal(compiler.who('s77'), 's0')
})

test('a server that is kept stays the same object, and so does the gate of its address', () => {
  const compiler = new Compiler(server('a') + server('b'))
  const { gate, fallback } = compiler.port()
  compiler.replace(named('b'), server('b', 'return 404;'))
  assert.equal(compiler.part.compiled, 1)
  assert.equal(compiler.port().fallback, fallback)
  assert.equal(compiler.port().gate, gate)
})

test('a server that gets a location keeps its places: default, names, order of expressions', () => {
  const all = Array.from({ length: 100 }, (_, i) => server(`s${i}`)).join('\n')
  const own = `${server('first', 'set $own 1;')} ${server('~^a')} ${server('b')} ${server('~a$')}`
  const compiler = new Compiler(own + server('B') + all)
  for (const name of ['first', '~^a', 'b', 's50']) {
    assert.equal(compiler.extend(named(name), 'location /x { return 204; }'), true)
    assert.equal(compiler.part.compiled, 1, name)
  }
  assert.equal(compiler.who('nobody'), 'first')
  assert.equal(compiler.who('aaa'), '~^a')
  assert.equal(compiler.who('b'), 'b')
  const found = compiler.port().names.find('s50')!.server
  assert.equal(found.locations.find('/x', { captures: undefined } as never)?.pattern?.text, '/x')
})

test('a setting of the http block compiles all servers anew', () => {
  const compiler = new Compiler(server('a') + server('b'))
  assert.equal(compiler.add('server_tokens off;'), true)
  assert.equal(compiler.part.compiled, 2)
  assert.equal(compiler.port().fallback!.fallback.signature, 'trijet')
})

test('so do types, which every location reads', () => {
  const compiler = new Compiler(server('a') + server('b'))
  assert.equal(compiler.add('types { a/b c; }'), true)
  assert.equal(compiler.part.compiled, 2)
  assert.equal(compiler.port().fallback!.fallback.types.get('c'), 'a/b')
})

test('a map that changes is taken over without compiling its readers', () => {
  const map = (value: string): string => `map $host $m { default ${value}; }`
  const compiler = new Compiler(map('one') + server('a', 'return 200 $m;'))
  assert.equal(
    compiler.replace(({ name }) => name === 'map', map('two')),
    true,
  )
  assert.equal(compiler.part.compiled, 0)
})

test('of two maps of a variable the last has it, whichever changes or moves', () => {
  const map = (value: string): string => `map always $m { default ${value}; }`
  const compiler = new Compiler(map('one') + map('two') + server('a', 'return 200 $m;'))
  assert.equal(compiler.constant('m'), 'two')
  compiler.replace(({ name }) => name === 'map', map('three'))
  assert.equal(compiler.constant('m'), 'two')
  compiler.change((http) => {
    const [first, second, ...others] = directives(http.block!)
    return withBlock(http, blockOf([second!, first!, ...others]))
  })
  assert.equal(compiler.constant('m'), 'three')
  compiler.add(server('b'))
  assert.equal(compiler.part.compiled, 1)
})

test('a map that goes while it is read is refused, and all stays as it was', () => {
  const compiler = new Compiler(`map $host $m { default one; }${server('a', 'return 200 $m;')}`)
  const { part } = compiler
  assert.equal(
    compiler.replace(({ name }) => name === 'map'),
    false,
  )
  assert.deepEqual(compiler.messages, ['unknown "m" variable'])
  assert.equal(compiler.part, part)
  assert.equal(compiler.subsystem.engine.part, part)
})

test('the default server: the first of its address, or the one that says so', () => {
  const compiler = new Compiler(server('a') + server('b') + server('c'))
  assert.equal(compiler.who('x'), 'a')
  compiler.replace(named('a'))
  assert.equal(compiler.who('x'), 'b')
  compiler.add('server { listen 80 default_server; server_name d; return 200; }')
  assert.equal(compiler.who('x'), 'd')
  compiler.replace(named('d'))
  assert.equal(compiler.who('x'), 'b')
  compiler.change((http) =>
    withBlock(http, blockOf([parseOne(server('first')), ...directives(http.block!)])),
  )
  assert.equal(compiler.who('x'), 'first')
})

test('a second default server and repeated socket options are refused', () => {
  const compiler = new Compiler('server { listen 80 default_server backlog=5; return 200; }')
  assert.equal(compiler.add('server { listen 80 default_server; return 200; }'), false)
  assert.deepEqual(
    compiler.messages,
    [
      'conflicting server name "" on 0.0.0.0:80, ignored',
      'a duplicate default server for 0.0.0.0:80',
    ].toSorted(),
  )
  assert.equal(compiler.add('server { listen 80 backlog=6; server_name b; return 200; }'), false)
  assert.deepEqual(compiler.messages, ['duplicate listen options for 0.0.0.0:80'])
})

test('a name that is taken is warned of and the first keeps it', () => {
  const compiler = new Compiler(server('a'))
  assert.equal(compiler.add(server('A b')), true)
  assert.deepEqual(compiler.messages, ['conflicting server name "A" on 0.0.0.0:80, ignored'])
  assert.equal(compiler.who('b'), 'A')
  assert.equal(compiler.part.ports.get('tcp 0.0.0.0:80')!.names.find('a')!.server.name, 'a')
})

test('an address comes and goes with its servers', () => {
  const compiler = new Compiler(server('a'))
  compiler.add('server { listen 127.0.0.1:81; return 200; }')
  assert.deepEqual([...compiler.part.listeners.entries()].map(([key]) => key).toSorted(), [
    'tcp 0.0.0.0:80',
    'tcp 127.0.0.1:81',
  ])
  compiler.replace(({ block }) => findDirective(block, 'listen')?.args[0] === '127.0.0.1:81')
  assert.equal(compiler.part.listeners.size, 1)
})

test('a particular address beside a wildcard of its port shares its socket', () => {
  const compiler = new Compiler(`${server('a')} server { listen 127.0.0.1:80; server_name b; }`)
  assert.equal(compiler.part.listeners.size, 1)
  assert.equal(compiler.port().covers, true)
  compiler.replace(named('a'))
  assert.deepEqual(
    [...compiler.part.listeners.entries()].map(([key]) => key),
    ['tcp 127.0.0.1:80'],
  )
})

const refused: readonly (readonly [http: string, message: string])[] = [
  ['server { listen 80; listen 80; }', 'a duplicate listen 0.0.0.0:80'],
  ['server { listen 80 foo; }', 'invalid parameter "foo"'],
  ['server { listen 80 udp; }', 'invalid parameter "udp"'],
  ['server { listen 1.2.3.4:99999; }', 'invalid port in "1.2.3.4:99999" of the "listen" directive'],
  [
    'server { listen 80 ssl; }',
    'no "ssl_certificate" is defined for the "listen ... ssl" directive',
  ],
  ['server { return 1000; }', 'invalid return code "1000"'],
  ['server { return x; }', 'invalid return code "x"'],
  ['server { return 200 $nope; }', 'unknown "nope" variable'],
  ['server { set nope 1; }', 'invalid variable name "nope"'],
  ['server { set $uri 1; }', 'the duplicate "uri" variable'],
  ['server { error_page 200 /x; }', 'value "200" must be between 300 and 599'],
  ['server { error_page x /x; }', 'invalid value "x"'],
  ['server { access_log x nope; }', 'unknown log format "nope"'],
  ['log_format combined "x"; server { }', 'duplicate "log_format" name "combined"'],
  [
    'server { location / { root a; alias b; } }',
    '"alias" directive is duplicate, "root" directive was specified earlier',
  ],
  ['upstream u { server 127.0.0.1; } upstream u { server 127.0.0.1; }', 'duplicate upstream "u"'],
  ['upstream u { }', 'no servers are inside upstream'],
]

for (const [http, message] of refused) {
  test(`refused: ${http}`, () => {
    const compiler = new Compiler('')
    assert.equal(compiler.apply(parse(http)), false)
    assert.deepEqual(compiler.messages, [message])
  })
}
