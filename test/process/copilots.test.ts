/** Copilots: their contract, their life, reloads, and executables. */
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test, type TestContext } from 'node:test'
import { freePort } from '../support/ports.ts'
import { isAlive } from '../support/process-tree.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { startTrijet, type Trijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'
import { command, streamConf, textOf, untilGone } from './support.ts'

const contract = fileURLToPath(new URL('../../src/engine/process/copilot.ts', import.meta.url))

/** A copilot that notes what happens to it in `logs/<tag>.txt`. */
function copilotText(properties: string): string {
  return `
    import { appendFileSync } from 'node:fs'
    import { once } from 'node:events'
    import { defineCopilot } from '${contract}'
    export const copilot = defineCopilot({
      ${properties},
      async run({ tag, confFile, prefix, signal, commands }) {
        const note = (text) => appendFileSync(prefix + '/logs/' + tag + '.txt', text + '\\n')
        note('run ' + process.pid + ' ' + confFile)
        void (async () => { for await (const command of commands) note(command) })()
        if (!signal.aborted) await once(signal, 'abort')
        note('stop')
      },
    })`
}

interface Line {
  readonly event: string
  readonly pid: number
}

function notes(engine: Trijet, tag: string): Line[] {
  const lines = engine.prefix.read(`logs/${tag}.txt`).trim().split('\n')
  return lines
    .filter((line) => line !== '')
    .map((line) => ({ event: line.split(' ')[0]!, pid: Number(line.split(' ')[1] ?? 0) }))
}

async function untilNotes(engine: Trijet, tag: string, events: string): Promise<Line[]> {
  await until(
    () =>
      notes(engine, tag)
        .map(({ event }) => event)
        .join(' ') === events,
    {
      what: `"${events}" of ${tag}, not "${notes(engine, tag)
        .map(({ event }) => event)
        .join(' ')}"`,
    },
  )
  return notes(engine, tag)
}

async function startWith(
  t: TestContext,
  helpers: string,
  files: Readonly<Record<string, string>>,
): Promise<{
  readonly engine: Trijet
  readonly port: number
  readonly conf: (helpers: string) => string
}> {
  const port = await freePort()
  const conf = (lines: string): string => streamConf({ [port]: 'a' }, lines)
  return { engine: await startTrijet(t, { conf: conf(helpers), files }), port, conf }
}

test('a copilot is run with its file, told to stop, and ends with the engine', async (t) => {
  const { engine } = await startWith(t, 'helper demo demo.ts conf/demo.conf;', {
    'demo.ts': copilotText('version: 1'),
    'conf/demo.conf': '',
  })
  const [run] = await untilNotes(engine, 'demo', 'run')
  assert.match(
    engine.prefix.read('logs/demo.txt'),
    new RegExp(`${engine.prefix.path}/conf/demo.conf`),
  )
  const [child] = engine.children('copilot process conf/demo.conf')
  assert.equal(child!.pid, run!.pid)
  process.kill(run!.pid, 'SIGHUP')
  await untilNotes(engine, 'demo', 'run restart')
  assert.equal((await engine.stop()).code, 0)
  assert.deepEqual(
    notes(engine, 'demo').map(({ event }) => event),
    ['run', 'restart', 'stop'],
  )
})

test('a killed copilot is started again at once, and its pid stands in the key values', async (t) => {
  const { engine } = await startWith(t, 'helper demo demo.ts;', {
    'demo.ts': copilotText('version: 1'),
  })
  const [first] = await untilNotes(engine, 'demo', 'run')
  process.kill(first!.pid, 'SIGKILL')
  const [, second] = await untilNotes(engine, 'demo', 'run run')
  assert.notEqual(second!.pid, first!.pid)
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(engine.prefix.file('data/kv/kv.db'), { readOnly: true })
  const sql = `SELECT value FROM entries WHERE key = 'kv_http___COPILOT_PID_demo'`
  const row = database.prepare(sql).get()
  database.close()
  assert.equal(Buffer.from(row!['value'] as Uint8Array).toString(), String(second!.pid))
})

