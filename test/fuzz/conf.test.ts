/**
 * Mutated configurations: reading one gives a tree or diagnostics, never anything else, and what it gives
 * can be written and read again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Block, directives, itemAt } from '../../src/engine/conf/block.ts'
import { ConfError, formatDiagnostic } from '../../src/engine/conf/diagnostics.ts'
import { createMemoryReader } from '../../src/engine/conf/file-reader.ts'
import { loadConfiguration } from '../../src/engine/conf/includes.ts'
import { fromJson, toJson } from '../../src/engine/conf/json.ts'
import { parse } from '../../src/engine/conf/parser.ts'
import { addChild, removeNode, replaceAt } from '../../src/engine/conf/patch.ts'
import { print } from '../../src/engine/conf/printer.ts'
import { directive, type Directive, withArgs } from '../../src/engine/conf/tree.ts'
import { joinWords, splitWords } from '../../src/engine/conf/words.ts'
import { type Random, seededRandom } from '../support/random.ts'

const rounds = 4000

const seedText = `# main
user  nobody;
events { worker_connections 1024; }
http {
    include conf.d/*.conf;
    map $host $name { default 1; "~^a b\\\\.c$" "x;y"; '' 2; }
    server {
        listen 80; # plain
        location ~ \\.php$ { return 200 "hi \${name} \\"there\\"\\n"; }
        content_by_lua_block { local t = { a = "}" } -- {
        }
    }
}
stream { server { listen 1; include body.inc; } }
`

const pieces = [
  '{',
  '}',
  ';',
  '"',
  "'",
  '\\',
  '$',
  '${',
  '#',
  '\n',
  ' ',
  '\t',
  '\r',
  '\0',
  'é',
  '\u{1F600}',
  'include conf.d/a.conf;',
  'include main.conf;',
  'server {',
  '_by_lua_block {',
  '--[[',
  ']]',
  '""',
  '\\n',
]

/** Cuts, doubles and inserts, a few times. */
function mutate(text: string, random: Random): string {
  let out = text
  for (let i = random.integer(1, 6); i > 0; i--) {
    const from = random.integer(0, out.length)
    const to = Math.min(out.length, from + random.integer(0, random.chance(0.1) ? 200 : 4))
    const middle = random.pick([
      random.pick(pieces),
      random.pick(pieces) + random.pick(pieces),
      out.slice(from, to).repeat(2),
      '',
    ])
    out = out.slice(0, from) + middle + out.slice(random.chance(0.5) ? from : to)
  }
  return out
}

/** What the engine sees of a tree. */
function shape(block: Block | undefined): unknown {
  if (block === undefined) return undefined
  return [...directives(block)].map(({ name, args, script, block: inner }) => [
    name,
    args,
    script,
    shape(inner),
  ])
}

function withoutSource(node: Directive): Directive {
  return { ...node, source: undefined }
}

test('mutated files are read to a tree or to diagnostics, and written back as they were', (t) => {
  const random = seededRandom(t)
  let valid = 0
  for (let round = 0; round < rounds; round++) {
    const text = mutate(seedText, random)
    const { main, diagnostics } = parse(text, 'main.conf')
    for (const diagnostic of diagnostics)
      assert.match(formatDiagnostic(diagnostic), / in main\.conf:\d+$/)
    if (diagnostics.length > 0) continue
    valid++
    assert.equal(print(main), text)
    const rewritten = parse(print(withoutSource(main)), 'rewritten')
    assert.deepEqual(rewritten.diagnostics, [])
    assert.deepEqual(shape(rewritten.main.block), shape(main.block))
  }
  assert.ok(valid > rounds / 50, `${valid} of ${rounds} were valid: too few to tell anything`)
})

test('a patched tree is written so that it is read again', (t) => {
  const random = seededRandom(t)
  for (let round = 0; round < rounds; round++) {
    const { main, diagnostics } = parse(mutate(seedText, random), 'main.conf')
    if (diagnostics.length > 0) continue
    let patched = main
    for (let i = random.integer(1, 5); i > 0; i--) patched = patch(patched, random)
    const again = parse(print(patched), 'printed')
    assert.deepEqual(again.diagnostics, [])
    assert.deepEqual(shape(again.main.block), shape(patched.block))
  }
})

