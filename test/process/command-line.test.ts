/** The command line beside nginx's own: the same words, the same exit codes. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { run } from '../support/process.ts'
import { makeTempPrefix, type TempPrefix } from '../support/temp-prefix.ts'
import { trijetCommand } from '../support/trijet.ts'
import { command } from './support.ts'

const conf = 'conf/trijet.conf'

function prefixWith(t: TestContext, text: string): TempPrefix {
  return makeTempPrefix(t, { [conf]: text })
}

/** nginx's standard error for the same arguments, with our name and without its times and pids. */
async function nginxSays(prefix: TempPrefix, args: readonly string[]): Promise<string> {
  const { stderr } = await run([
    'nginx',
    '-p',
    prefix.path,
    '-c',
    prefix.file(conf),
    '-e',
    'stderr',
    ...args,
  ])
  return stderr
    .replaceAll(/^.*\[notice\].*\n/gm, '')
    .replaceAll(/^\S+ \S+ (\[\w+\]) \d+#\d+: /gm, 'trijet: $1 ')
    .replaceAll('nginx: ', 'trijet: ')
}

const pid = 'pid logs/trijet.pid;'

const tested: readonly (readonly [what: string, conf: string])[] = [
  ['a configuration that is right', `${pid} events {}`],
  ['an unknown directive', `${pid}\nevents {}\nbad 1;\n`],
  ['a missing semicolon', `${pid}\nevents {}\nworker_processes 1`],
  ['no events', pid],
  ['a bad number of workers', `${pid} worker_processes x; events {}`],
  ['a directive twice', `${pid} events {}\ndaemon on; daemon off;`],
  ['a bad flag', `${pid} events {}\ndaemon maybe;`],
  ['a bad level', `${pid} events {}\nerror_log logs/e.log loud;`],
  ['two levels', `${pid} events {}\nerror_log logs/e.log info warn;`],
  ['an unknown user', `${pid} events {}\nuser nobody-of-that-name;`],
  ['an unknown group', `${pid} events {}\nuser root no-group-of-that-name;`],
  ['too many arguments', `${pid} events {}\nuser root root root;`],
  ['a bad number of files', `${pid} events {}\nworker_rlimit_nofile x;`],
  ['a bad time', `${pid} events {}\nworker_shutdown_timeout x;`],
  ['a bad priority', `${pid} events {}\nworker_priority x;`],
  ['bad connections', `${pid} events { worker_connections x; }`],
  ['an unknown event method', `${pid} events { use nope; }`],
  ['events twice', `${pid} events {} events {}`],
  ['a module that is not there', `${pid}\nload_module modules/nope.so;\nevents {}`],
  ['a module too late', `${pid} events {}\nload_module modules/nope.so;`],
  ['a missing include', `${pid} events {}\ninclude nothing.conf;`],
]

for (const [what, text] of tested) {
  test(`-t: ${what}`, async (t) => {
    const prefix = prefixWith(t, text)
    const { code, stderr, stdout } = await command(prefix, '-t')
    assert.equal(stderr, await nginxSays(prefix, ['-t']))
    assert.equal(code, stderr.includes('[emerg]') ? 1 : 0)
    assert.equal(stdout, '')
  })
}

test('-t tells all faults, in the order of the file', async (t) => {
  const prefix = prefixWith(t, 'events {}\none;\ntwo;\nworker_processes 1 2;\n')
  const { stderr } = await command(prefix, '-t')
  const file = prefix.file(conf)
  assert.deepEqual(stderr.trim().split('\n'), [
    `trijet: [emerg] unknown directive "one" in ${file}:2`,
    `trijet: [emerg] unknown directive "two" in ${file}:3`,
    `trijet: [emerg] invalid number of arguments in "worker_processes" directive in ${file}:4`,
    `trijet: configuration file ${file} test failed`,
  ])
})

test('-t of a file that is not there', async (t) => {
  const prefix = makeTempPrefix(t)
  const { code, stderr } = await command(prefix, '-t')
  assert.equal(stderr, await nginxSays(prefix, ['-t']))
  assert.equal(code, 1)
})

test('-T prints all files to standard output, as nginx does', async (t) => {
  const prefix = prefixWith(t, `${pid}\nevents {}\ninclude more/*.conf;\n`)
  prefix.write('conf/more/a.conf', '# a\n')
  prefix.write('conf/more/b.conf', 'env A=b;\n')
  const ours = await command(prefix, '-T')
  const theirs = await run(['nginx', '-T', '-p', prefix.path, '-c', prefix.file(conf)])
  assert.equal(ours.stdout, theirs.stdout)
  assert.equal(ours.stderr, await nginxSays(prefix, ['-T']))
})

test('-q leaves only what is wrong', async (t) => {
  const right = await command(prefixWith(t, 'events {}'), '-t', '-q')
  assert.deepEqual([right.code, right.stdout, right.stderr], [0, '', ''])
  const wrong = await command(prefixWith(t, 'bad;'), '-tq')
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /unknown directive "bad"/)
})

