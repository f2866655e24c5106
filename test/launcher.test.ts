/**
 * `bin/trijet`: a pid that stays, arguments and signals that arrive, from a shell and from any Node.
 */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run, startProcess } from './support/process.ts'
import type { Owner } from './support/scope.ts'
import { makeTempPrefix, type TempPrefix } from './support/temp-prefix.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** The Node of the machine, if it has one beside ours: what a user's shell would call. */
const otherNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path))

/** Stands in for the engine: tells what it was given, then waits for a signal. */
const standIn = `
  const { pid, argv, execArgv, versions } = process
  process.on('SIGHUP', () => console.log('reload'))
  process.on('SIGQUIT', () => process.exit(7))
  console.log(JSON.stringify({ pid, args: argv.slice(2), execArgv, node: versions.node }))
  setTimeout(() => {}, 60_000)
`

/** A checkout of the launcher alone, in a folder with a space in its name. */
function makeCheckout(owner: Owner, withNode = true): { launcher: string; prefix: TempPrefix } {
  const prefix = makeTempPrefix(owner)
  const home = prefix.file('a checkout')
  mkdirSync(`${home}/node_modules`, { recursive: true })
  cpSync(`${root}bin`, `${home}/bin`, { recursive: true })
  prefix.write('a checkout/package.json', '{"type":"module"}')
  prefix.write('a checkout/src/cli/main.ts', standIn)
  if (withNode) symlinkSync(`${root}node_modules/node`, `${home}/node_modules/node`)
  return { launcher: `${home}/bin/trijet`, prefix }
}

interface Told {
  readonly pid: number
  readonly args: readonly string[]
  readonly execArgv: readonly string[]
  readonly node: string
}

test('as a command it becomes the pinned Node, and its pid stays', async (t) => {
  const { launcher, prefix } = makeCheckout(t)
  const link = prefix.file('link')
  symlinkSync(launcher, link)
  for (const command of [launcher, link]) {
    const child = await startProcess(t, [command, '-g', 'daemon off;', '', '*'])
    const [line] = await child.waitForOutput(/\{.*\}/)
    const told = JSON.parse(line) as Told
    assert.equal(told.pid, child.pid)
    assert.deepEqual(told.args, ['-g', 'daemon off;', '', '*'])
    assert.ok(told.execArgv.includes('--max-semi-space-size=32'))
    assert.equal(told.node, process.versions.node)
    child.signal('SIGHUP')
    await child.waitForOutput(/reload/)
    assert.deepEqual(await child.stop('SIGQUIT'), { code: 7, signal: null })
    assert.equal(child.stderr, '')
  }
})

for (const node of new Set([process.execPath, otherNode ?? process.execPath])) {
  test(`as JavaScript it runs the same on ${node}`, async (t) => {
    const { launcher } = makeCheckout(t)
    const child = await startProcess(t, [node, launcher, '-t', 'a b'])
    const [line] = await child.waitForOutput(/\{.*\}/)
    const told = JSON.parse(line) as Told
    assert.deepEqual(told.args, ['-t', 'a b'])
    assert.equal(told.node, process.versions.node)
    child.signal('SIGHUP')
    await child.waitForOutput(/reload/)
    assert.deepEqual(await child.stop('SIGQUIT'), { code: 7, signal: null })
    assert.equal(child.stderr, '')

    const killed = await startProcess(t, [node, launcher])
    await killed.waitForOutput(/\{.*\}/)
    assert.deepEqual(await killed.stop('SIGTERM'), { code: null, signal: 'SIGTERM' })
  })
}

test('without the pinned Node it says what to do', async (t) => {
  const { launcher } = makeCheckout(t, false)
  const { code, stderr } = await run([launcher, '-V'])
  assert.equal(code, 1)
  assert.match(stderr, /its own Node is missing: .*\n.*npm ci/)
})
