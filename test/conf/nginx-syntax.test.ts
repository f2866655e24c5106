/**
 * The configuration reader beside real nginx: the same text, the same first message, the same line.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDiagnostic } from '../../src/engine/conf/diagnostics.ts'
import { checkConfiguration } from '../../src/engine/conf/check.ts'
import type { DirectiveShape } from '../../src/engine/conf/directive-table.ts'
import { createDiskReader } from '../../src/engine/conf/file-reader.ts'
import { loadConfiguration } from '../../src/engine/conf/includes.ts'

import { parseParameter } from '../../src/engine/conf/parser.ts'
import { dumpFiles } from '../../src/engine/conf/printer.ts'
import { askNginxAt } from '../support/nginx.ts'

import { run } from '../support/process.ts'
import { type Random, seededRandom } from '../support/random.ts'
import { makeTempPrefix, type TempPrefix } from '../support/temp-prefix.ts'

const confName = 'conf/nginx.conf'

/** A few of nginx's directives, with nginx's own shapes. */
const shapes: Readonly<Record<string, DirectiveShape>> = {
  'main events': { block: { args: [0, 0], opens: 'events', repeated: false } },
  'main http': { block: { args: [0, 0], opens: 'http', repeated: false } },
  'main user': { row: { args: [1, 2] } },
  'main pid': { row: { args: [1, 1] } },
  'main worker_processes': { row: { args: [1, 1] } },
  'main env': { row: { args: [1, 1], merge: true } },
  'events worker_connections': { row: { args: [1, 1] } },
  'http server': { block: { args: [0, 0], opens: 'server', repeated: true } },
  'http map': { block: { args: [2, 2], opens: 'free', repeated: true } },
  'http types': { block: { args: [0, 0], opens: 'free', repeated: true } },
  'http root': { row: { args: [1, 1] } },
  'server location': { block: { args: [1, 2], opens: 'location', repeated: true } },
  'server root': { row: { args: [1, 1] } },
  'server server_name': { row: { args: [1, Infinity], merge: true } },
  'location return': { row: { args: [1, 2], merge: true } },
  'location root': { row: { args: [1, 1] } },
}
const names = new Set(Object.keys(shapes).map((key) => key.split(' ')[1]))

const table = {
  find: (context: string, name: string) => shapes[`${context} ${name}`],
  knows: (name: string) => names.has(name),
}

const long = (length: number): string => 'A'.repeat(length)

/** Whole configurations; most of them wrong, each in its own way. */
const cases: readonly string[] = [
  // What is right.
  'events {}',
  'events{}',
  'events {}\n# comment without an end of line',
  'events\n{\n}\n',
  '\r\nevents\r\n{\r\n}\r\n',
  '"events" {}',
  "'events'{}",
  'env A;env "B";env \'C\';events{}',
  'env # comment\nA # another ; { }\n;events{}',
  'http { server { location / { return 200 "a;b{c}d#e"; } } } events {}',
  'http { server { location / { return 200 ${request_uri}x; } } } events {}',
  'http { server { location / { return 200 $request_uri; } } } events {}',
  'http { server { server_name a"b c\'d e#f g}h; } } events {}',
  'http { server { server_name "a" \'b\'"c" ; } } events {}'.replace('\'"c"', '\' "c"'),
  'http { map $uri $x { "a b" 1; ~^/x\\.y$ 2; default "\\"" ; } } events {}',
  `events{} env ${long(4095)};`,
  `events{} env "${long(4095)}";`,
  `events{} env "${long(4093)}" ;`,
  `events{} #${long(4094)}\n`,
  `events{} #${long(4095)}`,
  'events{} include nothing-*.conf;',
  'include events.inc;',
  'include ev*.inc;',
  // Ends too early.
  'events {',
  'events {\n\n',
  'events { worker_connections 10',
  'events {} user',
  'events {} user nobody',
  'events {} user nobody # ;',
  'events {} user "nobody;\n\n',
  "events {} user 'nobody;\n",
  'events {} user "nobody\\";\n',
  'events {} user nobody\\',
  'events {} user\n\n\n',
  'http { server {\n',
  'http { map $a $b { x 1;\n',
  // Characters in wrong places.
  ';',
  '\n\n;',
  '{',
  '}',
  'events {}}',
  'events {};',
  'events { ; }',
  'events { { } }',
  'events {} user nobody }',
  'http { server { server_name a }\n}',
  'http { server { server_name "a" }\n}',
  'http { server { server_name "a"}\n}',
  'events {} user "a"b;',
  'events {} user "a""b";',
  "events {} user 'a'$b;",
  'events {} user "a"#b\n;',
  'events {} user "a"(b);',
  'events {} user "a")b c;',
  'events {}\nuser\n"a"\n}',
  'events {} user a{b;',
  'events {} user ${a{b;',
  'events {} user $a{b;',
  'events {} env \\${a;',
  'events {} env $\\{a;',
  'events {} env a\\;',
  'events {} env a\\ b c;',
  // Too long.
  `events{} env ${long(4096)};`,
  `events{}\nenv ${long(4095)} ;`,
  `events{}\nenv "${long(4094)}" ;`,
  `events{}\nenv "${long(4095)}" ;`,
  `events{}\nenv "${long(4096)}";`,
  `events{}\nenv '${long(5000)}\n\n';\n`,
  `events{}\nenv\n  "${long(3000)}\n${long(3000)};\n`,
  `events{}\n#${long(4095)}\n`,
  `events{}\nenv ${'ä'.repeat(2047)} ;`,
  `events{}\nenv ${'ä'.repeat(2048)} ;`,
  // Directives that do not fit.
  'foo;',
  'events {}\nfoo\nbar\n{\n}\n',
  'foo { bar; }',
  'http { foo a b; }',
  'worker_connections 10; events {}',
  'http { worker_connections 10; }',
  'http { server { events {} } }',
  'events;',
  'events\n\n;',
  'events a {}',
  'user;',
  'user a b c;',
  'user a {}',
  'user a\n\n{ }',
  'http { server { location { } } }',
  'http { server { location\na\nb\nc\n{ } } }',
  'http { map $a { } }',
  'http { map $a $b { x {\n} } }',
  'http { map $a $b { x 1; y\n{ z 1; } } }',
  'http { types { text/x\n{ } } }',
  'worker_processes 1;\nworker_processes\n2;\nevents {}',
  'events {}\nevents\n{\n}',
  'http {}\nhttp { foo; }',
  'http { root a; root b; }',
  '"foo bar" 1;',
  '"" 1;',
  '\uFEFFevents {}',
  // Files.
  'include missing.conf;',
  'events {}\ninclude\nmissing.conf\n;',
  'include /missing/x.conf;',
  'include a b;',
  'include;',
  'include a\n{\n}',
  'include broken.inc;',
  'events {} include unclosed.inc; }',
  'http { include brace.inc; }',
  'include events.inc;\ninclude events.inc;',
  'include events.inc; foo;',
  'http { include broken.inc; foo; }',
  'http { foo; include broken.inc; }',
]