test('a reload starts new copilots, ends old ones, and restarts only what changed', async (t) => {
  const files = Object.fromEntries(
    ['same', 'edited', 'gone', 'fresh'].flatMap((name) => [
      [`${name}.ts`, copilotText('version: 1')],
      [`conf/${name}.conf`, 'one'],
    ]),
  )
  const line = (name: string): string => `helper ${name} ${name}.ts conf/${name}.conf;`
  const { engine, conf } = await startWith(
    t,
    ['same', 'edited', 'gone'].map(line).join('\n'),
    files,
  )
  for (const name of ['same', 'edited', 'gone']) await untilNotes(engine, name, 'run')
  engine.prefix.write('conf/edited.conf', 'two')
  await engine.reload(conf(['same', 'edited', 'fresh'].map(line).join('\n')))
  await untilNotes(engine, 'edited', 'run stop run')
  await untilNotes(engine, 'gone', 'run stop')
  await untilNotes(engine, 'fresh', 'run')
  assert.deepEqual(
    notes(engine, 'same').map(({ event }) => event),
    ['run'],
  )
})

test('one that ignores reloads is left alone, and its line may not be dropped', async (t) => {
  const { engine, port, conf } = await startWith(t, 'helper keep keep.ts conf/keep.conf;', {
    'keep.ts': copilotText('version: 1, ignoreReload: true'),
    'conf/keep.conf': 'one',
  })
  await untilNotes(engine, 'keep', 'run')
  engine.prefix.write('conf/keep.conf', 'two')
  await engine.reload(conf('helper keep keep.ts conf/keep.conf; env A=b;'))
  await engine.waitForLog(/reconfigured/)
  engine.prefix.write('conf/trijet.conf', streamConf({ [port]: 'changed' }))
  engine.signal('SIGHUP')
  await engine.waitForLog(/\[emerg\] .*Need to keep original non-reloadable helper directive!/)
  assert.equal(await textOf(t, port), 'a')
  assert.deepEqual(
    notes(engine, 'keep').map(({ event }) => event),
    ['run'],
  )
})

const refused: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ['another version', copilotText('version: 2'), /it has version 2, this engine runs 1/],
  ['no version', copilotText('name: 1'), /it has version undefined/],
  ['no export', 'export const other = 1', /has no export "copilot"/],
  ['a fault in it', 'throw new Error("broken")', /broken/],
  ['an end of the process', 'process.exit(0)', /its file ended the process/],
]

for (const [what, text, message] of refused) {
  test(`refused at configuration time: a copilot with ${what}`, async (t) => {
    const prefix = makeTempPrefix(t, {
      'conf/trijet.conf': 'events {}\nhelper bad bad.ts;',
      'bad.ts': text,
    })
    for (const args of [['-t'], ['-g', 'daemon off;']]) {
      const { code, stderr } = await command(prefix, ...args)
      assert.equal(code, 1)
      assert.match(stderr, /\[emerg\] njet helper check version failed: /)
      assert.match(stderr, message)
      assert.match(stderr, /in .*trijet\.conf:2/)
    }
  })
}

test('a missing program and a missing file are refused', async (t) => {
  const prefix = makeTempPrefix(t, {
    'conf/trijet.conf': `events {}
      helper a /nowhere/program;
      helper b modules/njt_helper_broker_module.so conf/nothing.conf;
      helper c modules/njt_helper_nothing_module.so;`,
  })
  const { stderr } = await command(prefix, '-t')
  assert.match(stderr, /dlopen\(\) "\/nowhere\/program" failed .* in .*:2/)
  assert.match(stderr, /open\(\) ".*nothing\.conf" failed \(2: No such file or directory\) in .*:3/)
  assert.match(stderr, /dlopen\(\) ".*njt_helper_nothing_module\.so" failed .* in .*:4/)
})

const script = `#!/bin/sh
log="$(dirname "$0")/logs/exec.txt"
echo "start $$ $*" >> "$log"
TRAP
while :; do sleep 0.05; done
`

function executable(t: TestContext, trap: string): ReturnType<typeof makeTempPrefix> {
  const prefix = makeTempPrefix(t, { 'conf/x.conf': '', gocop: script.replace('TRAP', trap) })
  chmodSync(prefix.file('gocop'), 0o755)
  return prefix
}