const globals: readonly string[] = ['daemon off; daemon on;', 'bad;', 'daemon off', 'include']

for (const text of globals) {
  test(`-g '${text}' is refused in nginx's words`, async (t) => {
    const prefix = prefixWith(t, `${pid} events {}`)
    const { code, stderr } = await command(prefix, '-t', '-g', text)
    const said = stderr.split('\n').filter((line) => line.includes('[emerg]'))
    const [theirs] = (await nginxSays(prefix, ['-t', '-g', text])).split('\n')
    assert.equal(said[0], theirs)
    assert.equal(code, 1)
  })
}

test('a directive of -g that stands in the file too is a duplicate', async (t) => {
  const prefix = prefixWith(t, `daemon off; ${pid} events {}`)
  const args = ['-t', '-g', 'daemon off;']
  const { stderr } = await command(prefix, ...args)
  assert.equal(stderr, await nginxSays(prefix, args))
})

test('-t refuses what a start would refuse: a port that cannot be bound, a copilot that is not there', async (t) => {
  const prefix = prefixWith(t, 'events {}\nstream { server { listen 192.0.2.1:1; return a; } }')
  const { code, stderr } = await command(prefix, '-t')
  assert.equal(code, 1)
  assert.match(stderr, /\[emerg\] bind\(\) to 192\.0\.2\.1:1 failed \(99: Cannot assign requested/)
  const other = prefixWith(t, 'helper a nothing.ts;\nevents {}')
  assert.match((await command(other, '-t')).stderr, /dlopen\(\) ".*nothing\.ts" failed/)
})

const options: readonly (readonly string[])[] = [['foo'], ['-x'], ['-s'], ['-s', 'kill'], ['-c']]

for (const words of options) {
  test(`the arguments ${words.join(' ')} are refused in nginx's words`, async () => {
    const ours = await trijetCommand(words)
    const theirs = await run(['nginx', ...words])
    assert.equal(ours.stderr, theirs.stderr.replaceAll('nginx: ', 'trijet: '))
    assert.equal(ours.code, theirs.code)
  })
}

test('-h and -? explain every letter', async () => {
  const [short, question] = [await trijetCommand(['-h']), await trijetCommand(['-?'])]
  assert.equal(short.stderr, question.stderr)
  for (const letter of 'hvVtTqspecg') assert.match(short.stderr, new RegExp(`-${letter}\\b`))
  assert.equal(short.code, 0)
})

test('-v and -V tell the version, -V what is built in', async () => {
  const [version, configure] = [await trijetCommand(['-v']), await trijetCommand(['-V'])]
  assert.match(version.stderr, /^trijet version: trijet\/\d+\.\d+\.\d+\n$/)
  assert(configure.stderr.startsWith(version.stderr))
  const line = /^configure arguments: (.*)$/m.exec(configure.stderr)![1]!
  assert.match(line, /--with-http_v2_module /)
  assert.match(line, /--with-stream /)
  assert.match(line, /--without-http_ssi_module/)
})

test('-s without a running master', async (t) => {
  const prefix = prefixWith(t, `${pid} events {}`)
  for (const name of ['stop', 'quit', 'reload', 'reopen']) {
    const { code, stderr } = await command(prefix, '-s', name)
    const path = prefix.file('logs/trijet.pid')
    const failure = 'failed (2: No such file or directory)'
    assert.equal(stderr, `trijet: [error] open() "${path}" ${failure}\n`)
    assert.equal(code, 1)
  }
})

test('-s with a pid file that holds no living pid', async (t) => {
  const prefix = prefixWith(t, `${pid} events {}`)
  for (const text of ['', 'abc', '4194300']) {
    prefix.write('logs/trijet.pid', text)
    const { code, stderr } = await command(prefix, '-s', 'reload')
    assert.equal(stderr, await nginxSays(prefix, ['-s', 'reload']))
    assert.equal(code, 1)
  }
})

test('a prefix set up for OpenNJet gets the advice to name its file', async (t) => {
  const prefix = makeTempPrefix(t, { 'conf/njet.conf': 'events {}' })
  const { stderr } = await command(prefix, '-t')
  assert.match(stderr, /to run on .*conf\/njet\.conf say: -c conf\/njet\.conf/)
})