const includedFiles = {
  'conf/events.inc': 'events {\n}\n',
  'conf/broken.inc': '\n\nfoo "a"b;\n',
  'conf/unclosed.inc': '\nhttp {\n',
  'conf/brace.inc': '}\n',
}

/** The first message of ours, without the prefix's path; `undefined` when there is none. */
function firstOfOurs(prefix: TempPrefix): string | undefined {
  const configuration = loadConfiguration(prefix.file(confName), createDiskReader())
  const [first] = checkConfiguration(configuration, table)
  if (first === undefined) return undefined
  return (
    firstLine(formatDiagnostic(first))
      .replaceAll(`${prefix.path}/`, '')
      // nginx names the first byte only.
      .replace('unexpected "ä"', 'unexpected "\uFFFD"')
  )
}

/** A file name may hold line feeds; what nginx prints after one is not told from its other output. */
function firstLine(message: string): string {
  return message.split('\n')[0]!
}

async function firstOfNginx(prefix: TempPrefix): Promise<string | undefined> {
  const { messages } = await askNginxAt(prefix)
  return messages.find((line) => line.startsWith('[emerg]'))?.slice('[emerg] '.length)
}

async function compare(prefix: TempPrefix, text: string): Promise<void> {
  prefix.write(confName, text)
  const shown = text.length > 200 ? `${text.slice(0, 40)}…${text.slice(-20)}` : text
  assert.equal(firstOfOurs(prefix), await firstOfNginx(prefix), `for ${JSON.stringify(shown)}`)
}

test('every case has the message and the line of nginx', async (t) => {
  const prefix = makeTempPrefix(t, includedFiles)
  for (const text of cases) await t.test(nameOf(text), () => compare(prefix, text))
})

function nameOf(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}

/** A statement out of the characters that mean something to a tokenizer. */
function randomWords(random: Random): string {
  const parts = [
    '"',
    "'",
    '\\',
    '$',
    '{',
    '}',
    ';',
    '#',
    ' ',
    '\t',
    '\n',
    ')',
    '(',
    'a',
    'b',
    't',
    'n',
    'ä',
  ]
  const length = random.integer(1, 9)
  return Array.from({ length }, () => random.pick(parts)).join('')
}

test('random words are read as nginx reads them', async (t) => {
  const random = seededRandom(t)
  const prefix = makeTempPrefix(t)
  for (let i = 0; i < 300; i++) {
    // nginx names the file that it does not find, and so tells what it read.
    await compare(prefix, `events {}\ninclude ./x${randomWords(random)};\n`)
    await compare(prefix, `events {}\ninclude "./x${randomWords(random)}";\n`)
  }
})

test('the argument of -g has the messages of nginx', async (t) => {
  const prefix = makeTempPrefix(t, { [confName]: 'events {}' })
  for (const text of [
    'daemon off',
    'daemon',
    'daemon "off',
    'events {',
    'daemon off }',
    ';',
    '}',
  ]) {
    const { stderr } = await run(['nginx', '-t', '-c', prefix.file(confName), '-g', text])
    const emerg = stderr.split('\n').find((line) => line.includes('[emerg]')) ?? ''
    const [first] = parseParameter(text).diagnostics
    assert.equal(formatDiagnostic(first!), emerg.replace(/^.*\[emerg\] (?:\d+#\d+: )?/, ''), text)
  }
})

test('files are dumped as by nginx -T', async (t) => {
  const main = 'events {} # no end of line\nhttp { include b.conf; include [ab].conf; }'
  const texts = { 'conf/a.conf': '', 'conf/b.conf': '\n# b\n', [confName]: main }
  const prefix = makeTempPrefix(t, texts)
  const globals = `pid ${prefix.file('logs/nginx.pid')};`
  const log = prefix.file('logs/error.log')
  const { stdout } = await run([
    'nginx',
    '-Tq',
    '-c',
    prefix.file(confName),
    '-e',
    log,
    '-g',
    globals,
  ])
  const { files } = loadConfiguration(prefix.file(confName), createDiskReader())
  assert.equal(dumpFiles([...files].map(([path, { text }]) => [path, text])), stdout)
})