/** Adds, removes, replaces or changes something somewhere. */
function patch(main: Directive, random: Random): Directive {
  const path: number[] = []
  let owner = main
  for (;;) {
    const inner = [...directives(owner.block!)]
    const blocks = inner.flatMap(({ block }, i) => (block === undefined ? [] : [i]))
    if (blocks.length === 0 || random.chance(0.4)) break
    const index = random.pick(blocks)
    path.push(index)
    owner = inner[index]!
  }
  const size = owner.block!.size
  const change = random.integer(0, size === 0 ? 0 : 3)
  const at = [...path, random.integer(0, Math.max(size - 1, 0))]
  if (change === 0) return addChild(main, path, freshNode(random), random.integer(0, size))
  if (change === 1) return removeNode(main, at)
  if (change === 2) return replaceAt(main, at, freshNode(random))
  return replaceAt(main, at, (node) => withArgs(node, [random.text(2, ' a"\\;#{')]))
}

/** A directive that was built, or came from another text with all its comments. */
function freshNode(random: Random): Directive {
  if (random.chance(0.3)) return directive('fresh', [random.text(3, ' a"\\;#{\n')])
  const text = random.pick([
    'a; # beside',
    '# above\n\n# and above\n a;',
    's { # in\n # more\n a; # beside\n b; } # end',
    's{a;}',
    's { # nothing\n}',
    'a\n # within\n b;',
  ])
  return itemAt(parse(text, random.pick(['main.conf', 'other'])).main.block!, 0)
}

test('mutated sets of files are read to the end', (t) => {
  const random = seededRandom(t)
  for (let round = 0; round < rounds / 4; round++) {
    const files = {
      'main.conf': mutate(seedText, random),
      'conf.d/a.conf': mutate('server { include ../body.inc; }\n', random),
      'conf.d/b.conf': mutate('include body.inc; root /;', random),
      'body.inc': mutate('proxy_pass a; include conf.d/?.conf;', random),
    }
    const { main } = loadConfiguration('main.conf', createMemoryReader(files))
    assert.ok(main.block !== undefined)
  }
})

test('a mutated tree goes through JSON unchanged', (t) => {
  const random = seededRandom(t)
  for (let round = 0; round < rounds; round++) {
    const { main, diagnostics } = parse(mutate(seedText, random), 'main.conf')
    if (diagnostics.length > 0) continue
    // Not by text: JSON.parse of Node 26.10 (V8 14.6) may take "a\\\\b" for "a\\b\t" in keys of like objects.
    const json: unknown = structuredClone(toJson(main))
    assert.deepEqual(shape(fromJson(json).block), shape(main.block))
  }
})

test('mutated JSON is read to a tree that can be written, or refused', (t) => {
  const random = seededRandom(t)
  const whole = JSON.stringify(toJson(parse(seedText, 'main.conf').main))
  for (let round = 0; round < rounds; round++) {
    const json = parseJson(mutate(whole, random))
    if (json === undefined) continue
    const main = attempt(() => fromJson(json))
    if (main === undefined) continue
    const { main: again, diagnostics } = parse(print(main), 'printed')
    assert.deepEqual(diagnostics, [])
    assert.deepEqual(shape(again.block), shape(main.block))
  }
})

test('any words are written so that they are read again', (t) => {
  const random = seededRandom(t)
  const alphabet = ' \t\r\n"\'\\;{}#$()trnab\0é'
  for (let round = 0; round < rounds * 5; round++) {
    const words = Array.from({ length: random.integer(1, 4) }, () =>
      random.text(random.integer(0, 6), alphabet),
    )
    assert.deepEqual(splitWords(joinWords(words)), words)
  }
})

test('splitting any text gives words or says what is wrong', (t) => {
  const random = seededRandom(t)
  for (let round = 0; round < rounds * 5; round++) {
    const text = random.text(random.integer(1, 12), ' \t\n"\'\\;{}#$()ab')
    const words = attempt(() => splitWords(text))
    if (words !== undefined) assert.deepEqual(splitWords(joinWords(words)), words)
  }
})

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof ConfError) return undefined
    throw error
  }
}