function execPids(engine: Trijet): number[] {
  const starts = engine.prefix.read('logs/exec.txt').matchAll(/^start (\d+)/gm)
  return [...starts].map(([, pid]) => Number(pid))
}

test('an executable gets --conf with an absolute path, and SIGTERM to stop', async (t) => {
  const port = await freePort()
  const prefix = executable(t, `trap 'echo term >> "$log"; exit 0' TERM`)
  const conf = streamConf({ [port]: 'a' }, 'helper gocop gocop conf/x.conf;')
  const engine = await startTrijet(t, { conf, prefix })
  await until(() => execPids(engine).length === 1, { what: 'the executable to run' })
  const [pid] = execPids(engine)
  assert.match(prefix.read('logs/exec.txt'), new RegExp(`--conf ${prefix.path}/conf/x.conf`))
  assert.equal((await engine.stop()).code, 0)
  assert.match(prefix.read('logs/exec.txt'), /^term$/m)
  assert(!isAlive(pid!))
})

test('an executable that does not heed SIGTERM is killed', async (t) => {
  const port = await freePort()
  const prefix = executable(t, `trap '' TERM`)
  const conf = streamConf({ [port]: 'a' }, 'helper gocop gocop conf/x.conf;')
  const engine = await startTrijet(t, { conf, prefix })
  await until(() => execPids(engine).length === 1, { what: 'the executable to run' })
  const [pid] = execPids(engine)
  assert.equal((await engine.stop()).code, 0)
  assert(!isAlive(pid!))
})

test('an executable is started again when it dies, and never runs twice', async (t) => {
  const port = await freePort()
  const prefix = executable(t, '')
  const conf = streamConf({ [port]: 'a' }, 'helper gocop gocop conf/x.conf;')
  const engine = await startTrijet(t, { conf, prefix })
  await until(() => execPids(engine).length === 1, { what: 'the executable to run' })
  const [first] = execPids(engine)
  process.kill(first!, 'SIGKILL')
  await until(() => execPids(engine).length === 2, { what: 'its second start' })
  const [host] = engine.children('copilot process conf/x.conf')
  process.kill(host!.pid, 'SIGKILL')
  await until(() => execPids(engine).length === 3, { what: 'its third start' })
  await untilGone(execPids(engine)[1]!)
})

test('a copilot asks another one by the bus', async (t) => {
  const program = (body: string): string => `
    import { appendFileSync } from 'node:fs'
    import { once } from 'node:events'
    import { defineCopilot } from '${contract}'
    export const copilot = defineCopilot({
      version: 1,
      async run({ prefix, signal, request, serve }) {
        const note = (text) => appendFileSync(prefix + '/logs/answers.txt', text + '\\n')
        ${body}
        if (!signal.aborted) await once(signal, 'abort')
      },
    })`
  const lines = `
    helper broker modules/njt_helper_broker_module.so conf/mqtt.conf;
    helper answers answers.ts;
    helper asks asks.ts;`
  const { engine } = await startWith(t, lines, {
    'conf/mqtt.conf': '',
    'answers.ts': program(`
      await serve('/rpc/#', (topic, body) => {
        if (body.fail) throw new Error('told to')
        return { topic, twice: body.number * 2 }
      })`),
    // Nobody answers before the other one is there.
    'asks.ts': program(`
      const ask = async (body) => {
        for (let tries = 0; tries < 100; tries++) {
          try {
            return JSON.stringify(await request('/rpc/double', body, { timeoutMs: 500 }))
          } catch ({ code, message }) {
            if (code !== 'TRIJET_BUS_TIMEOUT') return code + ' ' + message
          }
        }
      }
      note(await ask({ number: 21 }))
      note(await ask({ fail: true }))`),
  })
  const answers = (): string => engine.prefix.read('logs/answers.txt')
  await until(() => answers().split('\n').length > 2, { what: 'both answers' })
  const [answer, fault] = answers().split('\n')
  assert.deepEqual(JSON.parse(answer!), { topic: '/rpc/double', twice: 42 })
  assert.equal(fault, 'TRIJET_BUS_REMOTE told to')
})
