/**
 * The change of the binary: a new master is started by the old one, and inherits its listening sockets.
 *
 * nginx names them in the variable NGINX; here it is TRIJET, which holds JSON: `[{"key":…,"fd":3},…]`.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../core/log.ts'
import type { Inherited } from './descriptor-registry.ts'
import { packageFolder } from './place.ts'

const variable = 'TRIJET'
/** Descriptors are inherited after the three standard streams. */
const firstDescriptor = 3

/** Starts the program as it is on the disk now; `onEnd` is called if it ends while this one lives. */
export function startNewBinary(sockets: readonly Inherited[], log: Log, onEnd: () => void): void {
  const list = sockets.map(({ key }, i) => ({ key, fd: firstDescriptor + i }))
  const [file, args] = ownCommand()
  const child = spawn(file, args, {
    env: { ...process.env, [variable]: JSON.stringify(list) },
    stdio: ['ignore', 'inherit', 'inherit', ...sockets.map(({ fd }) => fd)],
  })
  child.once('error', (error) => {
    log.write('alert', `the new binary could not be started: ${error.message}`)
    if (child.pid === undefined) onEnd()
  })
  child.once('exit', (code, signal) => {
    log.write('notice', `new binary process ${child.pid} exited with ${signal ?? `code ${code}`}`)
    onEnd()
  })
  if (child.pid !== undefined) log.write('notice', `start new binary process ${child.pid}`)
}

/** What another master gave to this one; `undefined` when it was started by nobody of ours. */
export function takeInheritance(): readonly Inherited[] | undefined {
  const text = process.env[variable]
  delete process.env[variable]
  return text === undefined ? undefined : (JSON.parse(text) as Inherited[])
}

/** The command that starts this program again, by its launcher where there is one: its flags may be new. */
export function ownCommand(): readonly [file: string, args: readonly string[]] {
  const [, script = '', ...args] = process.argv
  const launcher = join(packageFolder, 'bin/trijet')
  if (existsSync(launcher)) return [launcher, args]
  return [process.execPath, [...process.execArgv, script, ...args]]
}
