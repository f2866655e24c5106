/**
 * An executable as a copilot: started with `--conf <absolute path>`, stopped by SIGTERM, and by SIGKILL
 * when that does not help. When it ends by itself its copilot ends, and the master starts both anew.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type Copilot, type CopilotContext, defineCopilot } from '../process/copilot.ts'

/** From SIGTERM to SIGKILL; within the time that the master gives a copilot. */
const killAfterMs = 3_000

/** Makes the kernel end the executable when this process is killed, so that two never run at once. */
const parentDeathWrapper = '/usr/bin/setpriv'

export function executableCopilot(path: string): Copilot {
  return defineCopilot({ version: 1, run: (context) => run(path, context) })
}

async function run(path: string, { confFile, prefix, log, signal }: CopilotContext): Promise<void> {
  const own = confFile === undefined ? [] : ['--conf', confFile]
  const [file, args] = command(path, own)
  const child = spawn(file, args, { cwd: prefix, stdio: ['ignore', 'inherit', 'inherit'] })
  const stop = (): void => stopChild(child)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const [code, reason] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  const level = signal.aborted ? 'notice' : 'error'
  log.write(level, `executable "${path}" ended with ${reason ?? `code ${code}`}`)
}

function command(path: string, args: readonly string[]): readonly [string, readonly string[]] {
  if (process.platform !== 'linux' || !existsSync(parentDeathWrapper)) return [path, args]
  return [parentDeathWrapper, ['--pdeathsig', 'KILL', '--', path, ...args]]
}

function stopChild(child: ChildProcess): void {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  child.once('exit', () => clearTimeout(timer))
}
