import assert from 'node:assert/strict'
import { test } from 'node:test'
import { append, findDirective } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { ConfError } from '../conf/diagnostics.ts'
import { directive, type Directive } from '../conf/tree.ts'
import { CompileSession } from './compile-session.ts'
import { type AnyModule, defineModule, type Module, type ValueType } from './module.ts'
import { ModuleTable } from './module-table.ts'
import { createScope, type Scope } from './scope.ts'

interface DemoConf {
  readonly timeout: number
  readonly header: readonly string[]
  readonly only_here: string
}

const number: ValueType<number> = {
  describe: 'number',
  parse: ([text = '']) => {
    if (!/^\d+$/.test(text)) throw new ConfError('invalid number')
    return Number(text)
  },
}
const text: ValueType<string> = { describe: 'string', parse: ([value = '']) => value }
const list: ValueType<readonly string[]> = { describe: 'string', parse: (args) => args }

const demo: Module<DemoConf> = defineModule<DemoConf>({
  id: 'stream.demo',
  directives: {
    timeout: {
      contexts: ['stream', 'stream.server'],
      args: [1, 1],
      syntax: 'timeout number',
      value: number,
      default: 7,
      doc: '',
    },
    header: {
      contexts: ['stream', 'stream.server'],
      args: [1, 1],
      syntax: 'header text',
      value: list,
      default: [],
      merge: (values) => values.flat(),
      doc: '',
    },
    only_here: {
      contexts: ['stream', 'stream.server'],
      args: [1, 1],
      syntax: 'only_here text',
      value: text,
      default: '',
      inherited: false,
      doc: '',
    },
  },
})

const quiet: Module<{ readonly quiet: string }> = defineModule<{ readonly quiet: string }>({
  id: 'stream.quiet',
  directives: {
    quiet: {
      contexts: ['stream'],
      args: [1, 1],
      syntax: 'quiet text',
      value: text,
      default: 'default',
      doc: '',
    },
  },
})

function createSession(modules: readonly AnyModule[] = [demo, quiet]): CompileSession {
  const table = new ModuleTable(modules)
  return new CompileSession({ table, prefix: '/p', confPrefix: '/p/conf', dryRun: true })
}

function scopeOf(node: Directive, session: CompileSession, parent?: Scope, before?: Scope): Scope {
  const context = parent === undefined ? 'stream' : 'stream.server'
  return createScope({ context, parent, block: node.block, session, variables: undefined, before })
}

function parseStream(body: string): Directive {
  const { main, diagnostics } = configurationFromText(`stream { ${body} }`, 'test')
  assert.deepEqual(diagnostics, [])
  return findDirective(main.block, 'stream')!
}

test('values go down, are overridden where set, and lists replace the outer list', () => {
  const stream = parseStream('timeout 3; header a; header b; only_here x; server { header c; }')
  const session = createSession()
  const outer = scopeOf(stream, session)
  const inner = scopeOf(findDirective(stream.block, 'server')!, session, outer)
  assert.deepEqual(outer.conf(demo), { timeout: 3, header: ['a', 'b'], only_here: 'x' })
  assert.deepEqual(inner.conf(demo), { timeout: 3, header: ['c'], only_here: '' })
})

test('a block that sets nothing of a module shares the outer record', () => {
  const stream = parseStream('quiet loud; server { timeout 1; }')
  const session = createSession()
  const outer = scopeOf(stream, session)
  const inner = scopeOf(findDirective(stream.block, 'server')!, session, outer)
  assert.equal(inner.conf(quiet), outer.conf(quiet))
  assert.equal(inner.conf(demo).timeout, 1)
})

test('the scope of a block is used again while its settings are the same', () => {
  const stream = parseStream('timeout 3; server { }')
  const session = createSession()
  const first = scopeOf(stream, session)
  const grown = { ...stream, block: append(stream.block!, directive('server', [], stream.block)) }
  assert.equal(scopeOf(grown, session, undefined, first), first)
  const set = { ...stream, block: append(stream.block!, directive('header', ['x'])) }
  assert.notEqual(scopeOf(set, session, undefined, first), first)
})

test('a value that does not parse is a diagnostic at its place, and the default stands', () => {
  const stream = parseStream('timeout x;')
  const session = createSession()
  assert.equal(scopeOf(stream, session).conf(demo).timeout, 7)
  assert.deepEqual(
    session.diagnostics.map(({ message, at }) => [message, at?.line]),
    [['invalid number', 1]],
  )
  assert.ok(session.failed)
})
